package auth

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// prepared is a name or a password as SASLprep has it (RFC 4013). One that it forbids stays as it is: the
// server was given it somehow.
func prepared(s string) string {
	if p, ok := saslprep(s); ok {
		return p
	}
	return s
}

// saslprep maps, normalizes and checks a stored string, in the steps of RFC 4013 section 2. It reports false for
// one that is forbidden.
func saslprep(s string) (string, bool) {
	s = norm.NFKC.String(strings.Map(mapped, s))
	if strings.ContainsFunc(s, func(r rune) bool { return in(forbidden, r) || in(unassigned, r) }) {
		return "", false
	}
	isRight := func(r rune) bool { return in(rightToLeft, r) }
	if !strings.ContainsFunc(s, isRight) {
		return s, true
	}
	first, _ := utf8.DecodeRuneInString(s) // RFC 3454 section 6
	last, _ := utf8.DecodeLastRuneInString(s)
	mixed := strings.ContainsFunc(s, func(r rune) bool { return in(leftToRight, r) })
	return s, !mixed && isRight(first) && isRight(last)
}

// mapped is a character without what RFC 4013 section 2.1 has for it: -1 for nothing (RFC 3454, table B.1), a blank
// for other blanks (table C.1.2).
func mapped(r rune) rune {
	switch {
	case r == 0x00ad, r == 0x034f, r == 0x1806, 0x180b <= r && r <= 0x180d, 0x200b <= r && r <= 0x200d, r == 0x2060,
		0xfe00 <= r && r <= 0xfe0f, r == 0xfeff:
		return -1
	case r == 0x00a0, r == 0x1680, 0x2000 <= r && r <= 0x200a, r == 0x202f, r == 0x205f, r == 0x3000:
		return ' '
	}
	return r
}

// in reports whether a table has a character.
func in(table []span, r rune) bool {
	_, found := slices.BinarySearchFunc(table, r, func(s span, r rune) int {
		switch {
		case s.to < r:
			return -1
		case s.from > r:
			return 1
		}
		return 0
	})
	return found
}
