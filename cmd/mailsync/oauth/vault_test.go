package oauth

import (
	"context"
	"errors"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/zalando/go-keyring"
	"golang.org/x/oauth2"

	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
)

// kept is a log-in that is kept, in the keyring where it can be.
func (l *lab) kept() (*Source, string) {
	l.Helper()
	refresh, access := l.LogIn()
	s := l.source()
	place, err := s.Keep(l.Context(), &oauth2.Token{AccessToken: access, RefreshToken: refresh, ExpiresIn: 3600}, s.Now(), true)
	if err != nil {
		l.Fatal(err)
	}
	return s, place
}

// The refresh token is in the keyring and nowhere else, through its rotations, until it is given up.
func TestKeyring(t *testing.T) {
	keyring.MockInit()
	l := newLab(t)
	l.Rotate = true
	s, place := l.kept()
	if !strings.Contains(place, "keyring") || strings.Contains(l.file(s), "refresh.") {
		t.Errorf("%s: %s", place, l.file(s))
	}
	for i := 1; i <= 3; i++ {
		if token := l.token(l.at(time.Duration(i) * 2 * time.Hour)); !l.Valid(token) {
			t.Error("not renewed")
		}
		word, err := keyring.Get(secret.KeyringService, s.vault.entry())
		if err != nil || !l.Refresh(word) || strings.Contains(l.file(s), word) {
			t.Errorf("%v", err)
		}
	}
	now, err := s.Standing()
	if err != nil || !now.Keyring || !now.Renewable {
		t.Errorf("%+v %v", now, err)
	}
	if did, err := s.Leave(t.Context()); err != nil || !did.Revoked {
		t.Errorf("%+v %v", did, err)
	}
	if _, err := keyring.Get(secret.KeyringService, s.vault.entry()); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("left in the keyring: %v", err)
	}
}

// A keyring that does not take a token must not lose it: it is too long, or there is no keyring.
func TestKeyringThatTakesNothing(t *testing.T) {
	keyring.MockInit()
	defer keyring.MockInit()
	l := newLab(t)
	l.Rotate = true
	s, _ := l.kept()
	renewed := l.token(l.at(2 * time.Hour))
	keyring.MockInitWithError(keyring.ErrSetDataTooBig)
	if got := l.token(l.at(2*time.Hour + time.Minute)); got != renewed {
		t.Error("a token that is good needs the keyring")
	}
	_, err := l.at(4 * time.Hour).Token(t.Context()) // it cannot be read either
	l.fails(err, state.Login, "mailsync login --file work")

	s2, place := l.kept()
	if strings.Contains(place, "keyring") || !strings.Contains(l.file(s2), "refresh.") {
		t.Errorf("%s: %s", place, l.file(s))
	}
	if token := l.token(l.at(2 * time.Hour)); !l.Valid(token) {
		t.Error("not renewed from the file")
	}
}

// A file that is not for the user alone is refused, one that cannot be read is a log-in.
func TestFileOfTokens(t *testing.T) {
	l := newLab(t)
	s := l.loggedIn()
	path := s.vault.files.File()
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o640, 0o604, 0o666} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			_, err := s.Token(t.Context())
			l.fails(err, state.Usage, "group or others can read the token", "chmod 600")
		}
	}
	for _, text := range []string{"", "{", "[]", `{"format":2}`, "\x00\x00"} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Token(t.Context())
		l.fails(err, state.Login, "cannot be read", `run "mailsync login work"`)
	}
	if l.loggedIn(); !l.Valid(l.token(s)) {
		t.Error("another log-in does not mend it")
	}
}

// What is begun to be written, and left by a process that was killed, is not read.
func TestFileThatWasBegun(t *testing.T) {
	l := newLab(t)
	s := l.loggedIn()
	token := l.token(s)
	begun := s.vault.files.File() + ".4711.new"
	if err := os.WriteFile(begun, []byte(`{"format":1,"refr`), 0o600); err != nil {
		t.Fatal(err)
	}
	if l.token(l.source()) != token || l.token(l.at(2*time.Hour)) == token {
		t.Error("it is")
	}
	if _, err := os.Stat(begun); err == nil {
		t.Error("it stays")
	}
}

// A log-in is an account's, a user's and a client's. One under another name is named.
func TestWhoseLogInItIs(t *testing.T) {
	l := newLab(t)
	s := l.loggedIn()
	for what, c := range map[string]struct {
		change func(*Options)
		words  string
	}{
		"renamed":  {func(o *Options) { o.Account = "office" }, "account work had the same user: where it was renamed"},
		"its user": {func(o *Options) { o.User = "bob" }, "its user, provider or client_id changed"},
		"client":   {func(o *Options) { o.ClientID = "other" }, "its user, provider or client_id changed"},
		"another":  {func(o *Options) { o.Account, o.User = "office", "bob" }, "account office is not logged in"},
	} {
		other := *l
		c.change(&other.options)
		_, err := other.source().Token(t.Context())
		l.fails(err, state.Login, c.words, `run "mailsync login `+other.options.Account+`"`)
		if (what != "another") != strings.Contains(state.HintOf(err), s.vault.files.File()) {
			t.Errorf("%s: %s", what, state.HintOf(err))
		}
	}
}

// Giving up a log-in revokes it, and forgets it whatever the provider does.
func TestLeave(t *testing.T) {
	for name, c := range map[string]struct {
		meddle  func(*lab)
		revoked bool
		kind    state.Kind // of why it was not
	}{
		"as it should":        {func(*lab) {}, true, 0},
		"ended before":        {func(l *lab) { l.EndAll() }, true, 0},
		"not known there":     {func(l *lab) { l.Meddle(meddled(400, `{"error":"invalid_token"}`)) }, true, 0},
		"no revocation":       {func(l *lab) { l.options.RevokeURL = "" }, false, 0},
		"provider is down":    {func(l *lab) { l.Meddle(meddled(503, "later")) }, false, state.Unreachable},
		"not for this one":    {func(l *lab) { l.Meddle(meddled(400, `{"error":"unsupported_token_type"}`)) }, false, state.Login},
		"provider is gone":    {func(l *lab) { l.options.RevokeURL = "http://127.0.0.1:1/" }, false, state.Unreachable},
		"an answer of a page": {func(l *lab) { l.Meddle(meddled(200, "<html>")) }, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			refresh, access := l.LogIn()
			c.meddle(l)
			s := l.source()
			if _, err := s.Keep(t.Context(), &oauth2.Token{AccessToken: access, RefreshToken: refresh}, s.Now(), false); err != nil {
				t.Fatal(err)
			}
			did, err := s.Leave(t.Context())
			if err != nil || !did.Was || did.Revoked != c.revoked || (did.Err != nil) != (c.kind != 0) {
				t.Errorf("%+v %v", did, err)
			}
			if c.kind != 0 {
				l.fails(did.Err, c.kind)
			}
			if name == "as it should" && (l.Refresh(refresh) || l.Valid(access)) {
				t.Error("it is still good")
			}
			_, err = s.Token(t.Context())
			l.fails(err, state.Login, "not logged in")
			if did, err := s.Leave(t.Context()); err != nil || did.Was {
				t.Errorf("again: %+v %v", did, err)
			}
		})
	}
}

// What others could read, or nobody can, is given up too: the one is revoked, of the other it is said that it was not.
func TestLeaveWhatIsNotAsItWas(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes")
	}
	l := newLab(t)
	s := l.loggedIn()
	if err := os.Chmod(s.vault.files.File(), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := s.vault.read()
	l.fails(err, state.Usage, "group or others can read", "chmod 600")
	if did, err := s.Leave(t.Context()); r != nil || err != nil || !did.Was || !did.Revoked || did.Err != nil || l.Asked("revoke") != 1 {
		t.Errorf("%+v %v", did, err)
	}
	s = l.loggedIn()
	if err := os.WriteFile(s.vault.files.File(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	did, err := s.Leave(t.Context())
	if err != nil || !did.Was || did.Revoked {
		t.Errorf("%+v %v", did, err)
	}
	l.fails(did.Err, state.Login, "cannot be read")
}

// A log-in that came to nothing is forgotten soon, whatever the provider does, and also when the user has had enough.
func TestDiscard(t *testing.T) {
	l := newLab(t)
	s := l.loggedIn()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if did, err := s.Discard(ctx); err != nil || !did.Revoked {
		t.Errorf("%+v %v", did, err)
	}
	s = l.loggedIn()
	hold := make(chan struct{})
	defer close(hold)
	l.Meddle(func(http.ResponseWriter, *http.Request) bool { <-hold; return true })
	s.patience = 20 * time.Millisecond
	if did, err := s.Discard(t.Context()); err != nil || !did.Was || did.Revoked {
		t.Errorf("%+v %v", did, err)
	}
	_, err := s.Token(t.Context())
	l.fails(err, state.Login, "not logged in")
}

func meddled(status int, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		answers(status, "text/plain", body)(w, nil)
		return true
	}
}
