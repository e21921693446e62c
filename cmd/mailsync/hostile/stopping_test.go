//go:build unix

package hostile

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
	"mailsync/state/store"
)

// wait is something that a command waits for.
type wait struct {
	name string
	args string
	// begin makes it, and returns the life in which the command is run.
	begin func(t *testing.T) *life
}

// served is a life with a server that answers one command as given, after a run of good health.
func served(answers script.Answers, lines ...string) func(t *testing.T) *life {
	return func(t *testing.T) *life {
		l := newIMAP(t, situation{lines: append([]string{`timeout = "60s"`, `max_wait = "10m"`}, lines...)})
		l.archive(`older_than = "1y"`, "keep = []")
		if o := l.sync(); o.Code != 0 {
			t.Fatalf("the first run: exit %d\n%s", o.Code, program.Tail(o.Stderr))
		}
		l.change()
		l.serve(script.Healthy(l.acct, answers))
		return l.life
	}
}

// asked is a life whose password_command is a shell script.
func asked(command string) func(t *testing.T) *life {
	return func(t *testing.T) *life {
		l := newIMAP(t, situation{})
		l.configure(fmt.Sprintf("port = %d", l.srv.Port()), fmt.Sprintf(`password_command = ["sh", "-c", %q]`, command))
		l.without("password")
		return l.life
	}
}

// tunnelled is a life whose connection is a program that says nothing.
func tunnelled(argv string) func(t *testing.T) *life {
	return func(t *testing.T) *life {
		l := newLife(t)
		l.configure(`host = "imap.example.org"`, `insecure = true`, "tunnel_command = "+argv, `timeout = "60s"`, `max_wait = "10m"`)
		return l
	}
}

// tokens is a life whose token_command hangs.
func tokens(t *testing.T) *life {
	l := newIMAP(t, situation{})
	l.configure(fmt.Sprintf("port = %d", l.srv.Port()), `token_command = ["sleep", "600"]`)
	l.without("password")
	return l.life
}

// locked is a life whose account another run has locked.
func locked(t *testing.T) *life {
	l := served(nil)(t)
	lock, err := store.TryLock(filepath.Join(l.root, ".mailsync"))
	l.must(err)
	t.Cleanup(func() { _ = lock.Unlock() })
	return l
}

// blackHole is a life whose server never answers a connection: the queue of those that it has to
// accept is full.
func blackHole(t *testing.T) *life {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	l := newLife(t)
	l.must(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	l.must(syscall.Listen(fd, 0))
	at, err := syscall.Getsockname(fd)
	l.must(err)
	port := at.(*syscall.SockaddrInet4).Port
	for range 4 {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), 200*time.Millisecond)
		if err != nil {
			break // it is full
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	l.configure(`host = "127.0.0.1"`, fmt.Sprintf("port = %d", port), `timeout = "60s"`, `max_wait = "10m"`)
	return l
}

// hugeFile is a life with a file that takes long to read.
func hugeFile(t *testing.T) *life {
	l := served(nil)(t)
	mail, _ := l.files()
	l.must(os.Truncate(filepath.Join(l.root, mail[0].path), 64<<30)) // sparse
	return l
}

// unsent is a life with a large message that the server does not read to its end.
func unsent(t *testing.T) *life {
	l := newIMAP(t, situation{lines: []string{`timeout = "60s"`, `max_wait = "10m"`}})
	l.acct.Mailbox("INBOX").Append(letter(60) + strings.Repeat("A long line of a large message, again and again.\r\n", 400_000))
	if o := l.sync(); o.Code != 0 {
		t.Fatalf("the first run: exit %d\n%s", o.Code, program.Tail(o.Stderr))
	}
	healthy := script.Healthy(l.acct, nil)
	l.serve(func(p *script.Peer) {
		p.OnLiteral = func(p *script.Peer, text string, size int) bool {
			if size < 1<<20 {
				return false
			}
			p.Send("+ go ahead")
			<-t.Context().Done() // nothing more is read
			return true
		}
		healthy(p)
	})
	return l.life
}

// slowly sends a large body at 100 KB a second.
func slowly(p *script.Peer, cmd script.Command) bool {
	if !strings.Contains(cmd.Args, "BODY.PEEK[]") {
		return false
	}
	p.Raw([]byte(`* 1 FETCH (UID 1 FLAGS () INTERNALDATE "02-Jan-2024 03:04:05 +0000" RFC822.SIZE 100000000 BODY[] {100000000}` + "\r\n"))
	for {
		p.Raw([]byte(strings.Repeat("x", 10_000)))
		time.Sleep(100 * time.Millisecond)
	}
}

func busy(p *script.Peer, _ script.Command) bool {
	p.Send("* BYE [UNAVAILABLE] try again later")
	p.Close()
	return true
}

var waits = []wait{
	{"a locked account", "sync --wait 10m", locked},
	{"a locked account, archive", "archive --apply --wait 10m", locked},
	{"a locked account, verify", "verify --repair --wait 10m", locked},
	{"a locked account, restore", "restore work --wait 10m", locked},
	{"a password_command that hangs", "sync", asked("exec sleep 600")},
	{"a password_command whose child hangs", "sync", asked("sleep 600")},
	{"a password_command that hangs, check", "check", asked("sleep 600")},
	{"a busy server", "sync", served(script.Answers{"GREETING": busy})},
	{"a busy server, list", "list", served(script.Answers{"GREETING": busy})},
	{"a black hole", "sync", blackHole},
	{"a black hole, check", "check", blackHole},
	{"a slow body", "backup --refetch", served(script.Answers{"UID FETCH": slowly})},
	{"many connections that hang", "sync --full", served(script.Answers{"EXAMINE": stall, "SELECT": stall, "LOGOUT": stall}, "connections = 8")},
	{"many connections that hang at their ends", "sync --full", served(script.Answers{"UID STORE": stall, "LOGOUT": stall}, "connections = 8")},
	{"a huge file, verify", "verify", hugeFile},
	{"a huge file, archive", "archive --apply", hugeFile},
	{"a huge file, restore", "restore work --into Saved", hugeFile},
	{"a large message that is not taken", "restore work --into Saved", unsent},
	{"a tunnel that hangs", "sync", tunnelled(`["sleep", "600"]`)},
	{"a tunnel whose child hangs, check", "check", tunnelled(`["sh", "-c", "sleep 600"]`)},
	{"a token_command that hangs", "sync", tokens},
	{"a list that hangs, restore", "restore work", served(script.Answers{"LIST": stall})},
}

// signalled runs the program and interrupts it; a signal that is nil interrupts nothing.
func (l *life) signalled(after time.Duration, signal os.Signal, args ...string) program.Outcome {
	l.t.Helper()
	return l.start(20*time.Second, program.Interruption{After: after, Signal: signal}, nil, append([]string{"-c", l.config}, args...)...)
}

// lines are those of a text.
func lines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return l == "" })
}

// tolerance is for a machine that does other things too.
const tolerance = time.Second

// --max-time ends a command within two seconds of its time, whatever that waits for; the exit code is 1, and
// it is said in one line.
func TestMaxTimeIsKept(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds, often")
	}
	const most = time.Second
	for _, w := range waits {
		t.Run(w.name, func(t *testing.T) {
			l := w.begin(t)
			o := l.signalled(0, nil, append(strings.Fields(w.args), "--max-time", most.String())...)
			t.Logf("exit %d after %v\n%s%s", o.Code, o.Took, o.Stdout, o.Stderr)
			if o.Took > most+2*time.Second+tolerance {
				t.Errorf("it took %v", o.Took)
			}
			if said := lines(o.Stderr); o.Code != 1 || len(said) > 1 || !strings.Contains(o.Stderr, "--max-time") {
				t.Errorf("exit %d, in %d lines", o.Code, len(said))
			}
		})
	}
}

// Ctrl-C ends a command at once, whatever that waits for, and is said in two lines: what was done, and that
// the next run continues. check prints what it found.
func TestInterruptedAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds, often")
	}
	for _, w := range waits {
		t.Run(w.name, func(t *testing.T) {
			l := w.begin(t)
			const after = 700 * time.Millisecond
			o := l.signalled(after, os.Interrupt, strings.Fields(w.args)...)
			t.Logf("exit %d after %v\n%s%s", o.Code, o.Took, o.Stdout, o.Stderr)
			if o.Took > after+2*time.Second+tolerance {
				t.Errorf("it took %v", o.Took)
			}
			if o.Code != 130 || o.Stderr != "mailsync: work: interrupted; the next run continues from here\n" {
				t.Errorf("exit %d", o.Code)
			}
			if said := lines(o.Stdout); w.args != "check" && len(said) > 1 {
				t.Errorf("in %d lines on stdout", len(said))
			}
		})
	}
}
