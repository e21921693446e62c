package auth

import (
	"testing"
	"unicode"

	"golang.org/x/text/unicode/bidi"
)

// A password is hashed as other programs hash it: the examples of RFC 4013 section 3, and one of each rule.
func TestPrepared(t *testing.T) {
	for in, want := range map[string]string{
		"I\u00adX": "IX", "user": "user", "USER": "USER", "\u00aa": "a", "\u2168": "IX",
		"a\u00a0b": "a b", "a\u3000b": "a b", "a\u200bb": "ab", "\u1806a\ufe0f": "a",
		"Zu\u0308rich": "Z\u00fcrich", "\ufb01": "fi",
		"\u0627\u0628": "\u0627\u0628", "\u05d0-\u05d1": "\u05d0-\u05d1",
		// What is forbidden stays: control characters, private use, marks of direction, what Unicode 3.2 does not have,
		// what is not UTF-8, and right-to-left text that begins, goes on or ends otherwise.
		"\x07": "\x07", "\ue000\u00aa": "\ue000\u00aa", "\u200e\u00aa": "\u200e\u00aa", "\U0001f600\u00aa": "\U0001f600\u00aa",
		"\xff\u00aa": "\xff\u00aa", "\u0627\u0031": "\u0627\u0031", "\u0627a\u0628\u00ad": "\u0627a\u0628\u00ad", "-\u0627\u00ad": "-\u0627\u00ad",
	} {
		if got := prepared(in); got != want {
			t.Errorf("%+q: %+q, want %+q", in, got, want)
		}
	}
}

// The tables are in order, and agree with what Unicode has today: what is assigned never becomes unassigned, and
// directions have hardly changed.
func TestTablesOfSASLprep(t *testing.T) {
	for name, table := range map[string][]span{"unassigned": unassigned, "forbidden": forbidden, "rightToLeft": rightToLeft, "leftToRight": leftToRight} {
		for i, s := range table {
			if s.to < s.from || i > 0 && table[i-1].to >= s.from {
				t.Errorf("%s: %x … %x is not in order", name, s.from, s.to)
			}
		}
	}
	other := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		assigned := unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.C)
		if !assigned && !in(unassigned, r) && !in(forbidden, r) {
			t.Errorf("%U is not assigned today", r)
		}
		p, _ := bidi.LookupRune(r)
		right := p.Class() == bidi.R || p.Class() == bidi.AL
		if !in(unassigned, r) && !in(forbidden, r) && (in(rightToLeft, r) != right || in(leftToRight, r) != (p.Class() == bidi.L)) {
			other++
		}
	}
	if other > 300 { // of 95,000
		t.Errorf("%d characters have another direction today", other)
	}
}
