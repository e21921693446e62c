package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/demo"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
)

func (p *program) demoCommand() *cobra.Command {
	return uses(&cobra.Command{
		Use:   "demo",
		Short: "show a sync with built-in servers and sample mail",
		Long: `demo starts an IMAP server and a POP3 server inside the program, on loopback, with sample mail, and
syncs both into a new folder; then mail and flags change on both sides, and it syncs again. It
needs no configuration and no network, and leaves the folder for you to look at.`,
		Example: `mailsync demo`,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			p.code, err = p.demo(c.Context())
			return err
		},
	}, talks...)
}

const demoConfig = `# The configuration of "mailsync demo". Its servers have stopped.
[defaults]
host     = "127.0.0.1"
tls      = "none"       # allowed to this machine only
user     = %q
password = %q
maildir  = '%s'

[accounts.demo]
port     = %d

[accounts.demo-pop3]
protocol = "pop3"
port     = %d
`

// startDemo starts both servers, and writes a configuration of them into dir.
func startDemo(dir string) (_ *showing, err error) {
	d := &showing{file: filepath.Join(dir, "config.toml")}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.imap, err = demo.StartIMAP(demo.IMAPMail()); err != nil {
		return nil, fmt.Errorf("start the demo's IMAP server: %w", err)
	}
	if d.pop3, err = demo.StartPOP3(demo.POP3Mail()); err != nil {
		return nil, fmt.Errorf("start the demo's POP3 server: %w", err)
	}
	text := fmt.Sprintf(demoConfig, demo.User, demo.Password, filepath.Join(dir, "{account}"), d.imap.Port, d.pop3.Port)
	if err := os.WriteFile(d.file, []byte(text), 0o600); err != nil {
		return nil, state.Faultf(state.Storage, "write the demo's configuration: %w", err)
	}
	cfg, err := config.Load(d.file, os.Getenv)
	if err != nil {
		return nil, err
	}
	d.accounts = cfg.Accounts
	return d, nil
}

func (d *showing) close() {
	if d.imap != nil {
		d.imap.Close()
	}
	if d.pop3 != nil {
		d.pop3.Close()
	}
}

// demo syncs servers of its own before and after a change on both sides.
func (p *program) demo(ctx context.Context) (int, error) {
	dir, err := os.MkdirTemp("", "mailsync-demo-")
	if err != nil {
		return 0, state.Faultf(state.Storage, "make a folder for the demo: %w", err)
	}
	d, err := startDemo(dir)
	if err != nil {
		return 0, err
	}
	defer d.close()
	d.report = p.report()
	defer d.report.Close()
	d.session = &session{task: syncTask(), report: d.report, log: p.log(d.report), logs: &p.logs}
	if kinds, err := d.play(ctx); err != nil || len(kinds) > 0 {
		return exitCode(kinds, p.interrupt.code()), err
	}
	d.farewell(dir)
	return 0, nil
}

// showing is one showing of the demo.
type showing struct {
	report   *report.Report
	session  *session
	accounts []*config.Account // of the IMAP server, then of the POP3 server
	imap     *demo.IMAP
	pop3     *demo.POP3
	file     string // the configuration
}

// play syncs, changes both sides, and syncs twice more. It ends early where a sync fails, and
// returns the kinds of its failures.
func (d *showing) play(ctx context.Context) ([]state.Kind, error) {
	d.report.Print("An IMAP server with %d mailboxes and %d messages, and a POP3 server with %d messages,",
		len(d.imap.Mailboxes), d.imap.Messages, len(d.pop3.Texts()))
	d.report.Print("run on this machine while the demo lasts.")
	if kinds := d.sync(ctx); len(kinds) > 0 {
		return kinds, nil
	}
	if err := d.imap.Change(); err != nil {
		return nil, fmt.Errorf("change the demo's server: %w", err)
	}
	d.pop3.Deliver(demo.LateLetter())
	read, err := readOne(d.inbox(0))
	if err != nil {
		return nil, fmt.Errorf("change the demo's Maildir: %w", err)
	}
	d.report.Print("\nMeanwhile somebody reads two messages on a phone and flags a third, a new one arrives on")
	d.report.Print("each server, and a mail program marks one as read here, by renaming its file:\n  %s", read)
	if kinds := d.sync(ctx); len(kinds) > 0 {
		return kinds, nil
	}
	d.report.Print("\nNothing has changed since, so a third run has almost nothing to do:")
	return d.sync(ctx), nil
}

// inbox is the Maildir of an account's INBOX.
func (d *showing) inbox(account int) string {
	return filepath.Join(d.accounts[account].Maildir, "INBOX")
}

func (d *showing) sync(ctx context.Context) []state.Kind {
	d.report.Print("\n$ mailsync sync")
	return d.session.all(ctx, d.accounts)
}

// readOne does to the Maildir what a mail program does to mark its first fresh message as
// read, and returns the file's new name.
func readOne(maildir string) (string, error) {
	fresh, err := os.ReadDir(filepath.Join(maildir, "new"))
	if err != nil {
		return "", err
	}
	if len(fresh) == 0 {
		return "", errors.New("there is no fresh message")
	}
	info := ":2,S"
	if runtime.GOOS == "windows" {
		info = ";2,S"
	}
	name := fresh[0].Name()
	to := filepath.Join(maildir, "cur", name+info)
	return filepath.Join("INBOX", "cur", name+info), os.Rename(filepath.Join(maildir, "new", name), to)
}

func (d *showing) farewell(dir string) {
	d.report.Print("\nThe mail is in %s now, a Maildir for each mailbox, with its number of messages:", dir)
	var paths []string
	for _, name := range d.imap.Mailboxes {
		paths = append(paths, filepath.Join(filepath.Base(d.accounts[0].Maildir), filepath.FromSlash(name)))
	}
	paths = append(paths, filepath.Join(filepath.Base(d.accounts[1].Maildir), "INBOX"))
	widest := 0
	for _, path := range paths {
		widest = max(widest, report.Columns(path))
	}
	for _, path := range paths {
		fresh, _ := os.ReadDir(filepath.Join(dir, path, "new")) // only counted
		rest, _ := os.ReadDir(filepath.Join(dir, path, "cur"))
		d.report.Print("  %s%s  %2d, %d of them new", path, strings.Repeat(" ", widest-report.Columns(path)),
			len(fresh)+len(rest), len(fresh))
	}
	d.report.Print("Read it with any program that knows Maildirs:\n  mutt -f %s", shellQuote(d.inbox(0)))
	d.report.Print("The configuration was %s. When you are done:\n  rm -r %s", d.file, shellQuote(dir))
}

// shellQuote quotes a path for a shell where it needs to be.
func shellQuote(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+@:", r)
	}
	if strings.TrimFunc(path, plain) == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
