package main_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// gate passes one connection on to a server, and of what that sends only so many octets, until it is opened.
func gate(t *testing.T, server int, octets int64, open <-chan struct{}) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				up, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", server))
				if err != nil {
					return
				}
				defer up.Close()
				go func() { _, _ = io.Copy(up, client) }()
				if _, err := io.CopyN(client, up, octets); err != nil {
					return
				}
				<-open
				_, _ = io.Copy(client, up)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// onTerminal runs a sync of one message of a million octets on a terminal. The server stops in the middle of it until the terminal shows
// what is awaited; nil: it does not stop. It returns all that the terminal got.
func onTerminal(t *testing.T, columns uint16, env []string, await *regexp.Regexp, flags ...string) string {
	t.Helper()
	a := imapscript.NewAccount()
	a.Password = password
	a.Mailbox("INBOX").Append("Subject: large\r\nMessage-ID: <1@large.example>\r\n\r\n" + strings.Repeat("A line of a message that is large.\r\n", 28_000))
	open := make(chan struct{})
	if await == nil {
		close(open)
	}
	port := gate(t, imapscript.Every(t, imapscript.Healthy(a, nil)).Port(), 500_000, open)
	dir := t.TempDir()
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	user, screen := terminal(t)
	if err := unix.IoctlSetWinsize(int(user.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := deadline(t)
	defer cancel()
	args := append([]string{"backup", "--url", fmt.Sprint("imap://ada@localhost:", port), "--maildir", filepath.Join(dir, "mail"),
		"--password-command", "cat " + secret}, flags...)
	cmd := exec.CommandContext(ctx, program.Path(t), args...)
	cmd.Env = append([]string{"HOME=" + dir, "PATH=/usr/bin:/bin"}, env...)
	cmd.Stderr = user
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	user.Close()
	var shown strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := screen.Read(buf)
		shown.Write(buf[:n])
		if await != nil && await.MatchString(shown.String()) {
			close(open)
			await = nil
		}
		if err != nil { // the program has ended
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, shown.String())
	}
	return shown.String()
}

// The octets of a message show on a terminal while it arrives, beside the log of -v, and nothing of them stays.
func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		columns uint16
		flags   []string
		want    string // in the middle of the message
	}{
		{80, nil, ` 4\d% [^\r]*: 4\d\d of 9\d\d KiB, 0 of 1 message`},
		{40, []string{"-v"}, ` 4\d% [^\r]*: 4\d\d\.\d of 9\d\d\.\d KiB`},
	} {
		shown := onTerminal(t, c.columns, []string{"TERM=xterm"}, regexp.MustCompile(c.want), c.flags...)
		if end := shown[strings.LastIndex(shown, "\r"):]; end != "\r\x1b[K" && end != "\r\n" {
			t.Errorf("at the end %q stays", end)
		}
		if len(c.flags) > 0 && !strings.Contains(shown, "\r\x1b[K") {
			t.Errorf("the log is not above the progress:\n%q", shown)
		}
	}
}

// A terminal that cannot be written over gets none, and none of its escape codes.
func TestNoProgressOnADumbTerminal(t *testing.T) {
	t.Parallel()
	for _, env := range [][]string{{"TERM=dumb"}, nil} {
		if shown := onTerminal(t, 80, env, nil); strings.ContainsAny(shown, "\x1b%") {
			t.Errorf("%v: it shows %q", env, shown)
		}
	}
}
