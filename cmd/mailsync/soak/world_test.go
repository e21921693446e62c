//go:build unix

package soak

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
	"syscall"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

const (
	timeout   = 3 * time.Second
	hung      = time.Minute // a run that takes longer
	trashKeep = 60 * time.Second
)

// world is what the program finds: a configuration with two accounts, and their Maildirs.
type world struct {
	t       *testing.T
	dir     string // everything below it
	root    string // of the account "work"
	popRoot string // of the account "isp"
	archive string
	config  string
	figures *figures
}

func newWorld(t *testing.T, srv *servers.Server, imapPort, popPort int) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, dir: dir, root: filepath.Join(dir, "work"), popRoot: filepath.Join(dir, "isp"),
		archive: filepath.Join(dir, "archive"), config: filepath.Join(dir, "config.toml"), figures: newFigures()}
	text := fmt.Sprintf(`
[defaults]
host     = "127.0.0.1"
tls_ca   = %q
password = %q
timeout  = "%ds"
max_wait = "0s"

[accounts.work]
user     = "ada"
port     = %d
maildir  = %q
append   = true
on_server_delete = "delete"
on_disk_delete   = "delete"
trash_keep       = "%ds"
compress = "always"
max_delete = 1000

[accounts.work.archive]
older_than = "1y"
into       = %q

[accounts.isp]
protocol = "pop3"
user     = "bob"
port     = %d
maildir  = %q
delete   = "fetched"
`, srv.CAFile(), servers.Password, int(timeout.Seconds()), imapPort, w.root, int(trashKeep.Seconds()), w.archive+"/{year}", popPort, w.popRoot)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// outcome is what one run came to.
type outcome struct {
	args           []string
	at             time.Time
	code           int // -1: killed
	stdout, stderr string
	took           time.Duration
	peak           int64 // octets
	accounts       map[string]account
}

type account struct {
	Type            string `json:"type"`
	Account         string `json:"account"`
	Status          string `json:"status"`
	Mailboxes       int    `json:"mailboxes"`
	Unchanged       int    `json:"unchanged"`
	Fetched         int    `json:"fetched"`
	Appended        int    `json:"appended"`
	FlagsToDisk     int    `json:"flags_to_disk"`
	FlagsToServer   int    `json:"flags_to_server"`
	DeletedOnDisk   int    `json:"deleted_on_disk"`
	DeletedOnServer int    `json:"deleted_on_server"`
	OnServer        int    `json:"on_server"`
	Here            int    `json:"here"`
	Outstanding     int    `json:"outstanding"`
}

// did is how much the run did with messages.
func (a account) did() int {
	return a.Fetched + a.Appended + a.FlagsToDisk + a.FlagsToServer + a.DeletedOnDisk + a.DeletedOnServer
}

// interruption is what happens to a run, some time after it began.
type interruption struct {
	after  time.Duration
	signal syscall.Signal // 0: none
}

// run runs the program. What it says is looked at for what may never be said.
func (w *world) run(i interruption, args ...string) outcome {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), hung)
	defer cancel()
	cmd := exec.CommandContext(ctx, program.Path, append([]string{"-c", w.config}, args...)...)
	cmd.Env = []string{"HOME=" + w.dir, "PATH=" + os.Getenv("PATH"), "XDG_STATE_HOME=" + filepath.Join(w.dir, "xdg-state")}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	o := outcome{args: args, at: time.Now(), accounts: map[string]account{}}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	peak := program.Peak(cmd.Process.Pid)
	if i.signal != 0 {
		strike := time.AfterFunc(i.after, func() { _ = cmd.Process.Signal(i.signal) }) // it may have ended
		defer strike.Stop()
	}
	err := cmd.Wait()
	o.peak, o.took = peak(), time.Since(o.at)
	o.stdout, o.stderr = stdout.String(), stderr.String()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		w.t.Fatalf("hung: %v\n%s%s", args, tail(o.stdout), tail(o.stderr))
	case errors.As(err, &exit):
		o.code = exit.ExitCode()
	case err != nil:
		w.t.Fatal(err)
	}
	if strings.Contains(o.stdout+o.stderr, "panic:") || strings.Contains(o.stdout+o.stderr, "goroutine ") {
		w.t.Fatalf("it panicked: %v\n%s", args, o.stderr)
	}
	for line := range strings.Lines(o.stdout) {
		var a account
		if json.Unmarshal([]byte(line), &a) == nil && a.Type == "account" {
			o.accounts[a.Account] = a
		}
	}
	w.figures.ran(o, i)
	return o
}

func (o outcome) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v: exit %d after %v", o.at.Format("15:04:05.000"), o.args, o.code, o.took.Round(time.Millisecond))
	for name, a := range o.accounts {
		fmt.Fprintf(&b, "; %s %s", name, a.Status)
		for _, n := range []struct {
			n    int
			what string
		}{{a.Fetched, "fetched"}, {a.Appended, "appended"}, {a.FlagsToDisk, "flagged here"}, {a.FlagsToServer, "flagged there"},
			{a.DeletedOnDisk, "deleted here"}, {a.DeletedOnServer, "deleted there"}} {
			if n.n > 0 {
				fmt.Fprintf(&b, ", %d %s", n.n, n.what)
			}
		}
		fmt.Fprintf(&b, ", %d of %d unchanged", a.Unchanged, a.Mailboxes)
	}
	return b.String() + "\n" + tail(o.stderr)
}

func tail(s string) string { return s[max(0, len(s)-6000):] }
