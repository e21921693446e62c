package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"mailsync/state"
)

// at is a clock that is off.
func (l *lab) at(off time.Duration) *Source {
	s := l.source()
	s.Now = func() time.Time { return time.Now().Add(off) }
	return s
}

// A token is asked for when the old one is about to end, or its clock makes no sense, and not before.
func TestTokenIsRenewedInTime(t *testing.T) {
	for off, want := range map[time.Duration]int{
		0: 0, 54 * time.Minute: 0, 56 * time.Minute: 1, 24 * time.Hour: 1, -30 * time.Second: 0, -2 * time.Hour: 1,
	} {
		l := newLab(t)
		l.Life = time.Hour
		old := l.token(l.loggedIn())
		s := l.at(off)
		token := l.token(s)
		if l.Asked("refresh_token") != want || (token != old) != (want > 0) || !l.Valid(token) {
			t.Errorf("%v later: asked %d times, want %d", off, l.Asked("refresh_token"), want)
		}
		if l.token(s) != token || l.token(l.at(off)) != token {
			t.Errorf("%v later: it is asked for again", off)
		}
		if l.Asked("refresh_token") != want {
			t.Errorf("%v later: asked again", off)
		}
	}
}

// Cron runs each minute, and a token that lasts a minute is not asked for each time it is used.
func TestShortLife(t *testing.T) {
	l := newLab(t)
	l.Life = time.Minute
	l.loggedIn()
	first := l.token(l.at(2 * time.Hour))
	for _, off := range []time.Duration{0, 20 * time.Second, 40 * time.Second} {
		if got := l.token(l.at(2*time.Hour + off)); got != first {
			t.Errorf("%v after: another one", off)
		}
	}
	if l.token(l.at(2*time.Hour+50*time.Second)) == first {
		t.Error("it is used to its end")
	}
}

// A token that the server refused is not handed out again, and is renewed once for all.
func TestRefused(t *testing.T) {
	l := newLab(t)
	l.Rotate = true
	s := l.loggedIn()
	old := l.token(s)
	s.Refused(old)
	renewed := l.token(s)
	if renewed == old || l.Asked("refresh_token") != 1 {
		t.Errorf("asked %d times", l.Asked("refresh_token"))
	}
	// Another process had the old one as well; it finds the new one under the lock.
	other := l.source()
	other.Refused(old)
	if l.token(other) != renewed || l.Asked("refresh_token") != 1 {
		t.Errorf("asked %d times", l.Asked("refresh_token"))
	}
}

// An answer without a refresh token leaves the old one, with one it replaces it: on the disk before
// anybody has the access token.
func TestRotation(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		l := newLab(t)
		l.Rotate = rotate
		l.loggedIn()
		for i := 1; i <= 4; i++ {
			s := l.at(time.Duration(i) * 2 * time.Hour)
			token := l.token(s)
			var r record
			if err := json.Unmarshal([]byte(l.file(s)), &r); err != nil || r.Access != token || !l.Refresh(r.Refresh) {
				t.Errorf("rotate %v, %d: %v", rotate, i, err)
			}
			if info, err := os.Stat(s.vault.files.File()); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v %v", info.Mode(), err)
			}
		}
		if l.Asked("refresh_token") != 4 {
			t.Errorf("asked %d times", l.Asked("refresh_token"))
		}
	}
}

// Many at once ask once. An old refresh token that is sent again would end the log-in.
func TestManyAtOnceRenewOnce(t *testing.T) {
	l := newLab(t)
	l.Rotate = true
	l.loggedIn()
	var wg sync.WaitGroup
	got := make([]string, 12)
	for i := range got {
		s := l.at(2 * time.Hour) // as another process has it
		wg.Go(func() { got[i], _ = s.Token(context.Background()) })
	}
	wg.Wait()
	for _, token := range got {
		if token == "" || token != got[0] {
			t.Errorf("%v", got)
		}
	}
	if l.Asked("refresh_token") != 1 {
		t.Errorf("asked %d times", l.Asked("refresh_token"))
	}
}

// trouble is a provider that does not do as it should.
type trouble struct {
	meddle http.HandlerFunc
	kind   state.Kind
	words  string
}

func answers(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func troubles(elsewhere string) map[string]trouble {
	const page = "<html><body>Welcome to our hotel</body></html>"
	return map[string]trouble{
		"500":               {answers(500, "text/html", page), state.Unreachable, "500"},
		"503 with an error": {answers(503, "application/json", `{"error":"temporarily_unavailable"}`), state.Unreachable, "not available for now"},
		"429":               {answers(429, "text/plain", "slow down"), state.Unreachable, "429"},
		"404":               {answers(404, "text/html", page), state.Unreachable, "is the address in the configuration right?"},
		"a page":            {answers(200, "text/html", page), state.Unreachable, "not one of an OAuth provider"},
		"a page as JSON":    {answers(200, "application/json", page), state.Unreachable, "not one of an OAuth provider"},
		"nothing":           {answers(200, "application/json", ""), state.Unreachable, "not one of an OAuth provider"},
		"null":              {answers(200, "application/json", "null"), state.Unreachable, "not one of an OAuth provider"},
		"an empty object":   {answers(200, "application/json", "{}"), state.Unreachable, "not one of an OAuth provider"},
		"odd types":         {answers(200, "application/json", `{"access_token":{"a":1},"expires_in":[]}`), state.Unreachable, "not one of an OAuth provider"},
		"cut off":           {answers(200, "application/json", `{"access_token":"acc`), state.Unreachable, "not one of an OAuth provider"},
		"endless":           {answers(200, "application/json", `{"access_token":"`+strings.Repeat("x", maxAnswer)+`"}`), state.Unreachable, "longer than"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		}, state.Unreachable, "307"},
		"hangs up":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, state.Unreachable, ""},
		"silent":            {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, state.Unreachable, "firewall"},
		"revoked":           {answers(400, "application/json", `{"error":"invalid_grant","error_description":"AADSTS70008: gone"}`), state.Login, `run "mailsync login work" (invalid_grant "AADSTS70008: gone")`},
		"revoked, with 200": {answers(200, "application/json", `{"error":"invalid_grant"}`), state.Login, `run "mailsync login work"`},
		"wants the user":    {answers(400, "application/json", `{"error":"interaction_required"}`), state.Login, `run "mailsync login work"`},
		"unknown client":    {answers(401, "application/json", `{"error":"invalid_client"}`), state.Login, "client_id"},
		"odd error":         {answers(400, "application/json", `{"error":"\u001b[31mred"}`), state.Login, `\x1b[31mred`},
	}
}

// Whatever the provider answers, the error is of the right kind and shows no secret; the refresh token
// is still there, and an access token that is good for some minutes is used on.
func TestTroubleWithTheProvider(t *testing.T) {
	var got sync.Map
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got.Store("form", fmt.Sprint(r.Form))
	}))
	defer elsewhere.Close()
	for name, c := range troubles(elsewhere.URL) {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.options.Timeout = 300 * time.Millisecond
			old := l.token(l.loggedIn())
			before := l.file(l.source())
			l.Meddle(func(w http.ResponseWriter, r *http.Request) bool { c.meddle(w, r); return true })
			_, err := l.at(2 * time.Hour).Token(t.Context())
			l.fails(err, c.kind, c.words)
			if strings.Contains(err.Error(), "hotel") || strings.Contains(err.Error(), "\n") {
				t.Errorf("it shows the answer: %v", err)
			}
			if l.file(l.source()) != before {
				t.Error("what is kept changed")
			}
			token, err := l.at(57 * time.Minute).Token(t.Context())
			if c.kind == state.Unreachable && (err != nil || token != old) || c.kind != state.Unreachable && err == nil {
				t.Errorf("in the last minutes: %v", err)
			}
			l.Meddle(nil)
			if token := l.token(l.at(2 * time.Hour)); token == old {
				t.Error("not renewed afterwards")
			}
		})
	}
	if form, ok := got.Load("form"); ok {
		t.Errorf("secrets were sent elsewhere: %v", form)
	}
}

func TestProviderIsDown(t *testing.T) {
	l := newLab(t)
	l.loggedIn()
	l.options.TokenURL = "http://127.0.0.1:1/token" // another provider has no log-in of ours
	_, err := l.source().Token(t.Context())
	l.fails(err, state.Login, `account work is not logged in: run "mailsync login work"`, "provider or client_id changed")

	s := l.source()
	if _, err := s.Keep(t.Context(), &oauth2.Token{AccessToken: "a", RefreshToken: "refresh of nobody"}, time.Now(), false); err != nil {
		t.Fatal(err)
	}
	_, err = l.at(2 * time.Hour).Token(t.Context())
	l.fails(err, state.Unreachable, "nothing listens there", "127.0.0.1:1")
}

// A run that is interrupted while the provider exchanges the token still keeps what it gives.
func TestInterruptedRenewalIsKept(t *testing.T) {
	l := newLab(t)
	l.Rotate = true
	l.loggedIn()
	ctx, cancel := context.WithCancelCause(t.Context())
	l.Late(func(*http.Request) { cancel(context.Canceled) })
	if _, err := l.at(2 * time.Hour).Token(ctx); err != nil && err != context.Canceled { // it may have had it in time
		t.Errorf("got %v", err)
	}
	l.Late(nil)
	if l.token(l.at(2*time.Hour)) == "" || l.Asked("refresh_token") != 1 {
		t.Errorf("asked %d times", l.Asked("refresh_token"))
	}
}

// What cannot be written is found before the provider is asked.
func TestStateHomeThatCannotBeWritten(t *testing.T) {
	l := newLab(t)
	l.Rotate = true
	s := l.loggedIn()
	lock := filepath.Join(filepath.Dir(s.vault.files.File()), "lock")
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(lock, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := l.at(2 * time.Hour).Token(t.Context())
	l.fails(err, state.Storage)
	if l.Asked("refresh_token") != 0 {
		t.Error("the provider was asked")
	}
	if token, err := l.at(57 * time.Minute).Token(t.Context()); err != nil || !l.Valid(token) {
		t.Errorf("a token that is good cannot be used: %v", err)
	}
}
