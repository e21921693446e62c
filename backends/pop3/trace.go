package pop3

import (
	"fmt"
	"io"
	"strconv"
	"sync"

	"mailsync/backends/reach"
	"mailsync/backends/redact"
)

// tracer writes the protocol log of an account. Secrets that it was told of are in none
// of its lines, whoever sent them.
type tracer struct {
	mu      sync.Mutex
	w       io.Writer // nil: no log is wanted
	secrets *redact.Secrets
}

const traced = 2000 // octets of a line that a trace shows

// line writes one line of the protocol, who is "C" or "S".
func (t *tracer) line(who, text string) {
	if t.w == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	q := strconv.QuoteToGraphic(reach.Cut(t.shown(text), traced))
	// A trace that cannot be written must not break the run it is to explain.
	_, _ = io.WriteString(t.w, who+": "+q[1:len(q)-1]+"\n")
}

// body writes a body's length in place of its contents.
func (t *tracer) body(octets int64) {
	if t.w != nil {
		t.line("S", fmt.Sprintf("<%d octets>", octets))
	}
}

// keep remembers a secret.
func (t *tracer) keep(secret string) { t.secrets.Keep(secret) }

// shown returns a server's text without the secrets it repeats.
func (t *tracer) shown(text string) string { return t.secrets.Hide(text) }
