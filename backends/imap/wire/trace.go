package wire

import (
	"encoding/base64"
	"strconv"
	"strings"
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

const traced = 2000 // octets of a line that a trace shows

// trace writes one line of the protocol, "C" or "S" in front.
func (c *Conn) trace(side string, line []byte) {
	if c.o.Trace == nil {
		return
	}
	out := side + ": " + excerpt(c.redact(chomp(line)), traced) + "\n"
	c.traceMu.Lock()
	defer c.traceMu.Unlock()
	// A trace that cannot be written must not break the run it is to explain.
	_, _ = c.o.Trace.Write([]byte(out))
}

// traceLiteral writes a literal's length in place of its contents.
func (c *Conn) traceLiteral(side string, n int64) {
	if c.o.Trace != nil {
		c.trace(side, []byte("<"+strconv.FormatInt(n, 10)+" octets>"))
	}
}

// keepSASL remembers a SASL response and the secret in it, which comes last in every mechanism
// that sends one.
func (c *Conn) keepSASL(b64 []byte) {
	c.o.Secrets.Keep(string(b64))
	if raw, err := base64.StdEncoding.DecodeString(string(b64)); err == nil {
		if parts := strings.FieldsFunc(string(raw), func(r rune) bool { return r < ' ' }); len(parts) > 0 {
			c.o.Secrets.Keep(parts[len(parts)-1])
		}
	}
}

// redact takes out the secrets.
func (c *Conn) redact(b []byte) []byte { return []byte(c.o.Secrets.Hide(string(b))) }

// show is how an error or a Repair shows a piece of the protocol.
func (c *Conn) show(b []byte) string { return `"` + excerpt(c.redact(b), 200) + `"` }
