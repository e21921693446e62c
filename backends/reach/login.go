package reach

import (
	"context"
	"strings"
	"sync"

	"mailsync/state"
)

// Login is what an account knows of proving who its user is. It is safe for concurrent use: all
// connections of an account share it.
type Login struct {
	o *Options

	mu    sync.Mutex
	known *Secret // nil: not asked for yet, or refused
}

// NewLogin returns the log-in of an account with these options.
func NewLogin(o *Options) *Login { return &Login{o: o} }

// Secret returns what proves who the user is, asking for it where it is not known.
func (l *Login) Secret(ctx context.Context) (Secret, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known != nil {
		return *l.known, nil
	}
	s, err := l.o.Secret(ctx)
	if err != nil {
		if state.KindOf(err) == state.Other {
			err = state.Faultf(state.Login, "password of %s: %w", l.user(), err)
		}
		return Secret{}, err
	}
	l.o.Secrets.Keep(s.Password, strings.TrimPrefix(s.Password, "Bearer "))
	l.known = &s
	return s, nil
}

// user is the user, fit to be shown.
func (l *Login) user() string { return Quoted(l.o.User) }

// Refused is a log-in that is refused because of user or password: the secret is forgotten.
func (l *Login) Refused(why error, hint string) error {
	l.mu.Lock()
	l.known = nil
	l.mu.Unlock()
	return state.Faultf(state.Login, "log-in of %s refused: %w", l.user(), why).WithHint("%s", hint)
}

// Counted is a log-in refused by a server that counts failures and says that it passes. It is not
// waited for, and hides its cause from whoever would: each further try would be one more.
func (l *Login) Counted(why error) error {
	return state.Faultf(state.Unreachable, "log-in of %s refused for now: %v", l.user(), why).WithHint("%s", CountedHint)
}
