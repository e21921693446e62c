package oauth

import (
	"context"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
	"mailsync/state/store"
)

// Source hands out the access token of an account that is logged in. It is safe for concurrent use.
type Source struct {
	*client
	vault *vault

	mu       sync.Mutex
	unwanted string // the access token that the server took last for a bad one

	patience time.Duration // of Discard; 0 means discardWait
}

// NewSource returns the source of an account. It reads and asks nothing yet.
func NewSource(o Options) (*Source, error) {
	c := newClient(o)
	v, err := openVault(&c.Options)
	return &Source{client: c, vault: v}, err
}

const (
	// lockWait is how long another process may take to renew the token.
	lockWait = 90 * time.Second
	// finish is how long an answer of the provider is waited for once the run is to end: a refresh
	// token that was exchanged, and its successor not heard of, is lost.
	finish = 1500 * time.Millisecond
)

// Token returns an access token that should last a while, and asks the provider for one where there is
// none. An error is of kind Login where the user has to log in again, and Unreachable where the
// provider does not answer.
func (s *Source) Token(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.vault.read()
	if err != nil {
		return "", err
	}
	if r == nil {
		return "", s.vault.none()
	}
	refused := s.unwanted
	if s.serves(r, refused) {
		return r.Access, nil
	}
	type answer struct {
		token string
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		token, err := s.renew(context.WithoutCancel(ctx), ctx, refused)
		if err != nil && state.KindOf(err) != state.Login && r.usable(s.Now().Add(lastMoment)) && r.Access != refused {
			token, err = r.Access, nil // it is renewed before its end, and this is why
		}
		done <- answer{token, err}
	}()
	select {
	case a := <-done:
		return a.token, a.err
	case <-ctx.Done():
	}
	select {
	case <-done: // what it brought is on disk
	case <-time.After(finish):
	}
	return "", context.Cause(ctx)
}

// lastMoment is how long before its end a token still can be used.
const lastMoment = 10 * time.Second

// Refused notes that the server did not accept a token, so that the next one is another.
func (s *Source) Refused(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unwanted = token
}

// serves reports whether the access token of a record can be handed out.
func (s *Source) serves(r *record, refused string) bool {
	return r.good(s.Now()) && r.Access != refused
}

// renew gets a new access token, under the lock, unless another process just did. Waiting ends with
// wait; what was begun after that is finished.
func (s *Source) renew(ctx, wait context.Context, refused string) (string, error) {
	l, err := s.lock(wait)
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Unlock() }() // what was written is durable
	r, err := s.vault.read()
	switch {
	case err != nil:
		return "", err
	case r == nil:
		return "", s.vault.none()
	case s.serves(r, refused):
		return r.Access, nil
	}
	if err := s.vault.recall(wait, r); err != nil {
		return "", err
	}
	if r.Refresh == "" {
		return "", state.Faultf(state.Login, "the access token of account %s has ended, and the provider gave none to renew it: run %q", s.Account, s.command())
	}
	// What is to be kept afterwards must not be lost to a full disk, so it is written once before.
	if err := s.vault.write(ctx, l, r); err != nil {
		return "", err
	}
	if err := s.refresh(ctx, r); err != nil {
		return "", err
	}
	return r.Access, s.vault.write(ctx, l, r)
}

// refresh exchanges the refresh token of a record.
func (s *Source) refresh(ctx context.Context, r *record) error {
	const doing = "renew the access token"
	conf, err := s.config(ctx)
	if err != nil {
		return err
	}
	asked := s.Now()
	token, err := s.ask(ctx, conf, func(ctx context.Context, conf *oauth2.Config) (*oauth2.Token, error) {
		return conf.TokenSource(ctx, &oauth2.Token{RefreshToken: r.Refresh}).Token()
	})
	if err != nil {
		return s.fault(ctx, doing, s.TokenURL, err)
	}
	r.take(token, asked)
	return nil
}

// lock takes the lock of the account's tokens. Who holds it waits for the provider.
func (s *Source) lock(ctx context.Context) (*store.Lock, error) {
	l, err := s.vault.files.Lock(ctx, lockWait)
	if state.KindOf(err) == state.Locked {
		return nil, state.Faultf(state.Unreachable, "another run has been renewing the token of account %s for %v", s.Account, lockWait).
			WithHint("run it again later")
	}
	return l, err
}

// Keep stores what a log-in gave. It returns where, for people.
func (s *Source) Keep(ctx context.Context, given *oauth2.Token, asked time.Time, keyring bool) (place string, err error) {
	l, err := s.lock(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Unlock() }() // what was written is durable
	old, _ := s.vault.read()          // one that cannot be read is replaced
	r := &record{Keyring: keyring}
	r.take(given, asked)
	if err := s.vault.write(context.WithoutCancel(ctx), l, r); err != nil {
		return "", err
	}
	if old != nil && old.Keyring && !r.Keyring {
		_ = secret.Forget(ctx, s.vault.entry()) // it is of no use to anybody now
	}
	if r.Keyring {
		return "the refresh token in the keyring, the access token in " + s.vault.files.File(), nil
	}
	return s.vault.files.File(), nil
}

// Standing is what is known of a log-in, without asking anybody.
type Standing struct {
	Keyring   bool      // the refresh token is in the keyring
	File      string    // of the rest
	Until     time.Time // end of the access token
	Renewable bool      // there is a refresh token
	Scopes    []string
}

// Standing returns what is known of the log-in; an error of kind Login where there is none.
func (s *Source) Standing() (Standing, error) {
	r, err := s.vault.read()
	if err == nil && r == nil {
		err = s.vault.none()
	}
	if err != nil {
		return Standing{}, err
	}
	return Standing{r.Keyring, s.vault.files.File(), r.Until, r.Keyring || r.Refresh != "", r.Scopes}, nil
}
