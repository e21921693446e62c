//go:build unix

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mailsync/internal/testkit/servers"
)

// The acceptance tests run the program as its user does: a binary, a configuration
// file, a real server. What they compare with is what an independent client sees.

// build returns the path of the program.
func build(t *testing.T) string {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// built makes the program, once for all tests.
var built = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(os.Getenv("MAILSYNC_TESTS"), "mailsync")
	if out, err := servers.Output(exec.Command("go", "build", "-o", bin, ".")); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

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
	code           int
	stdout, stderr string
	account        account // the last line of --json, zero without
	took           time.Duration
}

// account is the JSON object of SPEC's section 2.
type account struct {
	Type            string `json:"type"`
	Account         string `json:"account"`
	Protocol        string `json:"protocol"`
	Status          string `json:"status"`
	Mailboxes       int    `json:"mailboxes"`
	Unchanged       int    `json:"unchanged"`
	Fetched         int    `json:"fetched"`
	FetchedBytes    int64  `json:"fetched_bytes"`
	Appended        int    `json:"appended"`
	FlagsToDisk     int    `json:"flags_to_disk"`
	FlagsToServer   int    `json:"flags_to_server"`
	DeletedOnDisk   int    `json:"deleted_on_disk"`
	DeletedOnServer int    `json:"deleted_on_server"`
	OnServer        int    `json:"on_server"`
	Here            int    `json:"here"`
	Outstanding     int    `json:"outstanding"`
	Commands        int    `json:"commands"`
	Errors          []struct {
		Mailbox string `json:"mailbox"`
		UID     uint32 `json:"uid"`
		Error   string `json:"error"`
		Hint    string `json:"hint"`
	} `json:"errors"`
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
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	o := outcome{stdout: stdout.String(), stderr: stderr.String(), took: time.Since(began)}
	if ctx.Err() != nil {
		w.t.Fatalf("%v: hung\n%s%s", cmd.Args, o.stdout, o.stderr)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		o.code = exit.ExitCode()
	} else if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// sync runs "sync --json" and reads the account's line, which has to be there with all
// its fields whatever went wrong.
func (w *world) sync(args ...string) outcome {
	w.t.Helper()
	o := w.run(append([]string{"sync", "--json"}, args...)...)
	lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
	dec := json.NewDecoder(strings.NewReader(lines[len(lines)-1]))
	var fields map[string]json.RawMessage
	if err := dec.Decode(&fields); err != nil {
		w.t.Fatalf("last line of stdout: %v\n%s%s", err, o.stdout, o.stderr)
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
func (w *world) syncOK(args ...string) account {
	w.t.Helper()
	o := w.sync(args...)
	if o.code != 0 || o.account.Status != "ok" || o.account.Outstanding != 0 || o.account.OnServer != o.account.Here {
		w.t.Fatalf("sync %v: exit %d\n%s%s", args, o.code, o.stdout, o.stderr)
	}
	return o.account
}

// want fails the test unless a run ended with a code; where it is a failure, stderr has
// to say so.
func (o outcome) want(t *testing.T, code int) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit %d, want %d\n%s%s", o.code, code, o.stdout, o.stderr)
	}
	if code != 0 && strings.TrimSpace(o.stderr) == "" {
		t.Errorf("exit %d without a word on stderr", code)
	}
	if strings.Contains(o.stdout+o.stderr, servers.Password) {
		t.Errorf("the password is in the output:\n%s%s", o.stdout, o.stderr)
	}
}

// deadline bounds one run of the program.
func deadline(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), patience)
}
