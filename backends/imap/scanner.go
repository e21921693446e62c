package imap

import (
	"strconv"
	"strings"

	"mailsync/backends/imap/wire"
)

// scanner reads one untagged answer, token by token. What is not there is reported by
// a false or an empty result, and the scanner stays where it was.
//
// A value ends where its grammar says that it ends, and whoever reads an answer asks done
// after the last one. An answer that goes on is not cut to what could be read of it: two
// names that differ in their ends would become one.
type scanner struct {
	s    string
	lits [][]byte // contents of the literals whose headers are in s, those still to come
}

func scan(l wire.Line) scanner { return scanner{s: l.Text, lits: l.Literals} }

// sp skips blanks.
func (c *scanner) sp() { c.s = strings.TrimLeft(c.s, " \t") }

// done reports whether nothing is left of the answer; blanks at its end are nothing.
func (c *scanner) done() bool { return len(c.lits) == 0 && strings.Trim(c.s, " \t\r\n") == "" }

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

// name reads the name of an item: an atom that begins with a letter. A value that nobody
// asked for is no name.
func (c *scanner) name() string {
	if c.s == "" || (c.s[0]|0x20) < 'a' || (c.s[0]|0x20) > 'z' {
		return ""
	}
	return c.atom()
}

// null reads NIL.
func (c *scanner) null() bool {
	was := *c
	if strings.EqualFold(c.atom(), "NIL") {
		return true
	}
	*c = was
	return false
}

// number reads a decimal of up to 64 bits. 5x is none, and not 5.
func (c *scanner) number() (uint64, bool) {
	i := 0
	for i < len(c.s) && c.s[i] >= '0' && c.s[i] <= '9' {
		i++
	}
	n, err := strconv.ParseUint(c.s[:i], 10, 64)
	if err != nil || i < len(c.s) && strings.IndexByte(" \t)]\r\n", c.s[i]) < 0 {
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
	if n, err := strconv.Atoi(strings.TrimRight(c.s[1:end], "+-")); err != nil || n != len(lit) {
		return "", false // the literal belongs to something else
	}
	c.lits = c.lits[1:]
	c.s = strings.TrimPrefix(c.s[end+1:], "\r\n")
	return string(lit), true
}

// astring reads a string or a bare word that may hold brackets, as mailbox names do. In a
// quoted one a backslash stands before a quote or a backslash only (RFC 9051 section 9): of
// "a\b" nobody knows whether ab is meant.
func (c *scanner) astring() (string, bool) {
	was := *c
	if s, ok := c.str(); ok {
		if was.s[0] == '"' && misquoted(was.s[1:len(was.s)-len(c.s)-1]) {
			*c = was
			return "", false
		}
		return s, true
	}
	if c.s == "" || c.s[0] == '"' || c.s[0] == '{' || c.s[0] == '(' {
		return "", false
	}
	end := strings.IndexAny(c.s, " \t)")
	if end < 0 {
		end = len(c.s)
	}
	s := c.s[:end]
	c.s = c.s[end:]
	return s, s != ""
}

func misquoted(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
			return true
		}
	}
	return false
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
	if strings.IndexByte(inner, '(') >= 0 {
		return "", false
	}
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
