package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
	"mailsync/state/store"
)

// record is what is kept of a log-in: the content of its file.
type record struct {
	Format   int      `json:"format"`
	Account  string   `json:"account"`
	TokenURL string   `json:"token_url"`
	User     string   `json:"user"`
	ClientID string   `json:"client_id"`
	Scopes   []string `json:"scopes"`

	Keyring bool      `json:"keyring"` // the refresh token is there and not here
	Refresh string    `json:"refresh_token,omitempty"`
	Access  string    `json:"access_token,omitempty"`
	From    time.Time `json:"from,omitzero"`  // when the access token was had
	Until   time.Time `json:"until,omitzero"` // its end, by the clock of From
}

const recordFormat = 1

// usualLife is how long an access token is used whose end the provider did not tell.
const usualLife = 30 * time.Minute

// take puts what the provider gave into the record. An answer without a refresh token leaves the old
// one (RFC 6749 section 6).
func (r *record) take(t *oauth2.Token, asked time.Time) {
	r.Access, r.From, r.Until = t.AccessToken, asked, asked.Add(usualLife)
	if t.ExpiresIn > 0 {
		r.Until = asked.Add(time.Duration(t.ExpiresIn) * time.Second)
	}
	if t.RefreshToken != "" {
		r.Refresh = t.RefreshToken
	}
}

// maxEarly is how long before its end a token is renewed at most.
const maxEarly = 5 * time.Minute

// good reports whether the access token can be used at a time. One that lasts an hour is renewed five
// minutes before its end, for the server's clock may be ahead and a log-in takes time; a clock that
// went back behind the token's beginning tells nothing.
func (r *record) good(now time.Time) bool {
	early := min(maxEarly, r.Until.Sub(r.From)/4)
	return r.usable(now) && now.Before(r.Until.Add(-early))
}

// usable is good without the time before its end, for when there is no other.
func (r *record) usable(now time.Time) bool {
	return r.Access != "" && now.Before(r.Until) && !now.Before(r.From.Add(-time.Minute))
}

// vault is where the log-in of an account is kept. It belongs to the account's name, user, provider
// and client: with another of these it is another log-in.
type vault struct {
	o     *Options
	name  string
	files *store.Tokens
}

func openVault(o *Options) (*vault, error) {
	sum := sha256.Sum256([]byte(strings.Join([]string{o.Account, o.TokenURL, o.User, o.ClientID}, "\x00")))
	name := o.Account + "-" + hex.EncodeToString(sum[:6])
	files, err := store.OpenTokens(name)
	return &vault{o, name, files}, err
}

// read returns the log-in without the refresh token where that is in the keyring; nil where there is
// none.
func (v *vault) read() (*record, error) {
	text, err := v.files.Read()
	if text == nil || err != nil {
		return nil, err
	}
	r := &record{}
	if err := json.Unmarshal(text, r); err != nil || r.Format != recordFormat || r.TokenURL != v.o.TokenURL {
		return nil, state.Faultf(state.Login, "the token %s cannot be read: run %q", v.files.File(), v.o.command())
	}
	v.o.Secrets.Keep(r.Access, r.Refresh)
	return r, nil
}

// recall reads the refresh token from the keyring where it is there.
func (v *vault) recall(ctx context.Context, r *record) error {
	if !r.Keyring || r.Refresh != "" {
		return nil
	}
	word, err := secret.Recall(ctx, v.entry())
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return state.Faultf(state.Login, "the refresh token of account %s: %w", v.o.Account, err).
			WithHint("cron and servers often have no keyring: run %q once, which needs none", "mailsync login --file "+v.o.Account)
	}
	r.Refresh = word.Reveal()
	v.o.Secrets.Keep(r.Refresh)
	return nil
}

// entry is the name of the refresh token in the keyring.
func (v *vault) entry() string { return "oauth/" + v.name }

// write keeps a log-in, durably: the refresh token in the keyring where the record says so and that
// takes it, else in the file. The caller holds the lock.
func (v *vault) write(ctx context.Context, l *store.Lock, r *record) error {
	r.Format, r.Account, r.TokenURL = recordFormat, v.o.Account, v.o.TokenURL
	r.User, r.ClientID, r.Scopes = v.o.User, v.o.ClientID, v.o.Scopes
	kept := *r
	if r.Keyring && secret.Store(ctx, v.entry(), r.Refresh) == nil {
		kept.Refresh = ""
	} else {
		r.Keyring, kept.Keyring = false, false // too long for it, or it is gone: a token must not get lost
	}
	text, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return err
	}
	return v.files.Replace(l, append(text, '\n'))
}

// forget removes a log-in from wherever it is. The caller holds the lock.
func (v *vault) forget(ctx context.Context, l *store.Lock, r *record) error {
	if err := v.files.Remove(l); err != nil {
		return err
	}
	if r != nil && r.Keyring {
		return secret.Forget(ctx, v.entry())
	}
	return nil
}

// none is the error where there is no log-in. It names one that the account seems to have had under
// another name, or with another user or client.
func (v *vault) none() error {
	f := state.Faultf(state.Login, "account %s is not logged in: run %q", v.o.Account, v.o.command())
	for _, other := range v.files.Others() {
		var r record
		text, err := other.Read()
		if err != nil || json.Unmarshal(text, &r) != nil {
			continue
		}
		same := r.User == v.o.User && r.TokenURL == v.o.TokenURL && r.ClientID == v.o.ClientID
		switch {
		case r.Account == v.o.Account:
			return f.WithHint("its user, provider or client_id changed since the last log-in; that one lies in %s, and can be removed", other.File())
		case same && slices.Equal(r.Scopes, v.o.Scopes):
			return f.WithHint("account %s had the same user: where it was renamed, log in under the new name, and remove %s", r.Account, other.File())
		}
	}
	return f
}
