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

// A password that is typed shows nowhere: not on the terminal either.
func TestTypedPasswordStaysSecret(t *testing.T) {
	t.Parallel()
	a := imapscript.NewAccount()
	a.Password = password
	port := imapscript.Every(t, imapscript.Healthy(a, nil)).Port()
	w := newTour(t, program.Path(t), password, sources["password"], "")
	user, keyboard := terminal(t)
	ctx, cancel := deadline(t)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.bin, "-vv", "--trace", w.trace, "backup", "--url", fmt.Sprint("imap://ada@localhost:", port), "--maildir", filepath.Join(w.dir, "bare"))
	cmd.Env = []string{"HOME=" + w.dir, "XDG_STATE_HOME=" + filepath.Join(w.dir, "xdg-state")}
	var stdout bytes.Buffer
	cmd.Stdin, cmd.Stdout = user, &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for !strings.HasSuffix(said.String(), `Password of "ada" at localhost: `) {
		one := make([]byte, 1)
		if _, err := stderr.Read(one); err != nil {
			t.Fatalf("it does not ask: %v after %q", err, said.String())
		}
		said.Write(one)
	}
	if _, err := keyboard.WriteString(password + "\n"); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(stderr)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s%s", err, said.String(), rest)
	}
	user.Close()
	shown := make([]byte, 4096)
	n, _ := keyboard.Read(shown) // an error where nothing was shown
	w.hush.text("the terminal", string(shown[:n]))
	w.hush.text("stdout", stdout.String())
	w.hush.text("stderr", said.String()+string(rest))
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
		user, keyboard := terminal(t)
		ctx, cancel := deadline(t)
		defer cancel()
		dir := t.TempDir()
		cmd := exec.CommandContext(ctx, program.Path(t), "backup", "--url", fmt.Sprint("imap://ada@localhost:", port), "--maildir", filepath.Join(dir, "bare"))
		cmd.Env = []string{"HOME=" + dir, "XDG_STATE_HOME=" + filepath.Join(dir, "xdg-state")}
		var stdout bytes.Buffer
		cmd.Stdin, cmd.Stdout = user, &stdout
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		for _, word := range c.typed {
			before := said.Len()
			for !strings.HasSuffix(said.String()[before:], `Password of "ada" at localhost: `) {
				one := make([]byte, 1)
				if _, err := stderr.Read(one); err != nil {
					t.Fatalf("it does not ask: %v after %q", err, said.String())
				}
				said.Write(one)
			}
			if _, err := keyboard.WriteString(word + "\n"); err != nil {
				t.Fatal(err)
			}
		}
		rest, _ := io.ReadAll(stderr)
		_ = cmd.Wait() // its code is looked at
		said.Write(rest)
		if code := cmd.ProcessState.ExitCode(); code != c.exit || !strings.Contains(stdout.String(), c.stdout) {
			t.Errorf("exit code %d, want %d\n%s%s", code, c.exit, said.String(), stdout.String())
		}
		if n := strings.Count(said.String(), `log-in of "ada" refused`); n != len(c.typed)-1+c.exit/4 {
			t.Errorf("%d refusals are printed:\n%s", n, said.String())
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
