package imap

import (
	"context"
	"errors"
	"strings"

	"mailsync/backends/auth"
	"mailsync/backends/reach"
	"mailsync/state"
)

// withToken logs in with a token. One that is refused is reported to whoever gives them out, and the
// next one is tried once: on this connection, or where the server ended that, on another one.
func (s *session) withToken(ctx context.Context, token reach.Secret) error {
	if len(auth.ForToken(s.credentials(token), s.offers)) == 0 {
		return s.a.login.NoToken()
	}
	refused := s.present(ctx, token)
	if state.KindOf(refused) != state.Login || s.renewed {
		return refused
	}
	next, ok, err := s.a.login.Renewed(ctx, token)
	switch {
	case err != nil:
		return err // whoever gives out tokens knows better what is wrong
	case !ok:
		return refused
	case s.broken.Load() || s.w.LastError() != nil || s.heard.farewell() != nil:
		return &staleToken{refused}
	}
	err = s.present(ctx, next)
	if err != nil && state.KindOf(err) != state.Login && s.w.LastError() != nil {
		return &staleToken{err} // with its refusal the server had hung up
	}
	return err
}

// staleToken is the error of a log-in whose token was refused, and for which there is another one now.
type staleToken struct{ error }

func (e *staleToken) Unwrap() error { return e.error }

func isStaleToken(err error) bool {
	_, stale := errors.AsType[*staleToken](err)
	return stale
}

// present logs in with one token. A mechanism that the server does not take is followed by the next.
func (s *session) present(ctx context.Context, token reach.Secret) (err error) {
	for _, m := range auth.ForToken(s.credentials(token), s.offers) {
		if _, err = s.sasl(ctx, m); err == nil {
			return nil
		}
		r, ok := asRefusal(err)
		if _, of := errors.AsType[*auth.TokenError](err); !ok || of || r.later() || !r.ofTheWay() || s.heard.farewell() != nil {
			break
		}
	}
	return s.loginFault(ctx, err, token)
}

// sasl runs AUTHENTICATE with a mechanism (RFC 9051 section 6.2.2).
func (s *session) sasl(ctx context.Context, m auth.Mechanism) (*auth.Exchange, error) {
	x, err := auth.Begin(m, s.a.o.Secrets)
	if err != nil {
		return x, err
	}
	line := "AUTHENTICATE " + x.Name
	if s.caps.Has("SASL-IR") { // RFC 4959
		if first, ok := x.Initial(); ok {
			line += " " + first
		}
	}
	_, err = s.w.Authenticate(ctx, line, x.Answer)
	if r, ok := asRefusal(err); ok {
		err = r
	}
	return x, x.End(err)
}

// offers reports whether the server announces a mechanism.
func (s *session) offers(mechanism string) bool {
	for c := range s.caps {
		if strings.EqualFold(string(c), "AUTH="+mechanism) {
			return true
		}
	}
	return false
}

func (s *session) credentials(secret reach.Secret) auth.Credentials {
	o := s.a.o
	return auth.Credentials{User: o.User, Secret: secret.Password, Host: o.Host, Port: o.Port}
}
