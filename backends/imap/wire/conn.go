package wire

import (
	"encoding/base64"
	"net"
	"strconv"
	"strings"
	"time"

	"mailsync/backends/redact"
	"mailsync/state"
)

// Conn is a connection that imapclient can be put on. One goroutine may read, one may
// write, and any may call the other methods.
type Conn struct {
	net.Conn
	o    Options
	x    *exchange
	sock *socket
	in   *filter
	out  *writer
}

// New puts a Conn on a connection that is up, TLS included: no byte is read before
// the client reads.
func New(conn net.Conn, o Options) *Conn {
	c := &Conn{Conn: conn, o: o.withDefaults(), x: newExchange(conn, o.Timeout)}
	log := &tracer{redact.Trace{To: c.o.Trace, Secrets: c.o.Secrets}}
	c.sock = newSocket(conn, c.x)
	rd := &reader{o: &c.o, sock: c.sock, x: c.x, log: log, buf: make([]byte, 64<<10)}
	c.in = &filter{o: &c.o, rd: rd, x: c.x, log: log}
	c.in.fetch.in = c.in
	c.out = &writer{readOnly: o.ReadOnly, sock: c.sock, x: c.x, log: log}
	if o.Greeting != "" {
		c.x.greeted, c.in.greeted = true, true
		c.in.out = append([]byte(o.Greeting), "\r\n"...)
	}
	return c
}

// Read gives the client its next octets. At the end of the connection between two
// responses it returns io.EOF; anywhere else the end is an io.ErrUnexpectedEOF.
func (c *Conn) Read(b []byte) (int, error) { return c.in.Read(b) }

// Write sends what the client writes. An error breaks the connection.
func (c *Conn) Write(b []byte) (int, error) { return c.out.Write(b) }

// Commands returns how many commands were sent, the client's and ours.
func (c *Conn) Commands() int64 { return c.x.commands.Load() }

// GoAheads returns how many continuation requests were read that the client waited for.
func (c *Conn) GoAheads() int64 { return c.x.goAheads.Load() }

// BytesRead returns how many octets were read from the connection, compressed ones if
// compression is on.
func (c *Conn) BytesRead() int64 { return c.sock.in.Load() }

// BytesWritten returns how many octets were written to the connection.
func (c *Conn) BytesWritten() int64 { return c.sock.out.Load() }

// LastError returns why the connection broke, nil while it has not: the first cause,
// which imapclient's own errors often hide. Being closed from here is not a cause.
func (c *Conn) LastError() error {
	return c.x.ended().cause
}

// SetDeadline does nothing: the connection keeps its own deadlines.
func (c *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing: the connection keeps its own deadlines.
func (c *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: the connection keeps its own deadlines.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// Close closes the connection at once; what reads, writes or waits returns. Closing
// twice is not an error.
func (c *Conn) Close() error { return c.x.close() }

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

// keepSASL remembers a SASL response and the secret in it, which is last in every mechanism
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

// garbled is the error for what cannot be read.
func (t *tracer) garbled(why, at string) error {
	return state.Faultf(state.Other, "server sent %s: %s", why, t.show(at))
}
