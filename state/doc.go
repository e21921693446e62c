// Package state has the types that all other packages share: UID, Flags,
// the snapshot of a server's mailbox and that of a Maildir, the record of an agreement,
// the marker of a Maildir, and the kinds of failure.
//
// They are plain values. A method of one of them counts, compares or formats; it opens no
// file and reads no clock. The package imports the standard library alone, so that the
// engine (package sync), the backends and the store can use it without knowing each
// other. Package store keeps the values on disk.
package state
