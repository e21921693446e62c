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
		Short: "check whether a sync would work, from the configuration to the log-in",
		Long: `check tests everything that a sync needs, and changes nothing: the configuration, the Maildirs'
disk and its free space, the clock, the password, the host's address, TLS with the certificate
and its key as tls_pins takes it, the log-in, the server's capabilities, and the quota. Each is
ok, warn or fail, with a hint what to do about it. Without a network it checks what is local.`,
		Example: `mailsync check
mailsync check --url imaps://ada@imap.example.org   # can I log in there?`,
	}
	return p.onAccounts(c, task{name: "check", run: check, bare: &bareNeeds{server: always}}, asksOfMany...)
}

// checking is the check of one account.
type checking struct {
	*accountRun
	rows   []report.Check
	result *port.Result
	free   int64 // bytes on the Maildirs' disk, 0 unknown
}

func check(ctx context.Context, r *accountRun) (*port.Result, error) {
	c := &checking{accountRun: r, result: &port.Result{}}
	c.configuration()
	if c.a.Maildir != "" {
		c.disk(ctx)
		c.clock()
	}
	if c.password(ctx) && c.address(ctx) {
		c.server(ctx)
	}
	r.out.Checks(fmt.Sprintf("%s at %s, port %d", r.a.User, r.a.Host, r.a.Port), c.rows)
	count := map[string]int{}
	for _, row := range c.rows {
		count[row.Status]++
	}
	r.out.Line(fmt.Sprintf("%d ok, %s, %s", count["ok"], report.Plural(count["warn"], "warning"), report.Plural(count["fail"], "failure")))
	return c.result, nil
}

func (c *checking) ok(what, format string, args ...any) {
	c.rows = append(c.rows, report.Check{What: what, Status: "ok", Detail: fmt.Sprintf(format, args...)})
}

func (c *checking) warn(what, hint, format string, args ...any) {
	c.rows = append(c.rows, report.Check{What: what, Status: "warn", Detail: fmt.Sprintf(format, args...), Hint: hint})
}

// fail notes a failure. It is printed on stderr as every failure is, and makes the exit code. It
// returns false, for the caller to return.
func (c *checking) fail(what string, err error) bool {
	c.rows = append(c.rows, report.Check{What: what, Status: "fail", Detail: message(err), Hint: state.HintOf(err)})
	c.result.Problems = append(c.result.Problems, port.Problem{Err: fmt.Errorf("%s: %w", what, err)})
	return false
}

func (c *checking) configuration() {
	if c.fileOf == nil {
		c.ok("config", "%s", "from the command line")
		return
	}
	file := c.fileOf(c.a)
	info, err := os.Stat(file)
	if err == nil && info.Mode().Perm()&0o022 != 0 {
		c.warn("config", "chmod go-w "+shellQuote(file), "other users can change %s", file)
		return
	}
	c.ok("config", "%s", file)
}

// lowDisk is how little free disk is worth a warning, in bytes.
const lowDisk = 1 << 30

// disk checks the Maildirs' root and the disk it is on.
func (c *checking) disk(ctx context.Context) {
	_, err := c.rootKnown(ctx, false)
	at := ""
	if err == nil {
		at, err = existing(c.a.Maildir)
	}
	if err != nil {
		c.fail("maildir", err)
		return
	}
	if at != c.a.Maildir {
		c.ok("maildir", "%s does not exist yet and will be made", c.a.Maildir)
	} else if h, err := c.look(opening{}); err != nil {
		c.fail("maildir", err)
	} else if err := c.meetForeign(ctx, h, false); err != nil { // a first run would stop there
		c.fail("maildir", err)
	} else {
		c.ok("maildir", "%s", at)
	}
	c.room(at)
}

// existing returns the folder that exists of a path: itself, or the one that the rest will be made
// in. It must be a folder that can be written to.
func existing(path string) (at string, err error) {
	for at = path; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case err == nil && !info.IsDir():
			return at, state.Faultf(state.Storage, "%s is not a folder", at).WithHint("set maildir to another path")
		case err == nil:
			if err := writable(at); err != nil {
				return at, state.Faultf(state.Storage, "%s cannot be written to: %w", at, err).
					WithHint("its owner or the file system does not allow it to user %d", os.Getuid())
			}
			return at, nil
		case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(at) == at:
			return at, state.Faultf(state.Storage, "%w", err)
		}
	}
}

// room checks the free space of the disk that a folder is on.
func (c *checking) room(at string) {
	files, closeFiles, err := openTree(c.a.MaildirLayout(), at, "", nil, nil)
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
		c.warn("disk", "a state_dir on a local disk makes it faster and safer", "the Maildirs are on a network file system")
	}
}

// clock checks by the last run whether the clock can be trusted.
func (c *checking) clock() {
	last, err := c.lastRun()
	if err != nil {
		c.fail("clock", err)
		return
	}
	now := time.Now()
	if trusted, reason := last.ClockTrusted(now); !trusted {
		c.warn("clock", "set the clock; until then nothing is archived or deleted because of its age", "%s", reason)
		return
	}
	c.ok("clock", "%s", now.Format("2006-01-02 15:04:05 -0700"))
}

func (c *checking) password(ctx context.Context) bool {
	if c.a.Password.Ask != nil {
		return true // it is asked for once the server is known to be the right one
	}
	if c.a.Auth == "oauth2" {
		return c.token(ctx)
	}
	if c.a.Password.None() && len(c.a.TunnelCommand) > 0 {
		c.ok("password", "none: the tunnel's server has to log in by itself (PREAUTH)")
		return true
	}
	if _, err := c.a.Password.Read(ctx); err != nil {
		return c.fail("password", err)
	}
	c.ok("password", "read from %s", c.a.Password.Kind())
	return true
}
