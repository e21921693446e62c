package wire

import (
	"strconv"
)

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
