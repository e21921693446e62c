package wire

import (
	"bytes"
	"strings"

	"mailsync/backends/imap/grammar"
)

// isWord reports whether v is an atom, as imapclient takes it, of 7-bit octets (RFC 3501, 9).
func isWord(v string) bool {
	for i := range len(v) {
		switch ch := v[i]; ch {
		case '(', ')', '{', '%', '*', '"', '\\', ']':
			return false
		default:
			if ch <= ' ' || ch >= 0x7f {
				return false
			}
		}
	}
	return v != ""
}

// is compares without regard to case.
func is(s, word string) bool { return len(s) == len(word) && strings.EqualFold(s, word) }

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
