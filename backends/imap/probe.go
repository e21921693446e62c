package imap

import (
	"context"
	"crypto/tls"
	"slices"

	"mailsync/state"
)

// Probe connects once, logs in and out, and returns what was seen on the way, also where
// it ended early. It does not wait for a busy server.
func (a *Account) Probe(ctx context.Context) (state.Probe, error) {
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
	if t, ok := s.w.Conn.(*tls.Conn); ok {
		cs := t.ConnectionState()
		p.TLS = &cs
	}
	defer func() {
		s.logout()
		a.commands.Add(s.w.Commands())
	}()
	if err := s.step(ctx, s.greet); err != nil {
		s.drop()
		return p, probeFault(err)
	}
	p.Greeted = true
	if err := s.step(ctx, s.login); err != nil {
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
