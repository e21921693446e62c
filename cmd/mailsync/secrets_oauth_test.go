//go:build linux

package main_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mailsync/internal/testkit/idp"
	"mailsync/internal/testkit/imapscript"
)

// watched is what others on the machine see of processes: their arguments.
type watched struct {
	sync.Mutex
	text strings.Builder
}

// look notes the arguments of all processes that this test can see, at a moment when a secret is under way.
func (s *watched) look() {
	s.Lock()
	defer s.Unlock()
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		b, _ := os.ReadFile(path) // it may have ended
		s.text.Write(b)
		s.text.WriteByte('\n')
	}
}

// No command tells a token, of either kind, the client's secret, a code or what proves the key: not
// to people, not to the trace or the log, and not to who reads the arguments of processes.
func TestNoCommandTellsAToken(t *testing.T) {
	t.Parallel()
	p := idp.New(t)
	p.Rotate, p.Secret = true, true
	args := &watched{}
	p.Late(func(*http.Request) { args.look() })
	lines := scripted(t, p, 3, imapscript.Answers{"AUTHENTICATE": func(*imapscript.Peer, imapscript.Command) bool {
		args.look()
		return false
	}})
	w := newOAuthWorld(t, p, lines...)
	opened := filepath.Join(w.dir, "opened")
	browser := filepath.Join(w.dir, "browser")
	script := "#!/bin/sh\n{ echo \"$@\"; tr '\\0' '\\n' </proc/$$/environ; } >>" + opened + "\n"
	if err := os.WriteFile(browser, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	plain := w.as
	w.as = func(cmd *exec.Cmd) {
		plain(cmd)
		cmd.Env = append(cmd.Env, "BROWSER="+browser)
	}
	var said []string
	keep := func(o outcome, what string, code int) {
		said = append(said, o.Stdout, o.Stderr)
		if o.Code != code {
			t.Errorf("%s: exit %d, want %d\n%s%s", what, o.Code, code, o.Stdout, o.Stderr)
		}
	}
	n := 0
	loud := func(command ...string) []string {
		n++
		return append(command, "-vv", "--log-file", filepath.Join(w.dir, fmt.Sprintf("log%d", n)), "--trace", filepath.Join(w.dir, fmt.Sprintf("trace%d", n)))
	}
	// What a provider and a server send back of what was sent to them is shown, and hidden in it.
	echo := func(wr http.ResponseWriter, r *http.Request) bool {
		wr.Header().Set("Content-Type", "application/json")
		wr.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(wr, `{"error":"invalid_request","error_description":"%s %s %s"}`, r.PostForm.Get("refresh_token"), r.PostForm.Get("client_secret"), r.PostForm.Get("code_verifier"))
		return true
	}
	keep(w.logIn(w.browse, loud()...), "login", 0)
	for _, c := range [][]string{{"sync", "work"}, {"check", "work"}, {"list", "work"}, {"backup", "work"}, {"verify", "--server", "work"}, {"sync", "--json", "work"}} {
		w.end() // each renews
		keep(w.run(loud(c...)...), strings.Join(c, " "), 0)
	}
	w.end()
	p.Meddle(echo)
	keep(w.run(loud("sync", "work")...), "an echo", 4)
	keep(w.run(loud("check", "work")...), "an echo", 4)
	p.Meddle(nil)
	keep(w.logIn(func(line string) bool { return !p.Enter(line, true) }, loud("--device")...), "login --device", 0)
	p.EndAll()
	keep(w.run(loud("sync", "work")...), "revoked", 4)
	keep(w.run("status", "work"), "status", 0)
	keep(w.run("logout", "work", "-v"), "logout", 0)
	keep(w.run(loud("sync", "work")...), "logged out", 4)

	if len(p.Words()) < 20 {
		t.Fatalf("only %d secrets passed", len(p.Words()))
	}
	hush := newHush(t, "ada", p.Words()...)
	for _, text := range said {
		hush.text("what was printed", text)
	}
	hush.text("the arguments of processes", args.text.String())
	if !strings.Contains(args.text.String(), "mailsync") || !strings.Contains(args.text.String(), "-vv") {
		t.Error("nobody looked at the program while it worked")
	}
	if b, err := os.ReadFile(opened); err != nil || !strings.Contains(string(b), "code_challenge=") {
		t.Errorf("the browser was not opened: %v", err)
	}
	hush.below(w.dir, w.config)
}
