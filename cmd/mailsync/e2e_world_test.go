//go:build unix

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// The acceptance tests run the program as its user does: a binary, a configuration
// file, a real server. What they compare with is what an independent client sees.

// world is one account's configuration, Maildirs and memory of known roots.
type world struct {
	t      *testing.T
	bin    string
	dir    string // everything below it
	root   string // of the account "work"
	config string
	as     func(*exec.Cmd) // makes a command another user's; nil: this one's
}

// settings are lines of the account's table in the configuration.
type settings []string

// newWorld configures one account "work" for user ada of a server.
func newWorld(t *testing.T, bin string, srv *servers.Server, more ...string) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, bin: bin, dir: dir, root: filepath.Join(dir, "mail"), config: filepath.Join(dir, "config.toml")}
	w.configure(append(serverSettings(srv), more...))
	return w
}

// serverSettings reach a server with TLS from the first byte.
func serverSettings(srv *servers.Server) settings {
	host, port, _ := strings.Cut(srv.IMAPS, ":")
	return settings{
		fmt.Sprintf("host = %q", host), "port = " + port, fmt.Sprintf("tls_ca = %q", srv.CAFile()),
	}
}

// configure writes the configuration. A key in lines wins over the usual value.
func (w *world) configure(lines settings) {
	w.t.Helper()
	usual := settings{`user = "ada"`, fmt.Sprintf("password = %q", servers.Password), fmt.Sprintf("maildir = %q", w.root)}
	var text strings.Builder
	text.WriteString("[accounts.work]\n")
	for _, u := range usual {
		key, _, _ := strings.Cut(u, " ")
		if !hasKey(lines, key) {
			text.WriteString(u + "\n")
		}
	}
	text.WriteString(strings.Join(lines, "\n") + "\n")
	if err := os.WriteFile(w.config, []byte(text.String()), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func hasKey(lines settings, key string) bool {
	for _, l := range lines {
		if strings.HasPrefix(l, key+" ") {
			return true
		}
	}
	return false
}

// outcome is what one run of the program came to.
type outcome struct {
	program.Outcome
	account program.Account // the last line of --json, zero without
}

// patience is how long a run may take before it counts as hung.
const patience = 5 * time.Minute

func (w *world) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.bin, append([]string{"--config", w.config}, args...)...)
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(w.dir, "xdg-state"),
		"XDG_CONFIG_HOME="+filepath.Join(w.dir, "xdg-config"), "HOME="+w.dir)
	if w.as != nil {
		w.as(cmd)
	}
	return cmd
}

// run runs the program to its end.
func (w *world) run(args ...string) outcome {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	return w.finish(ctx, w.command(ctx, args...))
}

func (w *world) finish(ctx context.Context, cmd *exec.Cmd) outcome {
	w.t.Helper()
	return outcome{Outcome: program.Run(ctx, w.t, cmd, program.Interruption{})}
}

// sync runs "sync --json" and reads the account's line, which has to be there with all
// its fields whatever went wrong.
func (w *world) sync(args ...string) outcome {
	w.t.Helper()
	o := w.run(append([]string{"sync", "--json"}, args...)...)
	lines := strings.Split(strings.TrimSpace(o.Stdout), "\n")
	dec := json.NewDecoder(strings.NewReader(lines[len(lines)-1]))
	var fields map[string]json.RawMessage
	if err := dec.Decode(&fields); err != nil {
		w.t.Fatalf("last line of stdout: %v\n%s%s", err, o.Stdout, o.Stderr)
	}
	for _, f := range strings.Fields("type account protocol status mailboxes unchanged fetched fetched_bytes appended " +
		"flags_to_disk flags_to_server deleted_on_disk deleted_on_server on_server here outstanding commands seconds errors") {
		if _, ok := fields[f]; !ok {
			w.t.Errorf("--json lacks %q", f)
		}
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &o.account); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// syncOK is sync for a run that has to do everything and find nothing wrong.
func (w *world) syncOK(args ...string) program.Account {
	w.t.Helper()
	o := w.sync(args...)
	if o.Code != 0 || o.account.Status != "ok" || o.account.Outstanding != 0 || o.account.OnServer != o.account.Here {
		w.t.Fatalf("sync %v: exit %d\n%s%s", args, o.Code, o.Stdout, o.Stderr)
	}
	return o.account
}

// want fails the test unless a run ended with a code; where it is a failure, stderr has
// to say so.
func (o outcome) want(t *testing.T, code int) {
	t.Helper()
	if o.Code != code {
		t.Errorf("exit %d, want %d\n%s%s", o.Code, code, o.Stdout, o.Stderr)
	}
	if code != 0 && strings.TrimSpace(o.Stderr) == "" {
		t.Errorf("exit %d without a word on stderr", code)
	}
	if strings.Contains(o.Stdout+o.Stderr, servers.Password) {
		t.Errorf("the password is in the output:\n%s%s", o.Stdout, o.Stderr)
	}
}

// deadline bounds one run of the program.
func deadline(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), patience)
}
