package redact

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Trace writes a protocol log, with none of the secrets, whoever sent them. It is safe for
// concurrent use; a nil Trace and one without To write nothing.
type Trace struct {
	To      io.Writer
	Secrets *Secrets
	mu      sync.Mutex
}

// On reports whether there is anything to write to.
func (t *Trace) On() bool { return t != nil && t.To != nil }

const traced = 2000 // octets of a line that a trace shows

// Line writes one line of the protocol, which who, "C" or "S", sent.
func (t *Trace) Line(who, text string) {
	if !t.On() {
		return
	}
	q := strconv.QuoteToGraphic(Cut(t.Secrets.Hide(strings.TrimRight(text, "\r\n")), traced))
	t.mu.Lock()
	defer t.mu.Unlock()
	// A trace that cannot be written must not break the run it is to explain.
	_, _ = io.WriteString(t.To, who+": "+q[1:len(q)-1]+"\n")
}

// Octets writes a body's length in place of its contents.
func (t *Trace) Octets(who string, n int64) {
	if t.On() {
		t.Line(who, fmt.Sprintf("<%d octets>", n))
	}
}

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
