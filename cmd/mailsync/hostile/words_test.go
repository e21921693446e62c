//go:build unix

package hostile

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// nobody is who runs the program where root would be allowed everything.
const nobody = 65534

// asUser runs the program as a user whom the system may refuse something.
func (l *life) asUser(args ...string) outcome {
	l.t.Helper()
	as := func(cmd *exec.Cmd) {
		if os.Getuid() != 0 {
			return
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		l.must(os.Chmod(filepath.Dir(l.dir), 0o755)) // the folder of the test's folders
		l.must(filepath.WalkDir(l.dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, nobody, nobody)
		}))
	}
	return outcome{Outcome: l.start(time.Minute, program.Interruption{}, as, append([]string{"-c", l.config}, args...)...)}
}

// failure is something that goes wrong here or on the way, and what the user is shown.
type failure struct {
	name    string
	synced  bool // a run that worked came before
	provoke func(l *imapLife)
	args    []string // "sync" "-q" without
	code    int
	says    string // DIR is the folder of the test, PORT the server's port; of a line that ends in … only the beginning counts
}

// Whatever goes wrong, the user reads the path that he wrote, in words that he knows, once.
func TestWhatTheUserIsShownOfFailures(t *testing.T) {
	for _, f := range []failure{
		{name: "no permission on the maildir", synced: true, code: 8, provoke: func(l *imapLife) { l.must(os.Chmod(l.root, 0)) },
			says: `work: maildir: open DIR/mail: permission denied
hint: see who owns the folder and the one that it is in, their modes, and how the file system is mounted
`},
		{name: "a maildir that can only be read", synced: true, code: 8, provoke: func(l *imapLife) { l.acct.Add("Neu", letter(71)); l.readOnly(l.root) },
			says: `work: Neu: create maildir Neu: make folder DIR/mail/Neu: permission denied
hint: this user may not do that there: see who owns the folder, its mode, and how the file system is mounted
`},
		{name: "a mailbox's folder that can only be read", synced: true, code: 8, provoke: func(l *imapLife) {
			l.readOnly(filepath.Join(l.root, "INBOX", "tmp"))
			l.acct.Mailbox("INBOX").Append(letter(70))
		}, says: `work: INBOX: create file in DIR/mail/INBOX/tmp: permission denied
hint: this user may not do that there: see who owns the folder, its mode, and how the file system is mounted
`},
		{name: "a mailbox that cannot be read", synced: true, code: 8, provoke: func(l *imapLife) {
			l.must(os.Chmod(filepath.Join(l.root, "INBOX", "cur"), 0))
			l.acct.Mailbox("INBOX").Append(letter(70))
		}, says: `work: INBOX: read DIR/mail/INBOX/cur: permission denied
hint: this user may not do that there: see who owns the folder, its mode, and how the file system is mounted
`},
		{name: "the parent of the maildir can only be read", code: 8, provoke: func(l *imapLife) {
			parent := filepath.Join(l.dir, "parent")
			l.must(os.Mkdir(parent, 0o500))
			l.configure(fmt.Sprintf("port = %d", l.srv.Port()), fmt.Sprintf("maildir = %q", filepath.Join(parent, "mail")))
		}, says: `work: maildir: make folder DIR/parent/mail: permission denied
hint: see who owns the folder and the one that it is in, their modes, and how the file system is mounted
`},
		{name: "the maildir is a file", code: 8, provoke: func(l *imapLife) {
			l.removeAll("")
			l.must(os.WriteFile(l.root, []byte("x"), 0o600))
		}, says: `work: maildir: open DIR/mail: not a directory
hint: a file is in the way: move it, or set maildir to another path
`},
		{name: "the maildir is below a file", code: 8, provoke: func(l *imapLife) {
			l.removeAll("")
			l.must(os.WriteFile(l.root, []byte("x"), 0o600))
			l.configure(fmt.Sprintf("port = %d", l.srv.Port()), fmt.Sprintf("maildir = %q", filepath.Join(l.root, "mail")))
		}, says: `work: maildir: read DIR/mail/mail: not a directory
hint: a file is in the way: move it, or set maildir to another path
`},
		{name: "a state directory that can only be read", synced: true, code: 8, provoke: func(l *imapLife) { l.readOnly(filepath.Join(l.root, ".mailsync")) }, says: `work: commit to state: write DIR/mail/.mailsync/state.db: it can only be read
hint: every run writes to the state directory: see whether its disk is full, failing or can only be read, and who owns it
`},
		{name: "a state file that can only be read", synced: true, code: 8, provoke: func(l *imapLife) {
			l.must(os.Chmod(filepath.Join(l.root, ".mailsync", "state.db"), 0o400))
			l.acct.Mailbox("INBOX").Append(letter(70))
		}, says: `work: commit to state: write DIR/mail/.mailsync/state.db: it can only be read
hint: every run writes to the state directory: see whether its disk is full, failing or can only be read, and who owns it
`},
		{name: "a state file that may not be read", synced: true, code: 8, provoke: func(l *imapLife) { l.must(os.Chmod(filepath.Join(l.root, ".mailsync", "state.db"), 0)) }, says: `work: open DIR/mail/.mailsync/state.db: permission denied
hint: this user may not do that there: see who owns it, its mode, and how the file system is mounted
`},
		{name: "a state file that is a folder", synced: true, code: 8, provoke: func(l *imapLife) {
			l.removeAll(".mailsync/state.db")
			l.must(os.Mkdir(filepath.Join(l.root, ".mailsync", "state.db"), 0o700))
		}, says: `work: open DIR/mail/.mailsync/state.db: it is not a regular file
`},
		{name: "a state file that is garbage", synced: true, args: []string{"sync"}, provoke: func(l *imapLife) {
			l.write(".mailsync/state.db", []byte(strings.Repeat("garbage", 1000)))
		}, says: `work: the state file was damaged (it is not a state file) and is now DIR/mail/.mailsync/state.db.broken-X
hint: nothing is lost: the state is made again from the Maildirs
`},
		{name: "status of a state file that is garbage", synced: true, code: 8, args: []string{"status"}, provoke: func(l *imapLife) {
			l.write(".mailsync/state.db", []byte(strings.Repeat("garbage", 1000)))
		}, says: `work: read the state: the state file is damaged: open DIR/mail/.mailsync/state.db: it is not a state file
hint: run again: the file is then set aside and rebuilt from the Maildirs
`},
		{name: "no state home", code: 8, provoke: func(l *imapLife) {
			l.must(os.WriteFile(filepath.Join(l.dir, "xdg-state"), []byte("x"), 0o600))
		}, says: `work: read the registry of roots: open DIR/xdg-state/mailsync/roots/X: not a directory
hint: it is in $XDG_STATE_HOME, by default ~/.local/state: see whether its disk is full or can only be read, and who owns it
`},
		{name: "a configuration that may not be read", code: 2, provoke: func(l *imapLife) { l.must(os.Chmod(l.config, 0)) }, says: `the configuration DIR/config.toml cannot be read: permission denied
hint: it belongs to another user, or its mode forbids it
`},
		{name: "a configuration that is a folder", code: 2, provoke: func(l *imapLife) { l.config = l.dir }, says: `the configuration DIR is a folder
hint: did you mean DIR/config.toml?
`},
		{name: "a trace that cannot be written", code: 8, args: []string{"sync", "-q", "--trace", "/no/such/folder/trace"}, provoke: func(l *imapLife) {}, says: `--trace: open /no/such/folder/trace: no such file or directory
`},
		{name: "a password file that is gone", code: 4, provoke: func(l *imapLife) {
			l.configure(fmt.Sprintf("port = %d", l.srv.Port()), fmt.Sprintf("password_file = %q", filepath.Join(l.dir, "gone")))
			l.without("password")
		}, says: `work: password_file: open DIR/gone: no such file or directory
`},
		{name: "a password command that is gone", code: 4, provoke: func(l *imapLife) {
			l.configure(fmt.Sprintf("port = %d", l.srv.Port()), `password_command = ["/no/such/program"]`)
			l.without("password")
		}, says: `work: password_command: run /no/such/program: no such file or directory
hint: write the program's full path; no shell is used
`},
		{name: "no such host", code: 5, provoke: func(l *imapLife) { l.configure(`host = "imap.no-such-host.invalid"`, "insecure = true") }, says: `work: connect to imap.no-such-host.invalid:143: no such host
hint: check the host's spelling, and that this machine has a name server
`},
		{name: "connection refused", code: 5, provoke: func(l *imapLife) { l.configure("port = 1") }, says: `work: connect to localhost:1: connection refused
hint: nothing listens there: check host and port, and whether a firewall is in between
`},
		{name: "no greeting", code: 5, provoke: func(l *imapLife) { l.serve(func(p *script.Peer) { p.Stall() }) }, says: `work: no greeting of localhost:PORT within 2s
hint: the server is down or slow; or the port may speak TLS from the first byte: tls = "implicit" (port 993) may be right
`},
		{name: "closed at the greeting", code: 5, provoke: func(l *imapLife) { l.serve(func(p *script.Peer) { p.Close() }) }, says: `work: localhost:PORT closed the connection without a greeting
hint: it may not be an IMAP port, or the server allows no more connections; or the port may speak TLS from the first byte: tls = "implicit" (port 993) may be right
`},
		{name: "closed at the log-in", code: 5, provoke: func(l *imapLife) { l.replaced("AUTHENTICATE", func(p *script.Peer) { p.Close() }) }, says: `work: log-in of "ada": connection closed by the server while an answer was waited for
hint: the connection was lost: run it again, it goes on where it stopped
`},
		{name: "reset in the listing", code: 5, provoke: func(l *imapLife) { l.replaced("LIST", func(p *script.Peer) { p.Reset() }) }, says: `work: list mailboxes: connection reset by the other side while an answer was waited for
hint: the connection was lost: run it again, it goes on where it stopped
`},
		{name: "silent in the listing", code: 5, provoke: func(l *imapLife) { l.replaced("LIST", func(p *script.Peer) { p.Stall() }) }, says: `work: list mailboxes: no byte for 2s while an answer was waited for
hint: the server or the way to it hangs; try again later, or raise the account's timeout
`},
		{name: "closed in the listing", code: 5, provoke: func(l *imapLife) { l.replaced("LIST", func(p *script.Peer) { p.Close() }) }, says: `work: list mailboxes: connection closed by the server while an answer was waited for
hint: the connection was lost: run it again, it goes on where it stopped
`},
		{name: "a BYE", code: 5, provoke: func(l *imapLife) {
			l.replaced("LIST", func(p *script.Peer) { p.Send("* BYE going down"); p.Close() })
		}, says: `work: list mailboxes: server ended the connection: server answered BYE "going down"
hint: run it again, it goes on where it stopped
`},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{})
			if f.synced {
				if o := l.asUser("sync"); o.Code != 0 {
					t.Fatalf("the first run: exit %d\n%s", o.Code, o.Stderr)
				}
			}
			f.provoke(l)
			t.Cleanup(func() { _ = os.Chmod(l.root, 0o700) })
			args := f.args
			if args == nil {
				args = []string{"sync", "-q"}
			}
			o := l.asUser(args...)
			says := strings.NewReplacer("DIR", l.dir, "PORT", fmt.Sprint(l.srv.Port())).Replace(f.says)
			var want strings.Builder
			for line := range strings.Lines(says) {
				want.WriteString("mailsync: " + line)
			}
			if got := varying.ReplaceAllString(o.Stderr, "X"); o.Code != f.code || got != want.String() {
				t.Errorf("exit %d, want %d; shown:\n%s\nwanted:\n%s", o.Code, f.code, strings.ReplaceAll(got, l.dir, "DIR"), f.says)
			}
		})
	}
}

// varying is what differs from run to run in names: a time, a digest.
var varying = regexp.MustCompile(`\d{8}T\d{6}Z|[0-9a-f]{32}`)

// readOnly takes the right to write to a folder.
func (l *life) readOnly(dir string) {
	l.must(os.Chmod(dir, 0o500))
	l.t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
}

// replaced has the server do something in place of an answer.
func (l *imapLife) replaced(verb string, with func(p *script.Peer)) {
	l.serve(script.Healthy(l.acct, script.Answers{verb: func(p *script.Peer, _ script.Command) bool { with(p); return true }}))
}
