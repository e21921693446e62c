package imap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"mailsync/backends/reach"
	"mailsync/backends/redact"
	"mailsync/state"
)

// startTLS reads the greeting, asks for STARTTLS and puts TLS on the connection. What
// the server said before is forgotten: the greeting that it returns holds nothing but
// "* OK" (RFC 9051 section 6.2.1: capabilities from before must be discarded).
func (a *Account) startTLS(ctx context.Context, conn net.Conn) (net.Conn, string, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(a.o.Timeout)); err != nil {
		return nil, "", reach.Fault("STARTTLS", err)
	}
	ahead, err := a.askStartTLS(conn)
	if err != nil {
		if ctx.Err() != nil {
			return nil, "", context.Cause(ctx)
		}
		return nil, "", err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, "", reach.Fault("STARTTLS", err)
	}
	safe, err := a.o.Upgrade(ctx, conn, ahead)
	return safe, "* OK TLS is on", err
}

// clear is the conversation in plain text ahead of the handshake.
type clear struct {
	r     *bufio.Reader
	w     io.Writer
	trace redact.Trace
	caps  string // of a greeting's or answer's CAPABILITY, upper case
}

// askStartTLS asks for STARTTLS, and returns how much the server sent beyond its answer.
func (a *Account) askStartTLS(conn net.Conn) (ahead int, err error) {
	c := &clear{r: bufio.NewReaderSize(conn, 8192), w: conn, trace: redact.Trace{To: a.o.Trace, Secrets: a.o.Secrets}}
	line, err := c.line()
	if err != nil {
		return 0, a.noGreeting(err)
	}
	switch word(line, 1) {
	case "OK":
	case "PREAUTH":
		// RFC 9051 section 7.1.4: somebody in between may have logged us in as himself.
		return 0, state.Faultf(state.Unreachable, "server answered PREAUTH before STARTTLS").
			WithHint(`the connection cannot be made safe this way: use tls = "implicit"`)
	default:
		return 0, a.turnedAway(greetingRefusal(a.o.Secrets.Hide(line)))
	}
	if c.caps == "" {
		if _, err := c.command("a CAPABILITY"); err != nil {
			return 0, fmt.Errorf("STARTTLS: %w", err)
		}
	}
	if !slices.Contains(strings.Fields(c.caps), "STARTTLS") {
		return 0, a.o.NoStartTLS()
	}
	if line, err = c.command("b STARTTLS"); err != nil {
		return 0, fmt.Errorf("STARTTLS: %w", err)
	}
	if word(line, 1) != "OK" {
		return 0, a.o.StartTLSRefused(fmt.Errorf("server answered %s", reach.Quoted(a.o.Secrets.Hide(line))))
	}
	return c.r.Buffered(), nil
}

// command sends a line and returns the tagged answer.
func (c *clear) command(s string) (string, error) {
	c.trace.Line("C", s)
	if _, err := io.WriteString(c.w, s+"\r\n"); err != nil {
		return "", reach.Fault("send", err)
	}
	tag := word(s, 0)
	for range 100 {
		line, err := c.line()
		if err != nil {
			return "", reach.Fault("wait for the answer", err)
		}
		if word(line, 0) == strings.ToUpper(tag) {
			return line, nil
		}
		if word(line, 0) == "*" && word(line, 1) == "BYE" {
			return "", &reach.Busy{Err: fmt.Errorf("STARTTLS: %w", greetingRefusal(c.trace.Secrets.Hide(line)))}
		}
	}
	return "", state.Faultf(state.Unreachable, "the server answers and answers without an end")
}

func (c *clear) line() (string, error) {
	b, err := c.r.ReadSlice('\n')
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", err
	}
	line := strings.TrimRight(string(b), "\r\n")
	c.trace.Line("S", line)
	up := strings.ToUpper(line)
	if rest, ok := strings.CutPrefix(up, "* CAPABILITY "); ok {
		c.caps = rest
	} else if _, rest, ok := strings.Cut(up, "[CAPABILITY "); ok {
		c.caps, _, _ = strings.Cut(rest, "]")
	}
	return line, nil
}

// word returns the n-th word of a line in upper case, "" where there are fewer.
func word(line string, n int) string {
	f := strings.Fields(line)
	if n >= len(f) {
		return ""
	}
	return strings.ToUpper(f[n])
}

// noGreeting says that a connection ended or stayed silent before its greeting. Courier
// answers one connection too many like this.
func (a *Account) noGreeting(err error) error {
	tip := a.o.SpeaksTLS()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return a.o.NoGreeting(err, tip)
	case reach.AlertHint(err) != "":
		return state.Faultf(state.Unreachable, "TLS with %s: %w", a.o.Addr(), err).WithHint("%s", reach.AlertHint(err))
	case tip != "" && errors.Is(err, os.ErrDeadlineExceeded):
		return state.Faultf(state.Unreachable, "no greeting of %s within %v (%w)", a.o.Addr(), a.o.Timeout, err).
			WithHint("the server is down or slow; or %s", tip)
	}
	return reach.Fault("wait for the greeting of "+a.o.Addr(), err)
}

// greetingRefusal reads "* BYE [CODE] text".
func greetingRefusal(line string) *refusal {
	r := &refusal{typ: word(line, 1)}
	_, rest, _ := strings.Cut(line, " ")
	_, rest, _ = strings.Cut(rest, " ")
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		if code, text, ok := strings.Cut(inner, "]"); ok {
			r.code, rest = strings.ToUpper(code), strings.TrimLeft(text, " ")
		}
	}
	r.text = reach.Quoted(rest)
	return r
}
