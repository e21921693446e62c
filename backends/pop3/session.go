package pop3

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailsync/backends/reach"
	"mailsync/state"
)

// session is a connection that is logged in, and the mailbox as it shows it.
type session struct {
	a    *Account
	c    *client
	list *listing // nil until asked
}

// connect makes one session. Where a connection ended and it is known now what to leave out, another
// is made. p shows how far that got.
func (a *Account) connect(ctx context.Context, p *state.Probe) (*session, error) {
	a.entrance.renewed = false
	for {
		known := len(a.avoided) + len(a.entrance.shut)
		s, err := a.attempt(ctx, p)
		if errors.Is(err, errNextToken) || a.entrance.Again(err) {
			continue
		}
		if err == nil || len(a.avoided)+len(a.entrance.shut) == known || !reach.Interrupted(err) && !isGarbled(err) && !errors.Is(err, errNextWay) {
			return s, err
		}
	}
}

// attempt is one connection: greeting, TLS, capabilities, log-in.
func (a *Account) attempt(ctx context.Context, p *state.Probe) (*session, error) {
	conn, err := a.o.Dial(ctx)
	if err != nil {
		return nil, err
	}
	p.Address = conn.RemoteAddr().String()
	if conn, err = a.o.Secure(ctx, conn); err != nil {
		return nil, err
	}
	s := &session{a: a, c: newClient(conn, &a.o, a.trace, &a.commands)}
	stop := context.AfterFunc(ctx, s.c.drop)
	err = s.begin(ctx)
	stop()
	if cs := reach.StateOf(s.c.conn.Conn); cs != nil {
		p.TLS = cs
	}
	p.Greeted, p.Capabilities = s.c.greeted, s.c.caps.lines
	if err != nil {
		s.c.drop()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, s.c.heed(err)
	}
	p.LoggedIn = true
	a.o.LogConnected(s.c.conn.Conn)
	return s, nil
}

func (s *session) begin(ctx context.Context) error {
	c := s.c
	if err := c.greet(); err != nil {
		return err
	}
	if s.a.o.TLS == reach.StartTLS {
		if err := c.startTLS(ctx); err != nil {
			return err
		}
	}
	if err := s.optional("CAPA", c.capa); err != nil {
		return err
	}
	if err := s.optional("UTF8", c.utf8); err != nil {
		return err
	}
	if err := s.a.entrance.logIn(ctx, c); err != nil {
		return err
	}
	if c.caps.known && !(c.caps.has("PIPELINING") && c.caps.has("UIDL")) {
		// What log-in adds is worth a round trip only where something useful is missing.
		return s.optional("CAPA after log-in", c.capa)
	}
	return nil
}

// optional asks for what can be done without. Where the answer makes no sense it is not asked again;
// where the connection just broke it may have been the network, and only CAPA can distinguish passwords
// from tokens.
func (s *session) optional(command string, ask func() error) error {
	if s.a.avoided[command] {
		return nil
	}
	err := ask()
	if isGarbled(err) || command != "CAPA" && reach.Interrupted(err) {
		s.a.avoided[command] = true
	}
	return err
}

// open returns the session that is there, or makes one. Where the server is busy it
// waits; a connection that breaks on the way is tried once more.
func (a *Account) open(ctx context.Context) (*session, error) {
	if s := a.alive(ctx); s != nil {
		return s, nil
	}
	var s *session
	err := a.patience.Meet(ctx, func() (err error) {
		s, err = a.connect(ctx, &state.Probe{})
		return err
	}, func(err error) (busy *reach.Busy, broke bool) {
		_, refused := asRefusal(err)
		errors.As(err, &busy)
		return busy, !refused && reach.Interrupted(err)
	})
	if err != nil {
		return nil, fault(err)
	}
	a.setSession(s)
	return s, nil
}

// idle is how long a session may have been silent and still be taken for alive.
const idle = 20 * time.Second

// alive returns the session that is there, nil if there is none that answers.
func (a *Account) alive(ctx context.Context) *session {
	s := a.session
	if s == nil || s.c.broken.Load() {
		return nil
	}
	if time.Since(s.c.answered) > idle {
		stop := context.AfterFunc(ctx, s.c.drop)
		_, err := s.c.command("NOOP") // a sign of life
		stop()
		if _, refused := asRefusal(err); err != nil && !refused {
			return nil
		}
	}
	return s
}

// numbered looks at the mailbox and gives its messages their UIDs.
func (s *session) numbered(ctx context.Context) error {
	if err := s.look(); err != nil {
		return err
	}
	return s.name(ctx)
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
			caps.lines = append(caps.lines, reach.Clean(c.o.Secrets.Hide(string(line))))
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

// heed makes a busy server of a refusal that is about now.
func (c *client) heed(err error) error {
	r, ok := asRefusal(err)
	if !ok || !r.later() {
		return err
	}
	busy := &reach.Busy{Err: err}
	// How long it wants between log-ins: RFC 2449 section 6.5.
	if args := c.caps.words["LOGIN-DELAY"]; r.has("LOGIN-DELAY") && len(args) > 0 {
		if n, err := strconv.ParseUint(args[0], 10, 16); err == nil {
			busy.Wait = time.Duration(n) * time.Second
		}
	}
	return busy
}

// snapshot is the session's listing in the engine's words.
func (s *session) snapshot() *state.ServerSnapshot {
	l := s.list
	sn := &state.ServerSnapshot{
		// UIDVALIDITY never changes: a number always means one unique-id.
		Mark: state.Mark{UIDValidity: uidValidity, UIDNext: s.a.o.Numbers.uidNext(), ModSeq: l.seq, Exists: uint32(l.count())},
		All:  true, Complete: l.complete(), ReadOnly: true,
		Messages: make([]state.OnServer, 0, len(l.messages)),
		Trouble:  l.trouble,
		UIDLs:    s.a.o.Numbers.Given,
	}
	for _, m := range l.messages {
		if m.uid != 0 {
			sn.Messages = append(sn.Messages, m.onServer())
			if m.text == "" {
				sn.Nameless = append(sn.Nameless, m.uid)
			}
		}
	}
	slices.Sort(sn.Nameless)
	slices.SortFunc(sn.Messages, func(a, b state.OnServer) int { return cmp.Compare(a.UID, b.UID) })
	return sn
}

// onServer is a message as the engine sees it. POP3 has no date.
func (m *message) onServer() state.OnServer {
	return state.OnServer{UID: m.uid, Size: m.size, Date: state.NoDate}
}
