package reach

import (
	"strconv"
	"unicode/utf8"
)

// Quoted makes a server's text fit to be shown: one line, quoted, control characters
// escaped, cut to a sensible length. Of nothing it makes nothing.
func Quoted(s string) string {
	if s == "" {
		return ""
	}
	return strconv.QuoteToGraphic(Cut(s, maxShown))
}

// Clean is Quoted without the quotes.
func Clean(s string) string {
	q := strconv.QuoteToGraphic(Cut(s, maxShown))
	return q[1 : len(q)-1]
}

const maxShown = 200

// Cut shortens a text to at most so many octets, not in the middle of a character, and shows
// that it did.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && n > most-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
