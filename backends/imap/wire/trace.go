package wire

import (
	"encoding/base64"
	"io"
	"strconv"
	"strings"
	"sync"

	"mailsync/backends/redact"
	"mailsync/state"
)

// Quote shows text from a server: quoted, cut, control characters escaped.
func Quote(s string) string { return `"` + excerpt([]byte(s), 200) + `"` }

// excerpt is Quote without the quotes, cut after max octets.
func excerpt(b []byte, max int) string {
	cut := len(b) > max
	if cut {
		b = b[:max]
	}
	q := strconv.QuoteToASCII(string(b))
	q = q[1 : len(q)-1]
	if cut {
		q += "…"
	}
	return q
}

// tracer is what people may see of the protocol: without secrets, cut, in a trace or an error.
type tracer struct {
	to      io.Writer // nil: no trace
	secrets *redact.Secrets
	mu      sync.Mutex
}

const traced = 2000 // octets of a line that a trace shows

// trace writes one line of the protocol, "C" or "S" in front.
func (t *tracer) trace(side string, line []byte) {
	if t.to == nil {
		return
	}
	out := side + ": " + excerpt([]byte(t.redact(string(chomp(line)))), traced) + "\n"
	t.mu.Lock()
	defer t.mu.Unlock()
	// A trace that cannot be written must not break the run it is to explain.
	_, _ = t.to.Write([]byte(out))
}

// traceLiteral writes a literal's length in place of its contents.
func (t *tracer) traceLiteral(side string, n int64) {
	if t.to != nil {
		t.trace(side, []byte("<"+strconv.FormatInt(n, 10)+" octets>"))
	}
}

// keepSASL remembers a SASL response and the secret in it, which comes last in every mechanism
// that sends one.
func (t *tracer) keepSASL(b64 string) {
	t.secrets.Keep(b64)
	if raw, err := base64.StdEncoding.DecodeString(b64); err == nil {
		if parts := strings.FieldsFunc(string(raw), func(r rune) bool { return r < ' ' }); len(parts) > 0 {
			t.secrets.Keep(parts[len(parts)-1])
		}
	}
}

// redact takes out the secrets.
func (t *tracer) redact(s string) string { return t.secrets.Hide(s) }

// show is how an error or a Repair shows a piece of the protocol.
func (t *tracer) show(text string) string { return Quote(t.redact(text)) }

// garbled is the error for what no sense can be made of.
func (t *tracer) garbled(why, at string) error {
	return state.Faultf(state.Other, "server sent %s: %s", why, t.show(at))
}
