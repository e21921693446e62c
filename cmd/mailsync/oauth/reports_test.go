package oauth

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/idp"
	"mailsync/state"
)

// This file plays what users of other programs reported; more of it is in the tests of each part.

// Answers to a renewal that are odd and good: numbers in quotes, a null, a type in lower case.
func TestOddAnswersThatAreGood(t *testing.T) {
	for _, body := range []string{
		`{"access_token":"odd-access-token","expires_in":"3599","token_type":"bearer"}`,
		`{"access_token":"odd-access-token","expires_in":3599,"refresh_token":null,"id_token":null}`,
		`{"access_token":"odd-access-token","expires_in":3599,"refresh_token":""}`,
		"\n " + `{"access_token":"odd-access-token","expires_in":99999999999}`,
	} {
		l := newLab(t)
		s := l.loggedIn()
		before := l.refreshOf(s)
		l.Meddle(func(w http.ResponseWriter, _ *http.Request) bool {
			answers(200, "text/plain", body)(w, nil) // whatever it says it is
			return true
		})
		if got := l.token(l.at(2 * time.Hour)); got != "odd-access-token" || l.refreshOf(s) != before {
			t.Errorf("%s: %s", body, got)
		}
		l.Meddle(nil)
		if got := l.token(l.at(2*time.Hour + 50*time.Minute)); got != "odd-access-token" {
			t.Errorf("%s: its end is not known", body)
		}
	}
}

// refreshOf is the refresh token that is kept.
func (l *lab) refreshOf(s *Source) string {
	l.Helper()
	r, err := s.vault.read()
	if err != nil || r == nil {
		l.Fatal(err)
	}
	return r.Refresh
}

// The reasons of Microsoft have several lines; one is printed.
func TestReasonOfSeveralLines(t *testing.T) {
	l := newLab(t)
	l.loggedIn()
	l.Meddle(meddled(400, `{"error":"invalid_grant","error_description":"AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency checks.\r\nTrace ID: `+
		strings.Repeat("0", 300)+`\r\nTimestamp: 2023-07-06","suberror":"token_expired"}`))
	_, err := l.at(2 * time.Hour).Token(t.Context())
	l.fails(err, state.Login, `run "mailsync login work"`, "AADSTS70043", "…")
	if strings.Contains(err.Error(), "\n") || len(err.Error()) > 400 {
		t.Errorf("%d bytes: %v", len(err.Error()), err)
	}
}

// A network that is gone for a day costs no log-in.
func TestOutageCostsNoLogIn(t *testing.T) {
	l := newLab(t)
	l.Rotate = true
	l.loggedIn()
	l.Meddle(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	for i := range 20 {
		_, err := l.at(time.Duration(i+2) * time.Hour).Token(t.Context())
		l.fails(err, state.Unreachable)
	}
	l.Meddle(nil)
	if token := l.token(l.at(24 * time.Hour)); !l.Valid(token) {
		t.Error("not renewed")
	}
}

// A file of tokens that was copied to another machine: one of the two has an old token one day, and
// both have to log in, which is said.
func TestCopiedTokens(t *testing.T) {
	l := newLab(t)
	l.Rotate = true
	s := l.loggedIn()
	copied := l.file(s)
	l.token(l.at(2 * time.Hour))
	l.write(s, copied)
	_, err := l.at(2 * time.Hour).Token(t.Context())
	l.fails(err, state.Login, `run "mailsync login work"`, "was used before")
}

// write replaces the file of a log-in.
func (l *lab) write(s *Source, text string) {
	l.Helper()
	lock, err := s.lock(l.Context())
	if err == nil {
		err = s.vault.files.Replace(lock, []byte(text))
	}
	if err != nil {
		l.Fatal(err)
	}
	if err := lock.Unlock(); err != nil {
		l.Fatal(err)
	}
}

// The user left the box of the mail scope empty on the provider's page.
func TestScopeThatWasNotGiven(t *testing.T) {
	for scope, want := range map[string][]string{"openid email": {"mail"}, "email mail": nil, "": nil} {
		l := newLab(t)
		l.options.Scopes = []string{"mail", "offline_access"}
		l.Scope = scope
		s := l.source()
		token, err := l.browse(s, func(address string) { idp.Browse(t, address) })
		if err != nil || !slices.Equal(s.Withheld(token), want) {
			t.Errorf("%q: %q, %v", scope, s.Withheld(token), err)
		}
	}
}

// The second log-in at Google gives no refresh token unless it is asked for in its own words; and who
// has several accounts is offered the right one.
func TestParametersOfTheProvider(t *testing.T) {
	l := newLab(t)
	l.options.Params = map[string]string{"access_type": "offline", "prompt": "consent"}
	l.options.User = "ada@example.org"
	var q url.Values
	if _, err := l.browse(l.source(), func(address string) {
		u, err := url.Parse(address)
		if err != nil {
			t.Error(err)
			return
		}
		q = u.Query()
		idp.Browse(t, address)
	}); err != nil {
		t.Fatal(err)
	}
	if q.Get("access_type") != "offline" || q.Get("prompt") != "consent" || q.Get("login_hint") != "ada@example.org" || q.Get("scope") != "mail" || q.Get("code_verifier") != "" {
		t.Errorf("%v", q)
	}
}
