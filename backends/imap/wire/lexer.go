package wire

import "strconv"

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

// whole reads the literals of a response whose first line is read, and what follows
// them. It returns the response without its end.
func (c *Conn) whole() ([]byte, error) {
	var lex lexer
	from := 0
	for n := 0; ; n++ {
		line := c.line()
		start, size, ok, err := c.header(line)
		if err != nil || !ok {
			return line, err
		}
		lex.run(line[from:start], from)
		if lex.quoted {
			return line, nil
		}
		if err := c.inline(start, size, n); err != nil {
			return nil, err
		}
		from = c.rd.seg
	}
}

// header finds the literal's header that ends a line, a literal8's ~ included.
func (c *Conn) header(line []byte) (start int, size int64, ok bool, err error) {
	if c.rd.seg == len(line) {
		return 0, 0, false, nil
	}
	start, size, _, ok, bad := announced(line)
	if bad {
		return 0, 0, false, c.garbled("a literal of an impossible size", line)
	}
	if !ok || start < c.rd.seg {
		return 0, 0, false, nil
	}
	if start > c.rd.seg && line[start-1] == '~' {
		start--
	}
	return start, size, true, nil
}

// inline reads a literal that is no body, the nth of its response, and the line after
// it.
func (c *Conn) inline(start int, size int64, n int) error {
	rd := &c.rd
	if n >= c.o.MaxLiterals {
		return c.garbled("more literals in one response than any needs", rd.raw)
	}
	rd.raw = appendHeader(rd.raw[:start], size)
	if err := c.readLiteral(size); err != nil {
		return err
	}
	return c.readLine()
}

// appendHeader writes a literal's header with its line end.
func appendHeader(b []byte, size int64) []byte {
	b = append(b, '{')
	b = strconv.AppendInt(b, size, 10)
	return append(b, "}\r\n"...)
}
