package wire

import (
	"encoding/base64"
	"strconv"
	"strings"

	"mailsync/backends/redact"
	"mailsync/state"
)

// Quote shows text from a server: quoted, cut, control characters escaped.
func Quote(s string) string { return `"` + excerpt(s, 200) + `"` }

// excerpt is Quote without the quotes, cut after max octets.
func excerpt(s string, max int) string {
	cut := ""
	if len(s) > max {
		s, cut = s[:max], "…"
	}
	q := strconv.QuoteToASCII(s)
	return q[1:len(q)-1] + cut
}

// tracer is what people may see of the protocol: without secrets, cut, in a trace or an error.
type tracer struct{ redact.Trace }

// keepSASL remembers a SASL response and the secret in it, which comes last in every mechanism
// that sends one.
func (t *tracer) keepSASL(b64 string) {
	t.Secrets.Keep(b64)
	if raw, err := base64.StdEncoding.DecodeString(b64); err == nil {
		if parts := strings.FieldsFunc(string(raw), func(r rune) bool { return r < ' ' }); len(parts) > 0 {
			t.Secrets.Keep(parts[len(parts)-1])
		}
	}
}

// show is how an error or a Repair shows a piece of the protocol.
func (t *tracer) show(text string) string { return Quote(t.Secrets.Hide(text)) }

// garbled is the error for what no sense can be made of.
func (t *tracer) garbled(why, at string) error {
	return state.Faultf(state.Other, "server sent %s: %s", why, t.show(at))
}
