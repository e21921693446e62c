package reach

import (
	"fmt"
	"io"
	"strconv"
	"sync"

	"mailsync/backends/redact"
)

// Trace writes a protocol log. Secrets that it was told of are in none of its lines, whoever
// sent them. The zero Trace writes nothing; it is safe for concurrent use.
type Trace struct {
	w       io.Writer // nil: no log is wanted
	secrets *redact.Secrets
	mu      sync.Mutex
}

// NewTrace returns the protocol log of an account with these options.
func NewTrace(o *Options) *Trace { return &Trace{w: o.Trace, secrets: o.Secrets} }

// On reports whether anybody reads it.
func (t *Trace) On() bool { return t.w != nil }

const traced = 2000 // octets of a line that a trace shows

// Line writes one line of the protocol, who is "C" or "S".
func (t *Trace) Line(who, text string) {
	if !t.On() {
		return
	}
	q := strconv.QuoteToGraphic(Cut(t.Shown(text), traced))
	t.mu.Lock()
	defer t.mu.Unlock()
	// A trace that cannot be written must not break the run it is to explain.
	_, _ = io.WriteString(t.w, who+": "+q[1:len(q)-1]+"\n")
}

// Body writes a body's length in place of its contents.
func (t *Trace) Body(octets int64) {
	if t.On() {
		t.Line("S", fmt.Sprintf("<%d octets>", octets))
	}
}

// Keep remembers a secret.
func (t *Trace) Keep(secret string) { t.secrets.Keep(secret) }

// Shown returns a server's text without the secrets it repeats.
func (t *Trace) Shown(text string) string { return t.secrets.Hide(text) }
