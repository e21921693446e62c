package wire

import (
	"bytes"
	"strconv"
	"strings"

	"mailsync/backends/imap/grammar"
)

// is compares without regard to case.
func is(s, word string) bool { return len(s) == len(word) && strings.EqualFold(s, word) }

// announced reports whether a line, its end cut off, ends in a literal's header (RFC
// 3501, 4.3; literal8 of RFC 3516; LITERAL+), and where that header begins. An
// announced size that does not fit into 63 bits is malformed.
func announced(line []byte) (start int, size int64, sync, ok, bad bool) {
	if len(line) < 3 || line[len(line)-1] != '}' {
		return 0, 0, false, false, false
	}
	open := bytes.LastIndexByte(line, '{')
	digits, sync := line[open+1:len(line)-1], true
	if n := len(digits); n > 0 && (digits[n-1] == '+' || digits[n-1] == '-') {
		digits, sync = digits[:n-1], false
	}
	if open < 0 || len(digits) == 0 || len(bytes.Trim(digits, "0123456789")) > 0 {
		return 0, 0, false, false, false
	}
	n, fits := grammar.Number63(string(digits))
	if !fits {
		return 0, 0, false, false, true
	}
	return open, n, sync, true, false
}

// chomp cuts off a line's end: its LF and every CR before that.
func chomp(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
	}
	for n := len(b); n > 0 && b[n-1] == '\r'; n-- {
		b = b[:n-1]
	}
	return b
}

func trimBlanks(s string) string { return strings.Trim(s, " \t") }

const (
	flagsRewritten = "flag list put into form"
	flagDropped    = "keyword that is not an atom left out"
	flagsUnread    = "flag list that cannot be read left out"
)

// appendFlags reads a flag list and appends it as imapclient reads it. why is what had to be
// done, "" for nothing; at is the piece it was done to. A list that cannot be read
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
	return grammar.IsAtom(f)
}

// lexer follows a response over its lines, to know what a literal's header at the end
// of one belongs to. Where a response has no literal it is never run.
type lexer struct {
	depth   int
	quoted  bool
	escaped bool
	section bool // inside the [section] of a FETCH item's name
	inToken bool
	token   int // where the last token on the first level begins
}

// run looks at a piece of the response; at is its place in it.
func (l *lexer) run(piece []byte, at int) {
	l.inToken = false
	for i, ch := range piece {
		switch {
		case l.escaped:
			l.escaped = false
		case l.quoted:
			l.escaped = ch == '\\'
			l.quoted = ch != '"'
		case ch == '"':
			l.quoted = true
		case l.section:
			l.section = ch != ']'
		default:
			l.plain(ch, at+i)
		}
	}
}

func (l *lexer) plain(ch byte, at int) {
	switch ch {
	case '(':
		l.depth++
		l.inToken = false
	case ')':
		l.depth--
		l.inToken = false
	case ' ', '\t':
		l.inToken = false
	default:
		l.section = ch == '[' && l.depth == 1
		if !l.inToken && l.depth == 1 {
			l.inToken, l.token = true, at
		}
	}
}

// appendHeader writes a literal's header, and what follows it.
func appendHeader(b []byte, size int64, after string) []byte {
	b = strconv.AppendInt(append(b, '{'), size, 10)
	return append(append(b, '}'), after...)
}
