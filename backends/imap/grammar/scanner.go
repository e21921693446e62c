// Package grammar reads the answers of IMAP servers (RFC 9051 section 9), token by token: every
// answer that is read in this program is read with its Scanner. What an answer means is left to
// whoever asked for it.
package grammar

import (
	"math"
	"strconv"
	"strings"
)

// Scanner reads one untagged answer, token by token. What is not there is reported by
// a false or an empty result, and the scanner stays where it was.
//
// A value ends where its grammar ends, and whoever reads an answer asks Done
// after the last one. An answer that continues is not cut to what could be read of it: two
// names that differ in their ends would become one.
type Scanner struct {
	s    string
	lits [][]byte // contents of the literals whose headers are in s, those not read yet
}

// Scan begins an answer whose literals are apart from its text, in which their headers are.
func Scan(text string, literals [][]byte) Scanner { return Scanner{s: text, lits: literals} }

// Rest returns what was not read yet.
func (c *Scanner) Rest() string { return c.s }

// Literals returns the literals that were not read yet.
func (c *Scanner) Literals() [][]byte { return c.lits }

// Peek returns the next octet, 0 at the end.
func (c *Scanner) Peek() byte {
	if c.s == "" {
		return 0
	}
	return c.s[0]
}

// AtString reports whether a string is next: a quoted one or a literal.
func (c *Scanner) AtString() bool { return c.Peek() == '"' || c.Peek() == '{' }

// Until reads up to one of the octets in ends, or to the end.
func (c *Scanner) Until(ends string) string {
	i := 0
	for i < len(c.s) && strings.IndexByte(ends, c.s[i]) < 0 {
		i++
	}
	a := c.s[:i]
	c.s = c.s[i:]
	return a
}

// Word reads up to a blank, a parenthesis or the end.
func (c *Scanner) Word() string {
	i := 0
	for i < len(c.s) && c.s[i] != ' ' && c.s[i] != '\t' && c.s[i] != '(' && c.s[i] != ')' {
		i++
	}
	w := c.s[:i]
	c.s = c.s[i:]
	return w
}

// SP skips blanks.
func (c *Scanner) SP() {
	i := 0
	for i < len(c.s) && (c.s[i] == ' ' || c.s[i] == '\t') {
		i++
	}
	c.s = c.s[i:]
}

// Done reports whether nothing is left of the answer; blanks at its end are nothing.
func (c *Scanner) Done() bool { return len(c.lits) == 0 && strings.Trim(c.s, " \t\r\n") == "" }

// Eat skips one byte if it is next.
func (c *Scanner) Eat(b byte) bool {
	if c.s == "" || c.s[0] != b {
		return false
	}
	c.s = c.s[1:]
	return true
}

// Atom reads up to a blank, parenthesis or quote, brackets with what they hold
// included: BODY[HEADER.FIELDS (X)] is one.
func (c *Scanner) Atom() string {
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

// Name reads the name of an item: an atom that begins with a letter. A value that nobody
// asked for is not a name.
func (c *Scanner) Name() string {
	if c.s == "" || (c.s[0]|0x20) < 'a' || (c.s[0]|0x20) > 'z' {
		return ""
	}
	return c.Atom()
}

// Null reads NIL.
func (c *Scanner) Null() bool {
	was := *c
	if strings.EqualFold(c.Atom(), "NIL") {
		return true
	}
	*c = was
	return false
}

// Number reads a decimal of up to 64 bits. 5x is not a number, and not 5.
func (c *Scanner) Number() (uint64, bool) {
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

// Str reads a quoted string or a literal.
func (c *Scanner) Str() (string, bool) {
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

func (c *Scanner) quoted() (string, bool) {
	rest := c.s[1:]
	end := strings.IndexByte(rest, '"')
	if end < 0 {
		return "", false
	}
	if strings.IndexByte(rest[:end], '\\') < 0 {
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

func (c *Scanner) literal() (string, bool) {
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

// AString reads a string or a bare word that may hold brackets, as mailbox names do. In a
// quoted one a backslash is before a quote or a backslash only (RFC 9051 section 9):
// "a\b" may mean ab, or not.
func (c *Scanner) AString() (string, bool) {
	was := *c
	if s, ok := c.Str(); ok {
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

// Words reads a parenthesized list of words: flags, attributes.
func (c *Scanner) Words() ([]string, bool) {
	inner, ok := c.List()
	if !ok {
		return nil, false
	}
	return strings.Fields(inner), true
}

// List reads a parenthesized list of words without lists, strings or literals in it and
// returns what is between the parentheses.
func (c *Scanner) List() (string, bool) {
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

// Items reads (name value name value …): value is called with each name in upper case, reads what belongs to it,
// and reports whether it could.
func (c *Scanner) Items(value func(name string) bool) bool {
	if c.SP(); !c.Eat('(') {
		return false
	}
	for c.SP(); !c.Eat(')'); c.SP() {
		name := strings.ToUpper(c.Name())
		if c.SP(); name == "" || !value(name) {
			return false
		}
	}
	return true
}

// Skip reads one value of any form.
func (c *Scanner) Skip() bool {
	depth := 0
	for {
		c.SP()
		switch {
		case c.s == "":
			return false
		case c.Eat('('):
			depth++
		case c.s[0] == ')':
			if depth == 0 {
				return false
			}
			c.s = c.s[1:]
			depth--
		case c.s[0] == '"' || c.s[0] == '{':
			if _, ok := c.Str(); !ok {
				return false
			}
		default:
			if c.Atom() == "" {
				return false
			}
		}
		if depth == 0 {
			return true
		}
	}
}

// Range is a run of UIDs or sequence numbers, both ends included; First <= Last.
type Range struct{ First, Last uint32 }

// ReadRange reads 7 or 3:9 of a sequence set; * and what is not a number are refused.
func ReadRange(s string) (Range, bool) {
	lo, hi, isRange := strings.Cut(s, ":")
	a, ok := Number32(lo)
	if !ok || a == 0 {
		return Range{}, false
	}
	b := a
	if isRange {
		if b, ok = Number32(hi); !ok || b == 0 {
			return Range{}, false
		}
	}
	return Range{min(a, b), max(a, b)}, true // RFC 9051 section 9: the order has no meaning
}

// Number32 reads decimal digits, and nothing else, that fit into 32 bits.
func Number32(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}

// Number63 is Number32 for 63 bits.
func Number63(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return int64(n), err == nil && n <= math.MaxInt64
}

// IsAtom reports whether s is an atom of 7-bit octets (RFC 3501, 9), as imapclient takes it.
func IsAtom(s string) bool {
	for i := range len(s) {
		switch ch := s[i]; ch {
		case '(', ')', '{', '%', '*', '"', '\\', ']':
			return false
		default:
			if ch <= ' ' || ch >= 0x7f {
				return false
			}
		}
	}
	return s != ""
}
