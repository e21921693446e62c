package report

import "strings"

// Wrap puts a text into lines of at most so many columns, broken at blanks. The first line begins with first,
// the others with rest. A word that is longer has a line to itself.
func Wrap(text string, width int, first, rest string) string {
	var b strings.Builder
	b.WriteString(first)
	at, begun := Columns(first), false
	for _, word := range strings.Fields(text) {
		n := Columns(word)
		switch {
		case begun && at+1+n > width:
			b.WriteString("\n" + rest)
			at = Columns(rest)
		case begun:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at, begun = at+n, true
	}
	return b.String()
}
