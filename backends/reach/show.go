package reach

import (
	"strconv"

	"mailsync/backends/redact"
)

// Quoted makes a server's text fit to be shown: one line, quoted, control characters
// escaped, cut to a sensible length. Of nothing it makes nothing.
func Quoted(s string) string {
	if s == "" {
		return ""
	}
	return strconv.QuoteToGraphic(redact.Cut(s, maxShown))
}

// Clean is Quoted without the quotes.
func Clean(s string) string {
	q := strconv.QuoteToGraphic(redact.Cut(s, maxShown))
	return q[1 : len(q)-1]
}

const maxShown = 200
