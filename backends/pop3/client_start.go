package pop3

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"mailsync/backends/reach"
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
		return c.o.NoGreeting(err, "")
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
			caps.lines = append(caps.lines, reach.Clean(c.trace.Shown(string(line))))
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
	return slices.Contains(c.words["SASL"], mechanism)
}

// startTLS asks for STLS and puts TLS on the connection. What the server said before is
// forgotten, its capabilities and its timestamp (RFC 2595 section 4).
func (c *client) startTLS(ctx context.Context) error {
	if err := c.capa(); err != nil {
		return err
	}
	if !c.caps.has("STLS") {
		return c.o.NoStartTLS()
	}
	if _, err := c.command("STLS"); err != nil {
		if r, ok := asRefusal(err); ok {
			return c.o.StartTLSRefused(r)
		}
		return err
	}
	safe, err := c.o.Upgrade(ctx, c.conn.Conn, c.r.Buffered())
	if err != nil {
		return err
	}
	c.use(safe, true)
	c.caps, c.stamp = capabilities{}, ""
	return nil
}
