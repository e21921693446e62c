package wire

import (
	"mailsync/backends/imap/grammar"
)

const (
	flagsRewritten = "flag list put into form"
	flagDropped    = "keyword that is no atom left out"
	flagsUnread    = "flag list that cannot be read left out"
)

// appendFlags reads a flag list and appends it as imapclient reads it. why says what had to be
// done, "" for nothing; at is the piece it was done to. A list of which no sense can be made
// gives nil. star allows \*, which PERMANENTFLAGS has.
func appendFlags(dst []byte, c *grammar.Scanner, star bool) (out []byte, why, at string) {
	all := c.Rest()
	if c.Null() {
		return append(dst, "()"...), flagsRewritten, all[:len("NIL")]
	}
	if !c.Eat('(') {
		return nil, flagsUnread, all
	}
	start := len(dst)
	dst = append(dst, '(')
	for c.SP(); !c.Eat(')'); c.SP() {
		rest, bare, ok := c.Rest(), !c.AtString() && c.Peek() != '(', true
		var one string
		switch {
		case bare:
			one = c.Word()
			ok = one != ""
		case c.AtString():
			one, ok = c.Str()
		default:
			ok = c.Skip()
			one = rest[:len(rest)-len(c.Rest())]
		}
		if !ok {
			return nil, flagsUnread, all
		}
		if !isFlag(one, star) {
			why, at = flagDropped, one
			continue
		}
		if !bare && why == "" {
			why, at = flagsRewritten, one
		}
		if dst[len(dst)-1] != '(' {
			dst = append(dst, ' ')
		}
		dst = append(dst, one...)
	}
	dst = append(dst, ')')
	if v := all[:len(all)-len(c.Rest())]; why == "" && string(dst[start:]) != v {
		why, at = flagsRewritten, v
	}
	return dst, why, at
}

// isFlag reports whether f is a flag (RFC 3501, 9): a keyword is an atom, and atoms
// have 7-bit octets only.
func isFlag(f string, star bool) bool {
	if len(f) > 1 && f[0] == '\\' {
		f = f[1:]
		if star && f == "*" {
			return true
		}
	}
	return isWord(f)
}
