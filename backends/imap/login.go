package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/auth"
	"mailsync/backends/reach"
	"mailsync/state"
)

// connect makes one session. A server that wants us to come back later is a *reach.Busy.
func (a *Account) connect(ctx context.Context, alone func() bool) (*session, error) {
	for {
		s, err := a.attempt(ctx, alone, false)
		switch {
		case isStaleToken(err):
			return a.attempt(ctx, alone, true)
		case a.login.Again(err):
			continue
		}
		return s, err
	}
}

// attempt is one connection: greeting, log-in, capabilities, ID and compression. renewed means that the
// one before was made with another token.
func (a *Account) attempt(ctx context.Context, alone func() bool, renewed bool) (*session, error) {
	dial := a.o.DialBeside
	if alone() {
		dial = a.o.Dial
	}
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	s, err := a.secure(ctx, conn)
	if err != nil {
		return nil, err
	}
	s.renewed = renewed
	safe := s.w.Conn // compression will be put on it
	err = s.step(ctx, s.greet)
	if err == nil {
		err = s.askSecret(ctx)
	}
	for _, f := range []func(context.Context) error{s.login, s.negotiate} {
		if err == nil {
			err = s.step(ctx, f)
		}
	}
	if err != nil {
		s.drop()
		a.commands.Add(s.w.Commands())
		return nil, err
	}
	a.o.LogConnected(safe)
	return s, nil
}

// askSecret has the secret that login will send. It is no step of the server's, for somebody may be typing it:
// a server that hangs up meanwhile is met once more.
func (s *session) askSecret(ctx context.Context) (err error) {
	if s.c.State() == goimap.ConnStateAuthenticated {
		return nil // PREAUTH
	}
	s.secret, err = s.a.login.Secret(ctx)
	if err != nil {
		s.heard.passOn(err)
	}
	return err
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
		return s.a.turnedAway(r)
	}
	if r, ok := asRefusal(s.heard.farewell()); ok {
		return s.a.turnedAway(r) // imapclient may see the end of the connection before it reports a BYE
	}
	if cause := context.Cause(ctx); errors.Is(cause, os.ErrDeadlineExceeded) {
		return s.a.noGreeting(cause)
	} else if cause != nil {
		return cause
	}
	if cause := s.w.LastError(); cause != nil {
		err = cause
	} else if strings.Contains(err.Error(), "closed before") {
		err = io.ErrUnexpectedEOF // imapclient knows it as a text only
	}
	return s.a.noGreeting(err)
}

// noGreeting is the error for a connection that ended or stayed silent before its greeting. Courier
// answers one connection too many like this.
func (a *Account) noGreeting(err error) error {
	tip := a.o.SpeaksTLS()
	if alert := reach.Alert("TLS with "+a.o.Addr(), err); alert != nil {
		return alert
	}
	switch {
	case reach.HungUp(err):
		return a.o.NoGreeting(err, tip)
	case tip != "" && errors.Is(err, os.ErrDeadlineExceeded):
		return state.Faultf(state.Unreachable, "%w", state.InWords(err, "no greeting of %s within %v", a.o.Addr(), a.o.Timeout)).
			WithHint("the server is down or slow; or %s", tip)
	}
	return reach.Fault("wait for the greeting of "+a.o.Addr(), err)
}

// login proves who we are, and reads the capabilities again, for they change with it (RFC 9051
// section 6.2.2).
func (s *session) login(ctx context.Context) (err error) {
	defer func() { s.heard.passOn(err) }()
	if s.c.State() == goimap.ConnStateAuthenticated {
		return nil // PREAUTH
	}
	secret := s.secret
	s.heard.loginBegins()
	enter := s.withPassword
	if secret.Token {
		enter = s.withToken
	}
	if err := enter(ctx, secret); err != nil {
		return err
	}
	before := s.caps
	if s.caps = s.heard.takeCaps(); s.caps == nil {
		s.caps, err = s.c.Capability().Wait()
	}
	if _, refused := asRefusal(err); refused && s.heard.farewell() == nil {
		s.caps = before // we are logged in, and it only does not repeat its capabilities
		return nil
	}
	return s.fault(ctx, err)
}

// loginFault distinguishes a refused log-in from a server that is busy and from a connection
// that broke.
func (s *session) loginFault(ctx context.Context, err error, secret reach.Secret) error {
	r, ok := asRefusal(err)
	cause, user := context.Cause(ctx), reach.Quoted(s.a.o.User)
	kind := state.KindOf(err)
	broke := kind == state.Other || kind == state.Unreachable && state.HintOf(err) == ""
	silent := errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(cause, os.ErrDeadlineExceeded) // the connection's time, or the log-in's
	if !ok && (broke || silent) && !errors.Is(cause, context.Canceled) {
		// Some servers refuse beside the command, and end the connection or fall silent.
		r, ok = s.heard.ofLogin(reach.HungUp(err) || reach.HungUp(s.w.LastError()))
	}
	switch {
	case ok:
	case cause != nil:
		return cause
	case !broke:
		return err
	default:
		if bye, ok := asRefusal(s.heard.farewell()); ok && reach.CountsFailures(bye.text) {
			return s.a.login.Counted(bye)
		} else if ok {
			return &reach.Busy{Err: fmt.Errorf("log-in of %s interrupted: %w", user, bye)}
		}
		return fmt.Errorf("log-in of %s: %w", user, s.fault(ctx, err))
	}
	said := error(r)
	if more, ok := errors.AsType[*auth.Reasoned](err); ok {
		said = more
	}
	switch wait, _ := r.comeBack(); {
	case isLater(r, said) && reach.CountsFailures(r.text):
		return s.a.login.Counted(r)
	case isLater(r, said):
		return &reach.Busy{Err: fmt.Errorf("log-in of %s refused for now: %w", user, said), Wait: wait}
	case secret.Token:
		return s.a.login.RefusedToken(said, r.text)
	case auth.IsUnfit(said):
		return s.a.login.Refused(said, auth.UnfitHint)
	}
	return s.a.login.Refused(said, r.loginHint())
}

// isLater reports whether a refused log-in is about now, by what the server says of it or of a token.
func isLater(r *refusal, err error) bool {
	return r.later() || auth.IsLater(err)
}

// negotiate turns on compression, has the server show all of each mailbox, and identifies us, once after log-in.
func (s *session) negotiate(ctx context.Context) error {
	wanted := s.a.o.Compress == CompressAlways || s.a.o.Compress == CompressAuto && !reach.IsLoopbackAddr(s.w.RemoteAddr())
	if wanted && s.caps.Has("COMPRESS=DEFLATE") {
		if err := s.w.Compress(ctx); err != nil {
			if _, ok := asRefusal(err); !ok {
				return s.fault(ctx, err)
			}
		}
	}
	if err := s.showAll(ctx); err != nil {
		return err
	}
	if s.caps.Has(goimap.CapID) && !s.a.o.NoID {
		// Some servers open no mailbox for a client that did not identify itself. The
		// answer does not matter, so nobody waits for it.
		id := `ID ("name" "mailsync" "version" ` + quoteName(s.a.o.Version) + `)`
		if _, err := s.w.Send(ctx, id, nil); err != nil {
			return s.fault(ctx, err)
		}
	}
	return nil
}
