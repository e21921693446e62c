package imap

import (
	"context"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/auth"
	"mailsync/backends/reach"
	"mailsync/state"
)

// byCommand is the name of the LOGIN command among the ways of logging in.
const byCommand = "LOGIN"

// Way is the way of logging in with a password that worked last, for the options of the next run.
func (a *Account) Way() string { return a.login.Way() }

// withPassword logs in with a password, in the ways that package auth chooses.
func (s *session) withPassword(ctx context.Context, password reach.Secret) error {
	offer := s.offer(password)
	ways := auth.Ways(s.credentials(password), offer)
	switch {
	case len(ways) > 0:
	case offer.Has(auth.OAuthBearer), offer.Has(auth.XOAuth2):
		return reach.OnlyTokens()
	default:
		return state.Faultf(state.Login, "server allows no log-in with a password here").
			WithHint(`use tls = "implicit" or "starttls"; the provider may also want OAuth`)
	}
	walk := auth.NewWalk(ways, s.a.login.Way())
	var err error // the one that says most
	for {
		w, ok := walk.At()
		if !ok {
			return s.loginFault(ctx, err, password)
		}
		how, failed := s.try(ctx, w, password)
		if failed == nil {
			s.a.login.Worked(w.Name)
			return nil
		}
		r, refused := asRefusal(failed)
		if !refused || r.later() || s.heard.farewell() != nil {
			return s.loginFault(ctx, failed, password)
		}
		if how = r.outcome(how); err == nil || how != auth.NotTaken {
			err = failed
		}
		walk.Refused(how)
	}
}

// offer is what the server announces. PLAIN is tried without being announced, too, where what is announced
// proved to be wrong, but LOGIN never where it must not be (RFC 9051 section 6.2.3).
func (s *session) offer(password reach.Secret) auth.Offer {
	cs := reach.StateOf(s.w.Conn)
	o := auth.Offer{Has: s.offers, Safe: cs != nil, Binding: auth.BindingOf(cs)}
	if s.caps.Has(goimap.CapLoginDisabled) {
		return o
	}
	o.Show = []auth.Way{{Name: byCommand, Shown: true}}
	if !o.Has(auth.Plain) {
		o.Show = append(o.Show, auth.PlainWay(s.credentials(password)))
	}
	return o
}

// try logs in in one way.
func (s *session) try(ctx context.Context, w auth.Way, password reach.Secret) (auth.Outcome, error) {
	if w.Make == nil {
		return auth.Doubted, s.c.Login(s.a.o.User, password.Password).Wait()
	}
	x, err := s.sasl(ctx, w.Make())
	return x.Outcome(err), err
}

// outcome is what a refusal tells, by the server's words, of a way of which our side knows how.
func (r *refusal) outcome(how auth.Outcome) auth.Outcome {
	switch {
	case reach.CountsFailures(r.text):
		return auth.Condemned
	case how == auth.Doubted && r.ofTheWay():
		return auth.NotTaken
	case how == auth.Doubted && (r.hasCode("ALERT") || reach.RefusedHint(r.text) != ""): // it is for the user
		return auth.Condemned
	}
	return how
}
