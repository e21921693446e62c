package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync/port"
)

func (p *program) checkCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "check [ACCOUNT...]",
		Short: "see whether a sync would work: configuration, disk, clock, TLS, log-in",
		Long: `check looks at everything that a sync needs, and changes nothing: the configuration, the
Maildirs' disk and how much of it is free, the clock, the password, the host's address,
TLS with the certificate and its key as tls_pins takes it, the log-in, what the server
can do, and the quota. Each is ok, warn or fail, with what to do about it. Without a
network it looks at what is here.`,
	}
	return p.onAccounts(c, task{name: "check", run: check}, asks...)
}

// checking is one account being checked.
type checking struct {
	*accountRun
	rows   []report.Check
	result *port.Result
	free   int64 // bytes on the Maildirs' disk, 0 unknown
}

func check(ctx context.Context, r *accountRun) (*port.Result, error) {
	c := &checking{accountRun: r, result: &port.Result{}}
	c.configuration()
	c.disk(ctx)
	c.clock()
	if c.password(ctx) && c.address(ctx) {
		c.server(ctx)
	}
	r.told.Checks(fmt.Sprintf("%s at %s, port %d", r.a.User, r.a.Host, r.a.Port), c.rows)
	count := map[string]int{}
	for _, row := range c.rows {
		count[row.Status]++
	}
	r.told.Line(fmt.Sprintf("%d ok, %s, %s", count["ok"], report.Plural(count["warn"], "warning"), report.Plural(count["fail"], "failure")))
	return c.result, nil
}

func (c *checking) ok(what, format string, args ...any) {
	c.rows = append(c.rows, report.Check{What: what, Status: "ok", Detail: fmt.Sprintf(format, args...)})
}

func (c *checking) warn(what, hint, format string, args ...any) {
	c.rows = append(c.rows, report.Check{What: what, Status: "warn", Detail: fmt.Sprintf(format, args...), Hint: hint})
}

// fail notes a failure. It is told on stderr as every failure is, and decides the exit code.
func (c *checking) fail(what string, err error) bool {
	c.rows = append(c.rows, report.Check{What: what, Status: "fail", Detail: err.Error(), Hint: state.HintOf(err)})
	c.result.Problems = append(c.result.Problems, port.Problem{Err: fmt.Errorf("%s: %w", what, err)})
	return false
}

func (c *checking) configuration() {
	if c.configFile == "" {
		c.ok("config", "%s", "from the command line")
		return
	}
	info, err := os.Stat(c.configFile)
	if err == nil && info.Mode().Perm()&0o022 != 0 {
		c.warn("config", "chmod go-w "+shellQuote(c.configFile), "others than you can change %s", c.configFile)
		return
	}
	c.ok("config", "%s", c.configFile)
}

// lowDisk is how little free disk is worth a warning, in bytes.
const lowDisk = 1 << 30

// disk looks at the Maildirs' root and at the disk it is on.
func (c *checking) disk(ctx context.Context) {
	if _, err := c.rootKnown(ctx, false); err != nil {
		c.fail("maildir", err)
		return
	}
	at, err := firm(c.a.Maildir)
	if err != nil {
		c.fail("maildir", err)
		return
	}
	if at != c.a.Maildir {
		c.ok("maildir", "%s is not there yet and will be made", c.a.Maildir)
	} else if err := c.foreign(ctx); err != nil {
		c.fail("maildir", err)
	} else {
		c.ok("maildir", "%s", at)
	}
	c.room(at)
}

// foreign tells what a first run would stop at.
func (c *checking) foreign(ctx context.Context) error {
	h, err := c.look()
	if err != nil {
		return err
	}
	return c.meetForeign(ctx, h, false)
}

// firm returns the folder that is there of a path: itself, or the one that the rest will be
// made in. It has to be a folder that can be written to.
func firm(path string) (at string, err error) {
	for at = path; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err == nil && !info.IsDir():
			return at, state.Faultf(state.Storage, "%s is no folder", at).WithHint("give maildir another path")
		case err == nil:
			if err := writable(at); err != nil {
				return at, state.Faultf(state.Storage, "%s cannot be written to: %w", at, err).
					WithHint("its owner or the file system does not let %s", whoami())
			}
			return at, nil
		case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(at) == at:
			return at, state.Faultf(state.Storage, "%w", err)
		}
	}
}

// room tells how much of the disk that a folder is on is free.
func (c *checking) room(at string) {
	files, closeFiles, err := openTree(c.layout(), at, "", nil)
	if err != nil {
		c.fail("disk", err)
		return
	}
	defer func() { _ = closeFiles() }() // it was only read
	c.free, err = files.Free()
	switch {
	case err != nil:
		c.fail("disk", err)
	case c.free < lowDisk:
		c.warn("disk", "free some space before a large account is fetched", "%s free", report.Size(c.free))
	default:
		c.ok("disk", "%s free", report.Size(c.free))
	}
	if store.IsRemote(at) {
		c.warn("disk", "state_dir on a local disk makes it faster and surer", "the Maildirs are on a file system of another machine")
	}
}

func whoami() string { return fmt.Sprintf("user %d", os.Getuid()) }

// clock looks whether ages count: the clock of the last run says.
func (c *checking) clock() {
	last, _, err := store.ReadLastRun(c.stateDir())
	if err != nil {
		c.fail("clock", err)
		return
	}
	now := time.Now()
	if trusted, reason := last.ClockTrusted(now); !trusted {
		c.warn("clock", "set the clock; until then nothing is done because it is old", "%s", reason)
		return
	}
	c.ok("clock", "%s", now.Format("2006-01-02 15:04:05 -0700"))
}

func (c *checking) password(ctx context.Context) bool {
	if _, err := c.a.Password.Read(ctx); err != nil {
		return c.fail("password", err)
	}
	c.ok("password", "read from %s", c.a.Password.Kind())
	return true
}
