package oauth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/oauth2"

	"mailsync/backends/reach"
	"mailsync/state"
)

// browserWait is how long a user may take in the browser.
const browserWait = 10 * time.Minute

// Browser gets tokens by the user's browser: the provider sends it back to a port of this machine
// (RFC 8252), with a code that is worth nothing without what only this process knows (RFC 7636). show
// is called with the address to open. It returns when the user is done, or the time is up.
func (s *Source) Browser(ctx context.Context, show func(address string)) (*oauth2.Token, error) {
	if s.AuthURL == "" {
		return nil, state.Faultf(state.Usage, "account %s has no auth_url for a log-in by browser", s.Account).WithHint("use --device")
	}
	conf, err := s.config(ctx)
	if err != nil {
		return nil, err
	}
	wait := &redirect{state: rand.Text(), code: make(chan string, 1), failed: make(chan error, 1), describe: s.denied}
	port, stop, err := wait.listen(s.RedirectHost, s.RedirectPort)
	if err != nil {
		return nil, err
	}
	defer stop()
	conf.RedirectURL = "http://" + net.JoinHostPort(cmp.Or(s.RedirectHost, loopback), strconv.Itoa(port))
	verifier := oauth2.GenerateVerifier()
	s.Secrets.Keep(verifier)
	params := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	if strings.Contains(s.User, "@") { // so that the right one of several accounts is offered
		params = append(params, oauth2.SetAuthURLParam("login_hint", s.User))
	}
	for name, value := range s.Params {
		params = append(params, oauth2.SetAuthURLParam(name, value))
	}
	show(conf.AuthCodeURL(wait.state, params...))
	code, err := wait.answer(ctx, s.Account)
	if err != nil {
		return nil, err
	}
	s.Secrets.Keep(code)
	token, err := s.ask(ctx, conf, func(ctx context.Context, conf *oauth2.Config) (*oauth2.Token, error) {
		return conf.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	})
	if err != nil {
		return nil, s.exchangeFault(ctx, err)
	}
	return token, nil
}

// exchangeFault is fault for an answer to a code: one that is refused was not an old log-in's.
func (s *Source) exchangeFault(ctx context.Context, err error) error {
	const doing = "exchange the code for a token"
	if code, words := refusal(err); code == "invalid_grant" {
		return state.Faultf(state.Login, "%s: %s refused: %s", doing, hostOf(s.TokenURL), code+" "+reach.Quoted(s.Secrets.Hide(words))).
			WithHint("run it again; a code lasts a few minutes and works once")
	}
	return s.fault(ctx, doing, s.TokenURL, err)
}

// denied is the error for what the provider told the browser in place of a code (RFC 6749 section
// 4.1.2.1).
func (s *Source) denied(code, words string) error {
	return s.refused("log in by browser", hostOf(s.AuthURL), code, words, 0)
}

// loopback is the name of this machine in a redirect, unless the provider wants another: a name can
// be resolved to another machine.
const loopback = "127.0.0.1"

// redirect waits for the browser to come back.
type redirect struct {
	state    string
	code     chan string
	failed   chan error
	describe func(code, words string) error

	answered atomic.Bool
}

// listen waits at a port of this machine, 0 for any that is free. A browser that looks up a name may
// come by IPv6.
func (w *redirect) listen(name string, port int) (int, func(), error) {
	first, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return 0, nil, taken(err)
	}
	wanted := port
	port = first.Addr().(*net.TCPAddr).Port
	server := &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 32 << 10}
	listeners := []net.Listener{first}
	if name != "" {
		second, err := net.Listen("tcp", net.JoinHostPort("::1", strconv.Itoa(port)))
		if err == nil {
			listeners = append(listeners, second)
		} else if errors.Is(err, syscall.EADDRINUSE) { // the browser would go to whoever has it
			_ = first.Close() // nobody came yet
			if wanted == 0 {
				return w.listen(name, 0)
			}
			return 0, nil, taken(err)
		}
	}
	for _, l := range listeners {
		go func() { _ = server.Serve(l) }() // it ends with stop
	}
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer cancel()
		if server.Shutdown(ctx) != nil { // the page is to arrive
			_ = server.Close()
		}
	}
	return port, stop, nil
}

// taken is the error for a port that cannot be had.
func taken(err error) error {
	return state.Faultf(state.Other, "wait for the browser: %w", err).
		WithHint("another program uses the port: redirect_port = 0 takes any that is free, where the provider allows it")
}

// ServeHTTP takes the first request that knows the state, and shows others that they came to nothing.
func (w *redirect) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.Method != http.MethodGet || r.URL.Path != "/":
		page(out, http.StatusNotFound, "There is nothing here.")
		return
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(w.state)) != 1:
		page(out, http.StatusBadRequest, "This is not the answer that mailsync waits for. Open the address that it printed, the last one if there are several.")
		return
	}
	switch {
	case w.answered.Swap(true):
		page(out, http.StatusGone, "mailsync has had its answer. You can close this page.")
	case q.Get("error") != "":
		page(out, http.StatusOK, "The provider refused the log-in. mailsync shows why, in the terminal. You can close this page.")
		w.failed <- w.describe(q.Get("error"), q.Get("error_description"))
	case q.Get("code") == "":
		page(out, http.StatusBadRequest, "The provider sent no code. You can close this page.")
		w.failed <- state.Faultf(state.Unreachable, "log in by browser: %w: there is no code in it", errGarbage)
	default:
		page(out, http.StatusOK, "mailsync has its answer and goes on in the terminal. You can close this page.")
		w.code <- q.Get("code")
	}
}

// page shows a sentence. The script takes the code out of the address and so out of the browser's history.
func page(out http.ResponseWriter, status int, text string) {
	h := out.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'unsafe-inline'")
	h.Set("Connection", "close")
	out.WriteHeader(status)
	_, _ = fmt.Fprintf(out, "<!doctype html><title>mailsync</title><script>history.replaceState(null, \"\", \"/\")</script><p>%s</p>\n", text)
}

// answer waits for the code.
func (w *redirect) answer(ctx context.Context, account string) (string, error) {
	up := time.NewTimer(browserWait)
	defer up.Stop()
	select {
	case code := <-w.code:
		return code, nil
	case err := <-w.failed:
		return "", err
	case <-up.C:
		return "", state.Faultf(state.Login, "log in by browser: nobody came back from the browser in %v", browserWait).
			WithHint("run it again; on a machine without a browser %q may work", "mailsync login --device "+account)
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
