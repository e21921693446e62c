//go:build unix

package soak

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
	args []string
	at   time.Time
	program.Outcome
	accounts map[string]program.Account
}

// run runs the program. What it says is looked at for what may never be said.
func (w *world) run(i program.Interruption, args ...string) outcome {
	w.t.Helper()
	path := program.Path(w.t)
	ctx, cancel := context.WithTimeout(w.t.Context(), hung)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append([]string{"-c", w.config}, args...)...)
	cmd.Env = []string{"HOME=" + w.dir, "PATH=" + os.Getenv("PATH"), "XDG_STATE_HOME=" + filepath.Join(w.dir, "xdg-state")}
	o := outcome{args: args, at: time.Now(), accounts: map[string]program.Account{}}
	o.Outcome = program.Run(ctx, w.t, cmd, i)
	for line := range strings.Lines(o.Stdout) {
		var a program.Account
		if json.Unmarshal([]byte(line), &a) == nil && a.Type == "account" {
			o.accounts[a.Account] = a
		}
	}
	w.figures.ran(o, i)
	return o
}

func (o outcome) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v: exit %d after %v", o.at.Format("15:04:05.000"), o.args, o.Code, o.Took.Round(time.Millisecond))
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
	return b.String() + "\n" + program.Tail(o.Stderr)
}
