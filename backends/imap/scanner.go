package imap

import (
	"strconv"
	"strings"

	"mailsync/backends/imap/wire"
)

// scanner reads one untagged answer, token by token. What is not there is reported by
// a false or an empty result, and the scanner stays where it was.
type scanner struct {
	s    string
	lits [][]byte // contents of the literals whose headers are in s, those still to come
}

func scan(l wire.Line) scanner { return scanner{s: l.Text, lits: l.Literals} }

// sp skips blanks.
func (c *scanner) sp() { c.s = strings.TrimLeft(c.s, " ") }

func (c *scanner) done() bool { return strings.Trim(c.s, " \r\n") == "" }

// eat skips one byte if it comes next.
func (c *scanner) eat(b byte) bool {
	if c.s == "" || c.s[0] != b {
		return false
	}
	c.s = c.s[1:]
	return true
}

// atom reads up to a blank, parenthesis or quote, brackets with what they hold
// included: BODY[HEADER.FIELDS (X)] is one.
func (c *scanner) atom() string {
	i := 0
	for inside := false; i < len(c.s); i++ {
		ch := c.s[i]
		if ch == '[' {
			inside = true
		} else if ch == ']' {
			inside = false
		} else if !inside && (ch == ' ' || ch == '(' || ch == ')' || ch == '"' || ch == '{') {
			break
		}
	}
	a := c.s[:i]
	c.s = c.s[i:]
	return a
}

// number reads a decimal of up to 64 bits.
func (c *scanner) number() (uint64, bool) {
	i := 0
	for i < len(c.s) && c.s[i] >= '0' && c.s[i] <= '9' {
		i++
	}
	n, err := strconv.ParseUint(c.s[:i], 10, 64)
	if err != nil {
		return 0, false
	}
	c.s = c.s[i:]
	return n, true
}

// str reads a quoted string or a literal.
func (c *scanner) str() (string, bool) {
	switch {
	case c.s == "":
		return "", false
	case c.s[0] == '"':
		return c.quoted()
	case c.s[0] == '{':
		return c.literal()
	}
	return "", false
}

func (c *scanner) quoted() (string, bool) {
	rest := c.s[1:]
	end := strings.IndexAny(rest, `"\`)
	if end < 0 {
		return "", false
	}
	if rest[end] == '"' {
		c.s = rest[end+1:]
		return rest[:end], true
	}
	var b strings.Builder
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			c.s = rest[i+1:]
			return b.String(), true
		case '\\':
			i++
			if i == len(rest) {
				return "", false
			}
			b.WriteByte(rest[i])
		default:
			b.WriteByte(rest[i])
		}
	}
	return "", false
}

func (c *scanner) literal() (string, bool) {
	end := strings.IndexByte(c.s, '}')
	if end < 0 || len(c.lits) == 0 {
		return "", false
	}
	lit := c.lits[0]
	c.lits = c.lits[1:]
	c.s = strings.TrimPrefix(c.s[end+1:], "\r\n")
	return string(lit), true
}

// astring reads a string or a bare word that may hold brackets, as mailbox names do.
func (c *scanner) astring() (string, bool) {
	if s, ok := c.str(); ok {
		return s, true
	}
	if c.s == "" || c.s[0] == '"' || c.s[0] == '{' || c.s[0] == '(' {
		return "", false
	}
	end := strings.IndexAny(c.s, " )")
	if end < 0 {
		end = len(c.s)
	}
	s := c.s[:end]
	c.s = c.s[end:]
	return s, s != ""
}

// words reads a parenthesized list of words: flags, attributes.
func (c *scanner) words() ([]string, bool) {
	inner, ok := c.list()
	if !ok {
		return nil, false
	}
	return strings.Fields(inner), true
}

// list reads a parenthesized list of words without lists, strings or literals in it and
// returns what is between the parentheses.
func (c *scanner) list() (string, bool) {
	if c.s == "" || c.s[0] != '(' {
		return "", false
	}
	end := strings.IndexByte(c.s, ')')
	if end < 0 {
		return "", false
	}
	inner := c.s[1:end]
	c.s = c.s[end+1:]
	return inner, true
}

// skip reads one value of any form.
func (c *scanner) skip() bool {
	depth := 0
	for {
		c.sp()
		switch {
		case c.s == "":
			return false
		case c.eat('('):
			depth++
		case c.s[0] == ')':
			if depth == 0 {
				return false
			}
			c.s = c.s[1:]
			depth--
		case c.s[0] == '"' || c.s[0] == '{':
			if _, ok := c.str(); !ok {
				return false
			}
		default:
			if c.atom() == "" {
				return false
			}
		}
		if depth == 0 {
			return true
		}
	}
}
