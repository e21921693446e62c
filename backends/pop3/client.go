package pop3

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"mailsync/backends/reach"
	"mailsync/backends/redact"
	"mailsync/state"
)

// client is one connection to a POP3 server. One goroutine uses it at a time; drop alone
// may be called from another.
//
// A command is put and then flushed, so that several can share a packet; answers follow in
// the order of the commands. An error that is not the server's refusal has broken the
// connection: it is closed and stays so.
type client struct {
	o        *Options
	trace    *redact.Trace
	sent     *atomic.Int64 // commands
	socket   net.Conn      // below TLS; what drop closes
	conn     *timed
	r        *bufio.Reader
	out      []byte // put, not flushed yet
	caps     capabilities
	greeted  bool   // the server spoke POP3
	took     bool   // RETR was sent
	dotless  bool   // a listing was refused in the middle: its dot may still follow
	stamp    string // the greeting's timestamp for APOP; "" without a well-formed one
	safe     bool   // TLS is on
	proving  bool   // AUTH is under way
	answered time.Time
	broken   atomic.Bool
}

const (
	readBuffer = 64 << 10
	// maxLine bounds a line of a listing. A status line is bounded by readBuffer; RFC 2449
	// section 4 allows 512 octets.
	maxLine = 1 << 20
	// maxListing bounds all of a listing.
	maxListing = 1 << 30
)

func newClient(conn net.Conn, o *Options, trace *redact.Trace, sent *atomic.Int64) *client {
	c := &client{o: o, trace: trace, sent: sent, socket: conn}
	if t, ok := conn.(*tls.Conn); ok {
		c.socket = t.NetConn()
	}
	c.use(conn, o.TLS == reach.Implicit)
	return c
}

// use continues over another connection. What was read from the old one is forgotten.
func (c *client) use(conn net.Conn, safe bool) {
	c.conn = &timed{Conn: conn, timeout: c.o.Timeout}
	c.r = bufio.NewReaderSize(c.conn, readBuffer)
	c.safe = safe
}

// drop closes the connection. It may be called at any time and more than once.
func (c *client) drop() {
	c.broken.Store(true)
	_ = c.socket.Close() // nothing is left to lose on it
}

// fail breaks the connection for a reason. Where the server ended it, that was too early.
func (c *client) fail(doing string, err error) error {
	c.drop()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if alert := reach.Alert("TLS with "+c.o.Addr(), err); alert != nil {
		return alert
	}
	return reach.Fault(doing, err)
}

// garbled breaks the connection because of something that is not POP3.
func (c *client) garbled(format string, args ...any) error {
	return c.fail("connection to "+c.o.Host, &garbledError{fmt.Sprintf(format, args...)})
}

// garbledError is an answer that makes no sense, as against a connection that ended.
type garbledError struct{ what string }

func (e *garbledError) Error() string { return e.what }

func isGarbled(err error) bool {
	_, ok := errors.AsType[*garbledError](err)
	return ok
}

// put adds a command to what flush sends. It refuses one that would be two (a line break
// in a user's name), and, where nothing may change the server, DELE.
func (c *client) put(command string) error {
	if strings.ContainsAny(command, "\r\n\x00") {
		return state.Faultf(state.Usage, "user and password cannot hold a line break")
	}
	if c.o.ReadOnly && strings.HasPrefix(strings.ToUpper(command), "DELE") {
		return state.Faultf(state.Other, "this run must not change the server: DELE is refused")
	}
	c.took = c.took || strings.HasPrefix(command, "RETR ")
	c.sent.Add(1)
	c.putLine(command, shown(command))
	return nil
}

func (c *client) putLine(line, shown string) {
	c.trace.Line("C", shown)
	c.out = append(append(c.out, line...), "\r\n"...)
}

// shown is a command as the trace shows it: without what proves who the user is.
func shown(command string) string {
	f := strings.SplitN(command, " ", 3)
	switch {
	case f[0] == "PASS":
		return "PASS ***"
	case len(f) == 3 && (f[0] == "APOP" || f[0] == "AUTH"):
		return f[0] + " " + f[1] + " ***"
	}
	return command
}

// flush sends what was put.
func (c *client) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	if err != nil {
		return c.fail("send to "+c.o.Host, err)
	}
	return nil
}

// command sends one command and returns what follows +OK.
func (c *client) command(command string) (string, error) {
	if err := c.put(command); err != nil {
		return "", err
	}
	if err := c.flush(); err != nil {
		return "", err
	}
	return c.reply()
}

// reply reads a status line and returns what follows +OK; -ERR is a *refusal.
func (c *client) reply() (string, error) {
	good, text, err := c.status()
	switch {
	case err != nil:
		return "", err
	case good == "+OK":
		return text, nil
	case good == "+":
		return "", c.garbled("server asked for a response where there is none")
	}
	return "", newRefusal(text)
}

// status reads a status line, "+OK", "-ERR" (RFC 1939 section 3) or the "+" of SASL
// (RFC 5034 section 4), and what follows it. Any other line breaks the connection.
func (c *client) status() (word, text string, err error) {
	line, err := c.line()
	if err != nil {
		return "", "", err
	}
	word, text = c.parse(line)
	if word == "" {
		return "", "", c.garbled("server answered %s, which is neither +OK nor -ERR", c.spoken(line))
	}
	c.answered = time.Now()
	return word, text, nil
}

// parse splits a status line. word is "" where it is none.
func (c *client) parse(line string) (word, text string) {
	word, text, _ = strings.Cut(line, " ")
	if word = strings.ToUpper(word); word == "+" {
		return word, text // a challenge is for programs, and may hold what we sent
	}
	text = c.o.Secrets.Hide(text)
	if word != "+OK" && word != "-ERR" {
		return "", ""
	}
	return word, text
}

// spoken is a line of the server's, fit to be shown.
func (c *client) spoken(line string) string {
	return cmp.Or(reach.Quoted(c.o.Secrets.Hide(line)), "an empty line")
}

// line reads a line that is to be a status line, whatever is in it. All of it has to arrive
// within the timeout, so that a server cannot keep us with an octet now and then.
func (c *client) line() (string, error) {
	c.conn.until = time.Now().Add(c.o.Timeout)
	b, err := c.r.ReadSlice('\n')
	c.conn.until = time.Time{}
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", c.garbled("server sent a line of more than %d octets: %s", readBuffer, reach.Quoted(c.o.Secrets.Hide(string(b))))
	}
	if err != nil {
		return "", c.fail("wait for "+c.o.Host, err)
	}
	line := strings.TrimRight(string(b), "\r\n")
	if c.proving && strings.HasPrefix(line, "+ ") && len(line) > 2 {
		c.trace.Line("S", "+ ***") // a password can be tried against a challenge and its answer
	} else {
		c.trace.Line("S", line)
	}
	if c.dotless && line == "." {
		c.dotless = false
		return c.line()
	}
	c.dotless = false
	return line, nil
}

// silent breaks the connection where the server has sent more than it was asked for: the next
// answer would be taken from there.
func (c *client) silent() error {
	if c.r.Buffered() == 0 {
		return nil
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	return c.garbled("server sent %s, and nothing was asked", c.spoken(line))
}

// lines reads a multi-line answer that lists something and calls f with each line,
// without its end; f must not keep it. Of a line longer than maxLine it gets the
// beginning, and false. Listings are read more kindly than messages: a bare LF ends a
// line as well, for none holds data of others. More than most lines are an error. A -ERR in
// place of a line ends the listing, and is returned: what precedes it was listed. A +OK is
// the next answer's, and where this one ended is not known.
func (c *client) lines(most int, f func(line []byte, complete bool)) error {
	var long []byte
	for n, octets := 0, 0; ; {
		b, err := c.r.ReadSlice('\n')
		if octets += len(b); octets > maxListing {
			return c.garbled("server's listing has more than %d octets", maxListing)
		}
		full := errors.Is(err, bufio.ErrBufferFull)
		if full || len(long) > 0 {
			long = append(long, b[:min(len(b), maxLine+1-len(long))]...)
			b = long
		}
		if full {
			continue
		}
		if err != nil {
			return c.fail("read a listing of "+c.o.Host, err)
		}
		complete := len(b) <= maxLine
		b = trimEnd(b)
		if len(b) == 1 && b[0] == '.' {
			c.trace.Line("S", ".")
			return nil
		}
		switch {
		case bytes.HasPrefix(b, []byte("-ERR")):
			c.trace.Line("S", string(b))
			c.dotless = true
			return newRefusal(c.o.Secrets.Hide(strings.TrimSpace(string(b[4:]))))
		case bytes.HasPrefix(b, []byte("+OK")):
			return c.garbled("server's listing has no end: the next answer follows")
		}
		if n++; n > most {
			return c.garbled("server lists more than %d lines", most)
		}
		if c.trace.On() {
			c.trace.Line("S", string(b))
		}
		f(b, complete)
		long = long[:0]
	}
}

func trimEnd(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
	}
	if n := len(b); n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	return b
}

// timed is a connection that breaks when no octet was read or written for the timeout, and when
// reading goes on beyond a moment.
type timed struct {
	net.Conn
	timeout time.Duration
	until   time.Time // zero: never
}

func (t *timed) Read(p []byte) (int, error) {
	end := time.Now().Add(t.timeout)
	if !t.until.IsZero() && t.until.Before(end) {
		end = t.until
	}
	if err := t.SetReadDeadline(end); err != nil {
		return 0, err
	}
	return t.Conn.Read(p)
}

func (t *timed) Write(p []byte) (int, error) {
	if err := t.SetWriteDeadline(time.Now().Add(t.timeout)); err != nil {
		return 0, err
	}
	return t.Conn.Write(p)
}
