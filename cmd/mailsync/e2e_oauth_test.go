//go:build unix

package main_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"mailsync/internal/testkit/idp"
	"mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// newOAuthWorld configures one account "work" for user ada, who logs in by tokens of a provider.
func newOAuthWorld(t *testing.T, p *idp.Provider, lines ...string) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, bin: program.Path(t), dir: dir, root: filepath.Join(dir, "mail"), config: filepath.Join(dir, "config.toml")}
	text := "[accounts.work]\nuser = \"ada\"\nauth = \"oauth2\"\nmax_wait = \"0s\"\n" + fmt.Sprintf("maildir = %q\n", w.root) +
		strings.Join(lines, "\n") + "\n[accounts.work.oauth2]\n" + p.Config()
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.as = func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "BROWSER=", "DISPLAY=", "WAYLAND_DISPLAY=", "DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere/bus")
	}
	return w
}

func at(addr string) []string {
	host, port, _ := net.SplitHostPort(addr)
	return []string{fmt.Sprintf("host = %q", host), "port = " + port}
}

// logIn runs login to its end. What is printed is passed to visit, a line at a time, until that
// returns false.
func (w *world) logIn(visit func(line string) bool, args ...string) outcome {
	w.t.Helper()
	ctx, cancel := deadline(w.t)
	defer cancel()
	cmd := w.command(ctx, append([]string{"login", "work"}, args...)...)
	var stdout strings.Builder
	cmd.Stdout = &stdout
	pipe, err := cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	var stderr strings.Builder
	going := true
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		stderr.WriteString(lines.Text() + "\n")
		going = going && visit(strings.TrimSpace(lines.Text()))
	}
	err = cmd.Wait()
	o := outcome{Outcome: program.Outcome{Stdout: stdout.String(), Stderr: stderr.String()}}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		o.Code = exit.ExitCode()
	} else if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// browse is what the user does with the address of login.
func (w *world) browse(line string) bool {
	if !strings.HasPrefix(line, "http") {
		return true
	}
	idp.Browse(w.t, line)
	return false
}

// Ctrl-C while the browser is waited for ends login at once, with one line, and leaves nothing.
func TestOAuthLogInIsInterrupted(t *testing.T) {
	t.Parallel()
	p := idp.New(t)
	w := newOAuthWorld(t, p, `host = "127.0.0.1"`, "port = 1", `tls = "none"`)
	for _, how := range [][]string{{"login", "work"}, {"login", "work", "--device"}} {
		ctx, cancel := deadline(t)
		cmd := w.command(ctx, how...)
		pipe, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := ""
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			if last = lines.Text(); strings.HasPrefix(strings.TrimSpace(last), "http") {
				_ = cmd.Process.Signal(syscall.SIGINT)
			}
		}
		exit, ok := errors.AsType[*exec.ExitError](cmd.Wait())
		if !ok || exit.ExitCode() != 130 || last != "mailsync: work: interrupted before the log-in was done" {
			t.Errorf("%v: %v, %q", how, exit, last)
		}
		cancel()
	}
	if found, _ := filepath.Glob(filepath.Join(w.dir, "xdg-state", "mailsync", "tokens", "*")); len(found) > 0 {
		t.Errorf("left: %q", found)
	}
}

// A real server that takes real tokens: log in by browser, sync, a token that the server no longer
// takes, a log-in that was revoked, and one more by device code.
func TestOAuthWithDovecot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mechanisms string
		addr       func(*servers.Server) string
		lines      []string
	}{
		"IMAP":          {"oauthbearer xoauth2", func(s *servers.Server) string { return s.IMAPS }, nil},
		"IMAP, XOAUTH2": {"xoauth2", func(s *servers.Server) string { return s.IMAPS }, nil},
		"POP3":          {"oauthbearer xoauth2", func(s *servers.Server) string { return s.POP3S }, []string{`protocol = "pop3"`}},
		"POP3, XOAUTH2": {"xoauth2", func(s *servers.Server) string { return s.POP3S }, []string{`protocol = "pop3"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := idp.New(t)
			p.Rotate, p.Secret = true, true
			srv := servers.Dovecot(t, servers.OAuth(p.URL+"/introspect", c.mechanisms))
			srv.AddUser("ada")
			const messages = 5
			for i := range messages {
				srv.Deliver("ada", fmt.Appendf(nil, "Subject: %d\r\n\r\nx\r\n", i))
			}
			lines := append(at(c.addr(srv)), fmt.Sprintf("tls_ca = %q", srv.CAFile()))
			w := newOAuthWorld(t, p, append(lines, c.lines...)...)

			o := w.sync()
			o.want(t, 4)
			if !strings.Contains(o.Stderr, `account work is not logged in: run "mailsync login work"`) {
				t.Errorf("before the log-in: %s", o.Stderr)
			}
			o = w.logIn(w.browse)
			if o.Code != 0 || !strings.Contains(o.Stdout, "work: logged in; tokens: "+filepath.Join(w.dir, "xdg-state", "mailsync", "tokens", "work-")) || !strings.Contains(o.Stdout, "accepts them") {
				t.Fatalf("login: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
			}
			if a := w.syncOK(); a.Fetched != messages || p.Asked("refresh_token") != 0 {
				t.Errorf("fetched %d, renewed %d times", a.Fetched, p.Asked("refresh_token"))
			}

			p.EndAccess() // and nobody here knows
			srv.Deliver("ada", []byte("Subject: new\r\n\r\ny\r\n"))
			if a := w.syncOK(); a.Fetched != 1 || p.Asked("refresh_token") != 1 {
				t.Errorf("fetched %d, renewed %d times", a.Fetched, p.Asked("refresh_token"))
			}
			if o := w.run("check", "work"); o.Code != 0 || !strings.Contains(o.Stdout, "token ") || !strings.Contains(o.Stdout, "and is renewed before; kept in ") {
				t.Errorf("check: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
			}

			p.EndAll()
			o = w.run("sync", "work")
			o.want(t, 4)
			if lines := strings.Count(o.Stderr, "\n"); lines != 1 || !strings.Contains(o.Stderr, `has expired or was revoked: run "mailsync login work"`) {
				t.Errorf("revoked: %d lines\n%s", lines, o.Stderr)
			}

			o = w.logIn(func(line string) bool { return !p.Enter(line, true) }, "--device")
			if o.Code != 0 || !strings.Contains(o.Stderr, p.URL+"/enter") {
				t.Fatalf("login --device: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
			}
			w.syncOK()
			if o := w.run("logout", "work"); o.Code != 0 || !strings.Contains(o.Stdout, "revoked at the provider") {
				t.Errorf("logout: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
			}
			w.sync().want(t, 4)
		})
	}
}

// scripted is an IMAP server that asks the provider about tokens.
func scripted(t *testing.T, p *idp.Provider, messages int, replaced imapscript.Answers) (lines []string) {
	t.Helper()
	a := imapscript.NewAccount()
	a.Password = ""
	a.Caps = "IMAP4rev1 LITERAL+ SASL-IR AUTH=OAUTHBEARER ENABLE ID NAMESPACE UNSELECT UIDPLUS CONDSTORE ESEARCH LIST-EXTENDED LIST-STATUS SPECIAL-USE"
	a.SASL.Accepts = p.Valid
	for i := range messages {
		a.Mailbox("INBOX").Append(fmt.Sprintf("Subject: %d\r\n\r\nx\r\n", i))
	}
	port := imapscript.Every(t, imapscript.Healthy(a, replaced)).Port()
	return []string{`host = "127.0.0.1"`, fmt.Sprintf("port = %d", port), `tls = "none"`, "connections = 1"}
}

// A token ends in mid-run, and the server with it the connection, as Gmail, Exchange and others do: the
// run logs in with another and goes on.
func TestOAuthTokenEndsInMidRun(t *testing.T) {
	t.Parallel()
	for name, bye := range map[string]string{
		"Gmail":    "* BYE Session expired, please login again.",
		"Exchange": "* BYE Session invalidated - AccessTokenExpired",
		"silently": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := idp.New(t)
			p.Rotate = true
			bodies := 0
			lines := scripted(t, p, 450, imapscript.Answers{
				"UID FETCH": func(peer *imapscript.Peer, cmd imapscript.Command) bool {
					if !strings.Contains(cmd.Args, "BODY.PEEK[]") {
						return false
					}
					if bodies++; bodies != 2 {
						return false
					}
					p.EndAccess()
					if bye != "" {
						peer.Send(bye)
					}
					peer.Close()
					return true
				},
			})
			w := newOAuthWorld(t, p, lines...)
			if o := w.logIn(w.browse); o.Code != 0 {
				t.Fatalf("exit %d\n%s", o.Code, o.Stderr)
			}
			a := w.syncOK()
			if a.Fetched != 450 || p.Asked("refresh_token") != 1 || bodies < 3 {
				t.Errorf("fetched %d in %d commands, renewed %d times", a.Fetched, bodies, p.Asked("refresh_token"))
			}
		})
	}
}

// Several processes at once renew a token once: the provider ends a log-in whose old token comes again.
func TestOAuthProcessesRenewOnce(t *testing.T) {
	t.Parallel()
	p := idp.New(t)
	p.Rotate = true
	w := newOAuthWorld(t, p, scripted(t, p, 3, nil)...)
	if o := w.logIn(w.browse); o.Code != 0 {
		t.Fatalf("exit %d\n%s", o.Code, o.Stderr)
	}
	for round := range 3 {
		w.end()
		ctx, cancel := deadline(t)
		var all []*exec.Cmd
		for range 4 {
			cmd := w.command(ctx, "list", "work")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			all = append(all, cmd)
		}
		for _, cmd := range all {
			if err := cmd.Wait(); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		cancel()
		if p.Asked("refresh_token") != round+1 {
			t.Errorf("round %d: renewed %d times", round, p.Asked("refresh_token"))
		}
	}
}

// tokens is the file of the log-in.
func (w *world) tokens() (path, text string) {
	w.t.Helper()
	found, err := filepath.Glob(filepath.Join(w.dir, "xdg-state", "mailsync", "tokens", "*", "token"))
	if err != nil || len(found) != 1 {
		w.t.Fatalf("%q %v", found, err)
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return found[0], string(b)
}

// end lets the time of the access token be over, as this machine knows it.
func (w *world) end() {
	w.t.Helper()
	path, text := w.tokens()
	before, _, ok := strings.Cut(text, `"until":`)
	if !ok {
		w.t.Fatal(text)
	}
	if err := os.WriteFile(path, []byte(before+"\"until\": \"2020-01-01T00:00:00Z\"\n}\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// kill runs a sync until strike is called, and kills it there.
func (w *world) kill(begin func(strike func())) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	cmd := w.command(ctx, "sync", "work")
	struck := make(chan struct{}, 10)
	started := make(chan struct{})
	begin(func() {
		<-started
		struck <- struct{}{}
		_ = cmd.Process.Signal(syscall.SIGKILL)
	})
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	close(started)
	err := cmd.Wait()
	if len(struck) == 0 {
		w.t.Fatalf("it ended by itself: %v", err)
	}
}

// Killed at each step of a renewal. Before the provider has decided nothing is lost. Between that and
// our disk the new token is gone: a provider that allows for it takes the old one again, another wants a
// log-in, and the run says so. From the first use on it is on disk.
func TestOAuthKilled(t *testing.T) {
	t.Parallel()
	const before, between, used = "before", "between", "used"
	for _, c := range []struct {
		step  string
		grace bool
		code  int
	}{{before, false, 0}, {between, true, 0}, {between, false, 4}, {used, false, 0}} {
		t.Run(fmt.Sprintf("%s, grace %v", c.step, c.grace), func(t *testing.T) {
			t.Parallel()
			p := idp.New(t)
			p.Rotate, p.Grace = true, c.grace
			var atLogin atomic.Pointer[func()]
			lines := scripted(t, p, 3, imapscript.Answers{"AUTHENTICATE": func(*imapscript.Peer, imapscript.Command) bool {
				if f := atLogin.Load(); f != nil {
					(*f)()
				}
				return false
			}})
			w := newOAuthWorld(t, p, lines...)
			if o := w.logIn(w.browse); o.Code != 0 {
				t.Fatalf("exit %d\n%s", o.Code, o.Stderr)
			}
			w.end()
			w.kill(func(strike func()) {
				switch c.step {
				case before:
					p.Meddle(func(_ http.ResponseWriter, r *http.Request) bool {
						if r.URL.Path == "/token" {
							strike()
						}
						return r.URL.Path == "/token"
					})
				case between:
					p.Late(func(*http.Request) { strike() })
				case used:
					atLogin.Store(&strike)
				}
			})
			p.Meddle(nil)
			p.Late(nil)
			atLogin.Store(nil)
			if _, text := w.tokens(); c.step == used && strings.Contains(text, "2020-01-01") {
				t.Error("a token was used that was not on disk")
			}
			o := w.run("sync", "work")
			o.want(t, c.code)
			if c.code == 4 && !strings.Contains(o.Stderr, `run "mailsync login work"`) {
				t.Errorf("%s", o.Stderr)
			}
		})
	}
}
