//go:build linux

package main_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zalando/go-keyring"
	"golang.org/x/sys/unix"

	mailsync "mailsync/cmd/mailsync"
	"mailsync/cmd/mailsync/secret"
	"mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// terminal opens a terminal of its own: who uses it, and who sits before it.
func terminal(t *testing.T) (user, keyboard *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	user, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	return user, keyboard
}

// asking is a backup that asks for the password at a terminal of its own.
type asking struct {
	t              *testing.T
	cmd            *exec.Cmd
	user, keyboard *os.File
	stdout         bytes.Buffer
	stderr         io.Reader
	said           strings.Builder // what was read of stderr
}

func startAsking(t *testing.T, home string, port int, globals ...string) *asking {
	t.Helper()
	p := &asking{t: t}
	p.user, p.keyboard = terminal(t)
	ctx, cancel := deadline(t)
	t.Cleanup(cancel)
	p.cmd = exec.CommandContext(ctx, program.Path(t), append(globals, "backup", "--url", fmt.Sprint("imap://ada@localhost:", port), "--maildir", filepath.Join(home, "bare"))...)
	p.cmd.Env = []string{"HOME=" + home, "XDG_STATE_HOME=" + filepath.Join(home, "xdg-state")}
	p.cmd.Stdin, p.cmd.Stdout = p.user, &p.stdout
	var err error
	if p.stderr, err = p.cmd.StderrPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// answer types a password once it is asked for.
func (p *asking) answer(password string) {
	p.t.Helper()
	before := p.said.Len()
	for !strings.HasSuffix(p.said.String()[before:], `Password of "ada" at localhost: `) {
		one := make([]byte, 1)
		if _, err := p.stderr.Read(one); err != nil {
			p.t.Fatalf("it does not ask: %v after %q", err, p.said.String())
		}
		p.said.Write(one)
	}
	if _, err := p.keyboard.WriteString(password + "\n"); err != nil {
		p.t.Fatal(err)
	}
}

// end reads the rest of stderr and waits for the end.
func (p *asking) end() error {
	_, _ = io.Copy(&p.said, p.stderr)
	return p.cmd.Wait()
}

// A password that is typed shows nowhere: not on the terminal either.
func TestTypedPasswordStaysSecret(t *testing.T) {
	t.Parallel()
	a := imapscript.NewAccount()
	a.Password = password
	port := imapscript.Every(t, imapscript.Healthy(a, nil)).Port()
	w := newTour(t, program.Path(t), password, sources["password"], "")
	p := startAsking(t, w.dir, port, "-vv", "--trace", w.trace)
	p.answer(password)
	if err := p.end(); err != nil {
		t.Fatalf("%v\n%s", err, p.said.String())
	}
	p.user.Close()
	shown := make([]byte, 4096)
	n, _ := p.keyboard.Read(shown) // an error where nothing was shown
	w.hush.text("the terminal", string(shown[:n]))
	w.hush.text("stdout", p.stdout.String())
	w.hush.text("stderr", p.said.String())
	w.hush.below(w.dir, w.keeps...)
}

// A password that is refused is asked for again, three times in all, and the reason is printed.
func TestTypedPasswordIsAskedForAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typed  []string
		exit   int
		stdout string
	}{
		{[]string{"no", password}, 0, "on the server"},
		{[]string{"no", "nor this", "never"}, 4, "failed"},
	} {
		a := imapscript.NewAccount()
		a.Password = password
		port := imapscript.Every(t, imapscript.Healthy(a, nil)).Port()
		p := startAsking(t, t.TempDir(), port)
		for _, word := range c.typed {
			p.answer(word)
		}
		_ = p.end() // its code is looked at
		if code := p.cmd.ProcessState.ExitCode(); code != c.exit || !strings.Contains(p.stdout.String(), c.stdout) {
			t.Errorf("exit code %d, want %d\n%s%s", code, c.exit, p.said.String(), p.stdout.String())
		}
		if n := strings.Count(p.said.String(), `log-in of "ada" refused`); n != len(c.typed)-1+c.exit/4 {
			t.Errorf("%d refusals are printed:\n%s", n, p.said.String())
		}
	}
}

// So does one that the keyring has. The keyring is a false one, so the program runs in this
// process.
func TestKeyringPasswordStaysSecret(t *testing.T) {
	keyring.MockInit()
	if err := keyring.Set(secret.KeyringService, "ada@localhost", password); err != nil {
		t.Fatal(err)
	}
	a := imapscript.NewAccount()
	a.Password = password
	a.Mailbox("INBOX").Append("Subject: 1\r\n\r\nx\r\n")
	var refuse atomic.Bool
	port := imapscript.Every(t, func(p *imapscript.Peer) {
		answers := imapscript.Answers{}
		if refuse.Load() {
			answers = always("$tag NO wrong: "+password, "AUTHENTICATE", "LOGIN")
		}
		imapscript.Healthy(a, answers)(p)
	}).Port()
	w := newTour(t, "", password, func(*tour, string) string { return "password_keyring = true" }, "",
		`host = "localhost"`, fmt.Sprintf("port = %d", port), `tls = "none"`)
	t.Setenv("XDG_STATE_HOME", filepath.Join(w.dir, "xdg-state"))
	t.Setenv("HOME", w.dir)
	for range 2 {
		for _, line := range []string{"sync work", "backup work", "list work", "check work", "verify work --server", "status work"} {
			var stdout, stderr bytes.Buffer
			args := append([]string{"-c", w.config, "-vv", "--trace", w.trace}, strings.Fields(line)...)
			if strings.HasPrefix(line, "status") {
				args = append(args[:2:2], "status", "work")
			}
			code := mailsync.Run(t.Context(), args, &stdout, &stderr)
			if code != 0 && (code != 4 || !refuse.Load()) {
				t.Errorf("%s: exit %d\n%s%s", line, code, stdout.String(), stderr.String())
			}
			w.hush.text("stdout of "+line, stdout.String())
			w.hush.text("stderr of "+line, stderr.String())
			w.hush.below(w.dir, w.keeps...)
		}
		refuse.Store(true)
	}
}
