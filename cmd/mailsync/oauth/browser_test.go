package oauth

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailsync/cmd/mailsync/secret"
	"mailsync/internal/testkit/idp"
	"mailsync/state"
)

// A log-in by browser: what the provider gives is good, the page says what to do and holds no secret.
func TestBrowser(t *testing.T) {
	for name, l := range map[string]func(*lab) *lab{
		"public client":        func(l *lab) *lab { return l },
		"client with a secret": (*lab).withSecret,
		"secret in the header": func(l *lab) *lab { l.Basic = true; return l.withSecret() },
		"localhost":            func(l *lab) *lab { l.options.RedirectHost = "localhost"; return l },
		"no end told":          func(l *lab) *lab { l.Life = -1; return l },
	} {
		t.Run(name, func(t *testing.T) {
			l := l(newLab(t))
			s := l.source()
			token, err := l.browse(s, func(address string) {
				status, text, _ := idp.Browse(t, address)
				if status != http.StatusOK || !strings.Contains(text, "You can close this page") {
					t.Errorf("%d %s", status, text)
				}
				l.hidden(text)
				l.hidden(address) // not even the verifier
			})
			if err != nil {
				t.Fatal(err)
			}
			if !l.Valid(token.AccessToken) || !l.Refresh(token.RefreshToken) {
				t.Error("what was given is not good")
			}
		})
	}
}

// Whoever comes to the port and does not know the state ends nothing: a scanner, a page that is
// open from before, the browser that wants an icon.
func TestBrowserLetsStrangersPass(t *testing.T) {
	l := newLab(t)
	token, err := l.browse(l.source(), func(address string) {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		back := u.Query().Get("redirect_uri")
		for path, want := range map[string]int{
			"/favicon.ico": 404, "/?code=x": 400, "/?code=x&state=": 400, "/?code=x&state=" + u.Query().Get("state") + "x": 400,
			"/?error=access_denied": 400, "/../?code=x": 404, "/": 400,
		} {
			if status, _, _ := idp.Browse(t, back+path); status != want {
				t.Errorf("%s: %d, want %d", path, status, want)
			}
		}
		resp, err := http.Post(back+"/?code=x&state="+u.Query().Get("state"), "text/plain", nil)
		if err != nil || resp.StatusCode != 404 {
			t.Errorf("a POST: %v, %v", resp, err)
		}
		idp.Browse(t, address)
	})
	if err != nil || !l.Valid(token.AccessToken) {
		t.Errorf("got %v", err)
	}
}

// A second browser that comes back with the right state gets nothing.
func TestBrowserTakesOneAnswer(t *testing.T) {
	w := &redirect{state: "the state of the test", code: make(chan string, 1), failed: make(chan error, 1)}
	port, stop, err := w.listen("", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	at := (&url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(port), RawQuery: url.Values{"state": {w.state}, "code": {"one"}}.Encode(), Path: "/"}).String()
	if status, _, _ := idp.Browse(t, at); status != http.StatusOK {
		t.Errorf("the first: %d", status)
	}
	if status, _, _ := idp.Browse(t, at); status != http.StatusGone {
		t.Errorf("the second: %d", status)
	}
	if code := <-w.code; code != "one" || len(w.code) != 0 {
		t.Errorf("%q", code)
	}
}

func TestBrowserRefused(t *testing.T) {
	l := newLab(t)
	for code, kind := range map[string]state.Kind{
		"access_denied": state.Login, "invalid_scope": state.Login, "unauthorized_client": state.Login, "server_error": state.Unreachable,
		"temporarily_unavailable": state.Unreachable, "what is this": state.Login,
	} {
		l.Refusal = code
		_, err := l.browse(l.source(), func(address string) { idp.Browse(t, address) })
		l.fails(err, kind, `the user said no,\x1b[31m or so`)
	}
}

// A wrong secret is the client's fault, and is named as that. The provider's words repeat it.
func TestWrongClient(t *testing.T) {
	l := newLab(t).withSecret()
	wrong := "wrong-" + idp.ClientSecret
	l.options.ClientSecret = secret.Source{Literal: secret.New(wrong)}
	_, err := l.browse(l.source(), func(address string) { idp.Browse(t, address) })
	l.fails(err, state.Login, "does not accept the client: invalid_client", "client_id or client_secret of account work is wrong")

	s := newLab(t)
	s.loggedIn().Refused("")
	s.Secret = true // since then
	source := s.source()
	source.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	_, err = source.Token(t.Context())
	s.fails(err, state.Login, "does not accept the client")
}

func TestBrowserIsInterrupted(t *testing.T) {
	l := newLab(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := state.Faultf(state.Interrupted, "interrupted")
	_, err := l.source().Browser(ctx, func(string) { cancel(why) })
	if err != why {
		t.Errorf("got %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	l := newLab(t)
	w := &redirect{}
	port, stop, err := w.listen("", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	l.options.RedirectPort = port
	_, err = l.source().Browser(t.Context(), func(string) { t.Error("an address was shown") })
	l.fails(err, state.Other, "redirect_port = 0 takes any that is free")
}

// A browser that looks up "localhost" may come by IPv6, where another program must not wait for it.
func TestPortInUseByIPv6(t *testing.T) {
	other, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("there is no IPv6")
	}
	defer other.Close()
	l := newLab(t)
	l.options.RedirectHost, l.options.RedirectPort = "localhost", other.Addr().(*net.TCPAddr).Port
	_, err = l.source().Browser(t.Context(), func(string) { t.Error("an address was shown") })
	l.fails(err, state.Other, "redirect_port = 0 takes any that is free")
}
