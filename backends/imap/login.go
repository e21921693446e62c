package imap

import (
	"context"
	"errors"
	"io"
	"strings"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"mailsync/backends/imap/wire"
	"mailsync/backends/reach"
	"mailsync/state"
)

// connect makes one session: connection, greeting, log-in, capabilities, ID and
// compression. A server that wants us to come back later is a *busy.
func (a *Account) connect(ctx context.Context) (*session, error) {
	l, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	s := newSession(a, l)
	for _, f := range []func(context.Context) error{s.greet, s.login, s.settle} {
		if err := s.step(ctx, f); err != nil {
			s.drop()
			a.commands.Add(s.w.Commands())
			return nil, err
		}
	}
	return s, nil
}

func (s *session) greet(ctx context.Context) error {
	err := s.c.WaitGreeting()
	if err == nil {
		s.caps = s.c.Caps()
		if s.caps == nil {
			return s.fault(ctx, errors.New("no capabilities"))
		}
		return nil
	}
	if r, ok := asRefusal(err); ok {
		return r.atGreeting()
	}
	if r, ok := asRefusal(s.farewell()); ok {
		return r.atGreeting() // imapclient may see the end of the connection before it tells of a BYE
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if cause := s.w.LastError(); cause != nil {
		err = cause
	} else if strings.Contains(err.Error(), "closed before") {
		err = io.ErrUnexpectedEOF // imapclient knows it as a text only
	}
	return noGreeting(s.a.server.Addr(), err)
}

// login proves who we are with AUTHENTICATE PLAIN or LOGIN, and reads the capabilities
// again, for they change with it (RFC 9051 section 6.2.2).
func (s *session) login(ctx context.Context) error {
	if s.c.State() == goimap.ConnStateAuthenticated {
		return nil // PREAUTH
	}
	secret, err := s.a.secret(ctx)
	if err != nil {
		return err
	}
	s.takeTold()
	if err := s.authenticate(secret); err != nil {
		return s.loginFault(ctx, err)
	}
	if s.caps = s.takeTold(); s.caps == nil {
		s.caps, err = s.c.Capability().Wait()
	}
	return s.fault(ctx, err)
}

func (s *session) authenticate(secret Secret) error {
	plain := s.caps.Has(goimap.AuthCap("PLAIN"))
	login := !s.caps.Has(goimap.CapLoginDisabled)
	switch {
	case plain:
		err := s.c.Authenticate(sasl.NewPlainClient("", s.a.o.User, secret.Password))
		if r, ok := asRefusal(err); ok && r.typ == "BAD" && login && !r.slowDown() {
			break // announced, but not known
		}
		return err
	case !login:
		return state.Faultf(state.Login, "server allows no log-in with a password here").
			WithHint(`use tls = "implicit" or "starttls"; the provider may also want OAuth`)
	}
	return s.c.Login(s.a.o.User, secret.Password).Wait()
}

// loginFault tells a refused log-in from a server that is busy and from a connection
// that broke.
func (s *session) loginFault(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	r, ok := asRefusal(err)
	if !ok && state.KindOf(err) == state.Other {
		if bye := s.farewell(); bye != nil {
			return &busy{err: bye}
		}
		return s.fault(ctx, err)
	}
	if !ok {
		return err
	}
	if wait, later := r.comeBack(); later || tooMany(r.text) {
		return &busy{err: r, wait: wait}
	}
	s.a.forgetSecret()
	return state.Faultf(state.Login, "log-in of %s refused: %w", reach.Quoted(s.a.o.User), r).
		WithHint("check user and password; many providers want an app password for mail programs")
}

// tooMany knows servers that refuse one session too many without a response code.
func tooMany(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "too many") &&
		(strings.Contains(text, "connection") || strings.Contains(text, "session") || strings.Contains(text, "login"))
}

// settle does what is done once after log-in.
func (s *session) settle(ctx context.Context) error {
	wanted := s.a.o.Compress == CompressAlways || s.a.o.Compress == CompressAuto && !s.loopback
	if wanted && s.caps.Has("COMPRESS=DEFLATE") {
		if err := s.w.Compress(ctx); err != nil {
			if _, ok := asRefusal(err); !ok {
				return s.fault(ctx, err)
			}
		}
	}
	if s.caps.Has(goimap.CapID) && !s.a.o.NoID {
		// Some servers open no mailbox for a client that did not say who it is. The
		// answer is of no use, so nobody waits for it.
		id := `ID ("name" "mailsync" "version" ` + quoteName(s.a.o.Version) + `)`
		if _, err := s.w.Send(ctx, id, func(wire.Line) error { return nil }); err != nil {
			return s.fault(ctx, err)
		}
	}
	return nil
}

// secret returns the password, asking for it once for all connections.
func (a *Account) secret(ctx context.Context) (Secret, error) {
	a.secretMu.Lock()
	defer a.secretMu.Unlock()
	if a.known != nil {
		return *a.known, nil
	}
	sec, err := a.o.Secret(ctx)
	if err != nil {
		if state.KindOf(err) == state.Other {
			err = state.Faultf(state.Login, "password of %s: %w", reach.Quoted(a.o.User), err)
		}
		return Secret{}, err
	}
	a.o.Secrets.Keep(sec.Password)
	a.known = &sec
	return sec, nil
}

func (a *Account) forgetSecret() {
	a.secretMu.Lock()
	a.known = nil
	a.secretMu.Unlock()
}
