package wire

import (
	"bytes"
	"math"
)

// isAtom reports whether imapclient takes ch as part of an atom: ATOM-CHAR (RFC 3501,
// 9), and of the 8-bit octets those above the C1 controls.
func isAtom(ch byte) bool {
	switch ch {
	case '(', ')', '{', ' ', '%', '*', '"', '\\', ']':
		return false
	}
	return ch > 0x1f && (ch < 0x7f || ch > 0x9f)
}

// isWord reports whether v is an atom of 7-bit octets.
func isWord(v []byte) bool {
	for _, ch := range v {
		if !isAtom(ch) || ch >= 0x80 {
			return false
		}
	}
	return len(v) > 0
}

// The kinds of value a scanner tells apart.
type kind byte

const (
	malformed kind = iota
	atom           // also what only looks like one
	quoted
	literal
	list
)

// scanner walks over one response. Literals lie in it with their contents, after a
// header that ends in CRLF.
type scanner struct {
	b     []byte
	i     int
	depth int // lists a value may nest
}

func (s *scanner) more() bool { return s.i < len(s.b) }

// peek returns the next octet, 0 at the end.
func (s *scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// take consumes ch if it is next.
func (s *scanner) take(ch byte) bool {
	if s.i < len(s.b) && s.b[s.i] == ch {
		s.i++
		return true
	}
	return false
}

// blanks consumes spaces and tabs.
func (s *scanner) blanks() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\t') {
		s.i++
	}
}

// word consumes what runs up to a blank, a parenthesis or the end.
func (s *scanner) word() []byte {
	start := s.i
	for s.i < len(s.b) && !endsWord(s.b[s.i]) {
		s.i++
	}
	return s.b[start:s.i]
}

func endsWord(ch byte) bool {
	return ch == ' ' || ch == '\t' || ch == '(' || ch == ')' || ch == '\r' || ch == '\n'
}

// name consumes the name of a FETCH item: a word, whose [section] may hold blanks,
// lists and strings.
func (s *scanner) name() []byte {
	start := s.i
	for s.i < len(s.b) && !endsWord(s.b[s.i]) {
		if s.b[s.i] == '[' {
			if !s.section() {
				return nil
			}
			continue
		}
		s.i++
	}
	return s.b[start:s.i]
}

func (s *scanner) section() bool {
	for s.i++; s.i < len(s.b); {
		switch s.b[s.i] {
		case ']':
			s.i++
			return true
		case '"':
			if !s.quoted() {
				return false
			}
		default:
			s.i++
		}
	}
	return false
}

// value consumes one value and returns it as it is written.
func (s *scanner) value() ([]byte, kind) {
	start, depth, k := s.i, 0, malformed
	for s.i < len(s.b) {
		at, this := s.i, atom
		ok := true
		switch ch := s.b[s.i]; {
		case ch == '"':
			ok, this = s.quoted(), quoted
		case ch == '{' || ch == '~' && s.i+1 < len(s.b) && s.b[s.i+1] == '{':
			ok, this = s.literal(), literal
		case ch == '(':
			depth++
			s.i++
			ok, this = depth <= s.depth, list
		case ch == ')':
			depth--
			s.i++
			ok, this = depth >= 0, list
		case (ch == ' ' || ch == '\t') && depth > 0:
			s.blanks()
		default:
			ok = len(s.word()) > 0
		}
		if !ok {
			return nil, malformed
		}
		if at == start {
			k = this
		}
		if depth == 0 {
			return s.b[start:s.i], k
		}
	}
	return nil, malformed
}

func (s *scanner) quoted() bool {
	for s.i++; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case '\\':
			s.i++
		case '"':
			s.i++
			return true
		case '\r', '\n':
			return false
		}
	}
	return false
}

func (s *scanner) literal() bool {
	s.take('~')
	end := bytes.IndexByte(s.b[s.i:], '}')
	if end < 0 || !s.take('{') {
		return false
	}
	n, ok := number(s.b[s.i : s.i+end-1])
	s.i += end
	if !ok || !s.take('\r') || !s.take('\n') || n > uint64(len(s.b)-s.i) {
		return false
	}
	s.i += int(n)
	return true
}

// text returns the contents of a value: of a string without its quotes, of an atom
// itself.
func text(v []byte, k kind) []byte {
	switch k {
	case quoted:
		v = v[1 : len(v)-1]
		if bytes.IndexByte(v, '\\') < 0 {
			return v
		}
		out := make([]byte, 0, len(v))
		for i := 0; i < len(v); i++ {
			if v[i] == '\\' && i+1 < len(v) {
				i++
			}
			out = append(out, v[i])
		}
		return out
	case literal:
		return v[bytes.IndexByte(v, '\n')+1:]
	}
	return v
}

// number reads decimal digits, and nothing else, that fit into 63 bits.
func number(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	var n uint64
	for _, ch := range b {
		if ch < '0' || ch > '9' {
			return 0, false
		}
		n = n*10 + uint64(ch-'0')
	}
	return n, n <= math.MaxInt64
}

func isNumber(b []byte) bool {
	_, ok := number(b)
	return ok
}

// number32 reads a number of 32 bits.
func number32(b []byte) (uint32, bool) {
	n, ok := number(b)
	return uint32(n), ok && n <= math.MaxUint32
}

// is compares without regard to case. word is in upper case.
func is(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, ch := range b {
		if upper(ch) != word[i] {
			return false
		}
	}
	return true
}

func upper(ch byte) byte {
	if 'a' <= ch && ch <= 'z' {
		return ch - 'a' + 'A'
	}
	return ch
}

// announced tells whether a line, its end cut off, ends in a literal's header (RFC
// 3501, 4.3; literal8 of RFC 3516; LITERAL+), and where that header begins. An
// announced size that does not fit into 63 bits is malformed.
func announced(line []byte) (start int, size int64, sync, ok, bad bool) {
	if len(line) < 3 || line[len(line)-1] != '}' {
		return 0, 0, false, false, false
	}
	open := bytes.LastIndexByte(line, '{')
	if open < 0 {
		return 0, 0, false, false, false
	}
	digits, sync := line[open+1:len(line)-1], true
	if n := len(digits); n > 0 && (digits[n-1] == '+' || digits[n-1] == '-') {
		digits, sync = digits[:n-1], false
	}
	if len(digits) == 0 {
		return 0, 0, false, false, false
	}
	for _, ch := range digits {
		if ch < '0' || ch > '9' {
			return 0, 0, false, false, false
		}
	}
	n, fits := number(digits)
	if !fits {
		return 0, 0, false, false, true
	}
	return open, int64(n), sync, true, false
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

func trimBlanks(b []byte) []byte { return bytes.Trim(b, " \t") }
