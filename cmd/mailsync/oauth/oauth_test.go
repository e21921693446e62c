package oauth

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/secret"
	"mailsync/internal/testkit/idp"
	"mailsync/state"
)

// lab is an account with a provider and a place for its tokens.
type lab struct {
	*testing.T
	*idp.Provider
	options Options
}

func newLab(t *testing.T) *lab {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
	p := idp.New(t)
	return &lab{t, p, Options{Account: "work", User: "ada", OAuth: config.OAuth{
		AuthURL: p.URL + "/authorize", TokenURL: p.URL + "/token", DeviceURL: p.URL + "/device", RevokeURL: p.URL + "/revoke",
		Scopes: []string{"mail"}, ClientID: idp.ClientID,
	}}}
}

// withSecret has the client prove itself.
func (l *lab) withSecret() *lab {
	l.Secret = true
	l.options.ClientSecret = secret.Source{Literal: secret.New(idp.ClientSecret)}
	return l
}

// source is what another process has of the account.
func (l *lab) source() *Source {
	l.Helper()
	s, err := NewSource(l.options)
	if err != nil {
		l.Fatal(err)
	}
	return s
}

// loggedIn is a source with a log-in that is kept.
func (l *lab) loggedIn() *Source {
	l.Helper()
	refresh, access := l.LogIn()
	s := l.source()
	given := &oauth2.Token{AccessToken: access, RefreshToken: refresh, ExpiresIn: 3600}
	if _, err := s.Keep(l.Context(), given, s.Now(), false); err != nil {
		l.Fatal(err)
	}
	return s
}

// token is the access token that a source hands out.
func (l *lab) token(s *Source) string {
	l.Helper()
	token, err := s.Token(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	return token
}

// fails wants an error of a kind, with words in it or in its hint, and no secret.
func (l *lab) fails(err error, kind state.Kind, words ...string) {
	l.Helper()
	if err == nil {
		l.Error("no error")
		return
	}
	text := err.Error() + "\n" + state.HintOf(err)
	if state.KindOf(err) != kind {
		l.Errorf("kind %d, want %d: %s", state.KindOf(err), kind, text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			l.Errorf("%q is not in %s", w, text)
		}
	}
	l.hidden(text)
}

// hidden wants no secret in a text.
func (l *lab) hidden(text string) {
	l.Helper()
	for _, w := range l.Words() {
		for _, part := range []string{w[:len(w)/2], w[len(w)/2:]} {
			if strings.Contains(text, part) {
				l.Errorf("%q is in %s", part, text)
			}
		}
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\n' }) {
		l.Errorf("a control character is in %q", text)
	}
}

// file is the text of the file of a log-in.
func (l *lab) file(s *Source) string {
	l.Helper()
	text, err := os.ReadFile(s.vault.files.File())
	if err != nil {
		l.Fatal(err)
	}
	return string(text)
}

// browse logs in by browser, which does with the address what visit does.
func (l *lab) browse(s *Source, visit func(address string)) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(l.Context(), 20*time.Second)
	defer cancel()
	done := make(chan struct{})
	token, err := s.Browser(ctx, func(address string) {
		go func() {
			defer close(done)
			visit(address)
		}()
	})
	<-done
	return token, err
}
