//go:build !windows

package maildir

// infoSep stands before the info part of a name, as the Maildir specification says.
const infoSep byte = ':'
