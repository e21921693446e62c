package imap

import (
	"context"
	"fmt"
	"net"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/reach"
	"mailsync/state"
)

// secure puts TLS on a connection as the options ask, and makes a session of it. Each step ends
// within the timeout. A connection that cannot be made safe is closed.
func (a *Account) secure(ctx context.Context, conn net.Conn) (*session, error) {
	if a.o.TLS == reach.StartTLS {
		safe, err := a.startTLS(ctx, conn)
		if err != nil {
			return nil, err
		}
		return newSession(a, safe, "* OK TLS is on"), nil // the server greets only once
	}
	safe, err := a.o.Secure(ctx, conn)
	if err != nil {
		return nil, err
	}
	return newSession(a, safe, ""), nil
}

// startTLS has a session of its own ask for STARTTLS, and puts TLS on the connection. What the server
// sent in the clear is forgotten with that session: anybody may have written it, and capabilities
// from before must be discarded (RFC 9051 section 6.2.1).
func (a *Account) startTLS(ctx context.Context, conn net.Conn) (net.Conn, error) {
	s := newSession(a, conn, "")
	ahead := 0
	err := s.step(ctx, func(ctx context.Context) (err error) {
		ahead, err = s.askStartTLS(ctx)
		return err
	})
	if err != nil {
		s.drop()
		conn.Close()
		return nil, err
	}
	return a.o.Upgrade(ctx, conn, ahead)
}

// askStartTLS returns how many octets the server sent beyond its answer.
func (s *session) askStartTLS(ctx context.Context) (ahead int, err error) {
	if err := s.greet(ctx); err != nil {
		return 0, err
	}
	switch {
	case s.c.State() == goimap.ConnStateAuthenticated:
		// RFC 9051 section 7.1.4: somebody in between may have logged us in as himself.
		return 0, state.Faultf(state.Unreachable, "server answered PREAUTH before STARTTLS").
			WithHint(`the connection cannot be made safe this way: use tls = "implicit"`)
	case !s.caps.Has(goimap.CapStartTLS):
		return 0, s.a.o.NoStartTLS()
	}
	ahead, err = s.w.StartTLS(ctx)
	if r, refused := asRefusal(err); refused {
		return 0, s.a.o.StartTLSRefused(r)
	}
	if bye := s.heard.farewell(); err != nil && bye != nil {
		return 0, &reach.Busy{Err: fmt.Errorf("STARTTLS: %w", bye)}
	}
	if err = s.fault(ctx, err); err != nil {
		return 0, fmt.Errorf("STARTTLS: %w", err)
	}
	return ahead, nil
}

// Probe connects once, logs in and out, and returns what was seen on the way, also where
// it ended early. It does not wait for a busy server.
func (a *Account) Probe(ctx context.Context) (state.Probe, error) {
	p, err := a.probe(ctx, false)
	if isStaleToken(err) {
		return a.probe(ctx, true)
	}
	return p, err
}

func (a *Account) probe(ctx context.Context, renewed bool) (state.Probe, error) {
	var p state.Probe
	conn, err := a.o.Dial(ctx)
	if err != nil {
		return p, err
	}
	p.Address = conn.RemoteAddr().String()
	s, err := a.secure(ctx, conn)
	if err != nil {
		return p, probeFault(err)
	}
	s.renewed = renewed
	p.TLS = reach.StateOf(s.w.Conn)
	defer func() {
		s.logout()
		a.commands.Add(s.w.Commands())
	}()
	if err := s.step(ctx, s.greet); err != nil {
		s.drop()
		return p, probeFault(err)
	}
	p.Greeted = true
	err = s.askSecret(ctx)
	if err == nil {
		err = s.step(ctx, s.login)
	}
	if err != nil {
		s.drop()
		return p, probeFault(err)
	}
	p.LoggedIn = true
	for c := range s.caps {
		p.Capabilities = append(p.Capabilities, a.o.Secrets.Hide(string(c)))
	}
	slices.Sort(p.Capabilities)
	return p, nil
}

// probeFault gives a server that is busy its kind: elsewhere it is waited for.
func probeFault(err error) error {
	if _, ok := asBusy(err); ok {
		return state.Faultf(state.Unreachable, "%w", err).WithHint("the server is busy or limits its use: try again later")
	}
	return err
}
