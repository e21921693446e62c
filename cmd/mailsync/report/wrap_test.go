package report

import "testing"

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text        string
		width       int
		first, rest string
		want        string
	}{
		{"one two three", 80, "", "", "one two three"},
		{"one two three", 7, "", "", "one two\nthree"},
		{"one two three", 9, "- ", "  ", "- one two\n  three"},
		{"a-word-that-is-longer than this", 8, "> ", "", "> a-word-that-is-longer\nthan\nthis"},
		{"Ärger 电子 x", 10, "", "", "Ärger 电子\nx"},
		{"", 10, "  ", "", "  "},
	} {
		if got := Wrap(c.text, c.width, c.first, c.rest); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
