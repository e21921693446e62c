package pop3

import (
	"context"
	"crypto/tls"
	"errors"
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
// is made. Where p is not nil it says how far that came.
func (a *Account) connect(ctx context.Context, p *state.Probe) (*session, error) {
	if p == nil {
		p = &state.Probe{}
	}
	for {
		known := len(a.avoided) + len(a.entrance.shut)
		s, err := a.attempt(ctx, p)
		if err == nil || len(a.avoided)+len(a.entrance.shut) == known || !reach.BrokeOff(err) && !isGarbled(err) && !errors.Is(err, errNextWay) {
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
	s.c.tell(p)
	if err != nil {
		s.c.drop()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, s.c.heed(err)
	}
	p.LoggedIn = true
	return s, nil
}

// tell says how far a connection came.
func (c *client) tell(p *state.Probe) {
	if t, ok := c.conn.Conn.(*tls.Conn); ok {
		cs := t.ConnectionState()
		p.TLS = &cs
	}
	p.Greeted, p.Capabilities = c.greeted, c.caps.lines
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
// where the connection just broke it may have been the network, and it is CAPA that tells passwords from
// tokens.
func (s *session) optional(command string, ask func() error) error {
	if s.a.avoided[command] {
		return nil
	}
	err := ask()
	if isGarbled(err) || command != "CAPA" && reach.BrokeOff(err) {
		s.a.avoid(command)
	}
	return err
}

// open returns the session that is there, or makes one. Where the server wants us to come
// back later it waits; a connection that breaks on the way is tried once more.
func (a *Account) open(ctx context.Context) (*session, error) {
	if s := a.alive(ctx); s != nil {
		return s, nil
	}
	var s *session
	err := a.patience.Meet(ctx, func() (err error) {
		s, err = a.connect(ctx, nil)
		return err
	}, func(err error) (busy *reach.Busy, broke bool) {
		_, refused := asRefusal(err)
		errors.As(err, &busy)
		return busy, !refused && reach.BrokeOff(err)
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
		err := s.c.noop()
		stop()
		if _, refused := asRefusal(err); err != nil && !refused {
			return nil
		}
	}
	return s
}

// numbered looks at the mailbox and gives its messages their UIDs.
func (s *session) numbered(ctx context.Context) (*listing, error) {
	if err := s.look(); err != nil {
		return nil, err
	}
	if err := s.name(ctx); err != nil {
		return nil, err
	}
	return s.list, nil
}

// mark is how far the mailbox is known. Its UIDVALIDITY never changes: a number means one
// unique-id for good.
func (s *session) mark() state.Mark {
	return state.Mark{
		UIDValidity: uidValidity,
		UIDNext:     s.a.o.Numbers.uidNext(),
		Exists:      uint32(s.list.count()),
	}
}
