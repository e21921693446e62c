package pop3

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"mailsync/backends/reach"
	"mailsync/state"
)

// ended turns an end that came too early into an error that says so.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// greet reads the greeting.
func (c *client) greet() error {
	text, err := c.reply()
	if _, refused := asRefusal(err); refused {
		c.drop()
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return state.Faultf(state.Unreachable, "%s closed the connection without a greeting (%w)", c.o.Addr(), err).
			WithHint("it may not be a POP3 port, or the server allows no more connections")
	}
	if err != nil {
		return err
	}
	c.greeted, c.stamp = true, timestamp(text)
	return nil
}

// timestamp returns the timestamp that a server which knows APOP has in its greeting: an
// RFC 822 msg-id (RFC 1939 section 7). Anything else in angle brackets is none: an
// attacker who can choose it freely learns about the password from our answers.
func timestamp(greeting string) string {
	from := strings.LastIndexByte(greeting, '<')
	if from < 0 {
		return ""
	}
	id, _, ok := strings.Cut(greeting[from:], ">")
	local, domain, at := strings.Cut(strings.TrimPrefix(id, "<"), "@")
	if !ok || !at || local == "" || domain == "" || len(id) > 200 || strings.Contains(domain, "@") {
		return ""
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] >= 0x7f {
			return ""
		}
	}
	return id + ">"
}

// capabilities is what CAPA listed (RFC 2449 section 5).
type capabilities struct {
	known bool                // CAPA was answered
	lines []string            // as sent
	words map[string][]string // upper case: tag to arguments
}

const maxCapabilities = 500

// capa asks for the capabilities. A server that does not know CAPA has none that are
// known; that is no error.
func (c *client) capa() error {
	c.caps = capabilities{}
	if _, err := c.command("CAPA"); err != nil {
		if r, ok := asRefusal(err); ok && !r.later() {
			return nil
		}
		return err
	}
	caps := capabilities{known: true, words: map[string][]string{}}
	err := c.lines(maxCapabilities, func(line []byte, whole bool) {
		f := strings.Fields(strings.ToUpper(string(line[:min(len(line), 1000)])))
		if len(f) > 0 && whole {
			caps.words[f[0]] = f[1:]
			caps.lines = append(caps.lines, reach.Clean(c.trace.shown(string(line))))
		}
	})
	if _, refused := asRefusal(err); refused {
		return nil
	}
	if err != nil {
		return err
	}
	c.caps = caps
	return nil
}

// utf8 asks for messages as they are (RFC 6856 section 2): Courier hands one out that has
// UTF-8 in its header only inside a notice of its own, which differs each time. It has to
// come before log-in. A refusal leaves it at that.
func (c *client) utf8() error {
	if !c.caps.has("UTF8") {
		return nil
	}
	_, err := c.command("UTF8")
	if _, refused := asRefusal(err); refused {
		return nil
	}
	return err
}

func (c capabilities) has(tag string) bool {
	_, ok := c.words[tag]
	return ok
}

// sasl reports whether a mechanism is offered (RFC 5034 section 6).
func (c capabilities) sasl(mechanism string) bool {
	for _, m := range c.words["SASL"] {
		if m == mechanism {
			return true
		}
	}
	return false
}

// startTLS asks for STLS and puts TLS on the connection. What the server said before is
// forgotten, its capabilities and its timestamp (RFC 2595 section 4).
func (c *client) startTLS(ctx context.Context, handshake func(context.Context, net.Conn) (net.Conn, error)) error {
	if err := c.capa(); err != nil {
		return err
	}
	if !c.caps.has("STLS") {
		return state.Faultf(state.Unreachable, "server does not offer STLS").
			WithHint(`use tls = "implicit" (port 995); somebody in between may also have taken it out`)
	}
	if _, err := c.command("STLS"); err != nil {
		if r, ok := asRefusal(err); ok {
			return state.Faultf(state.Unreachable, "STLS: %w", r).WithHint(`use tls = "implicit" (port 995)`)
		}
		return err
	}
	// Octets sent ahead of the handshake would be taken for the safe server's
	// (CVE-2011-0411): there must be none.
	if n := c.r.Buffered(); n > 0 {
		return state.Faultf(state.Unreachable, "STLS: server sent %d octets ahead of the handshake", n).
			WithHint("somebody may be injecting answers: do not use this network")
	}
	safe, err := handshake(ctx, c.conn.Conn)
	if err != nil {
		return err
	}
	c.use(safe, true)
	c.caps, c.stamp = capabilities{}, ""
	return nil
}
