//go:build linux

package main_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// screen is a program on a terminal, and the person before it.
type screen struct {
	t        *testing.T
	keyboard *os.File
	seen     string // all that was shown so far
	read     int    // how much of it was waited for
	home     string
	cmd      *exec.Cmd
}

// onScreen starts init on a terminal of a kind.
func onScreen(t *testing.T, env []string, args ...string) *screen {
	t.Helper()
	user, keyboard := terminal(t)
	if err := unix.IoctlSetWinsize(int(keyboard.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	s := &screen{t: t, keyboard: keyboard, home: t.TempDir()}
	s.cmd = exec.CommandContext(ctx, program.Path(t), append([]string{"init"}, args...)...)
	s.cmd.Env = append([]string{"HOME=" + s.home, "PATH=" + os.Getenv("PATH")}, env...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = user, user, user
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	user.Close() // the program has it
	return s
}

// drawing is what steers a terminal.
var drawing = regexp.MustCompile(`\x1b(\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|P[^\x1b]*\x1b\\|[()][A-Z0-9]|[=>78])`)

// more reads what is shown next. An error means that the program has closed the terminal.
func (s *screen) more() error {
	buffer := make([]byte, 4096)
	n, err := s.keyboard.Read(buffer)
	s.seen += string(buffer[:n])
	return err
}

// until waits until a text was shown.
func (s *screen) until(text string) {
	s.t.Helper()
	for {
		if at := strings.Index(drawing.ReplaceAllString(s.seen[s.read:], ""), text); at >= 0 {
			s.read = len(s.seen)
			return
		}
		if err := s.more(); err != nil {
			s.t.Fatalf("%q was never shown (%v):\n%s", text, err, drawing.ReplaceAllString(s.seen, ""))
		}
	}
}

// find waits until something that fits an expression was shown, and returns its parts.
func (s *screen) find(what *regexp.Regexp) []string {
	s.t.Helper()
	for {
		if parts := what.FindStringSubmatch(s.seen); parts != nil {
			return parts
		}
		if err := s.more(); err != nil {
			s.t.Fatalf("%v was never shown (%v):\n%s", what, err, s.seen)
		}
	}
}

func (s *screen) types(text string) {
	s.t.Helper()
	if _, err := s.keyboard.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the program, and returns its exit code.
func (s *screen) ends() int {
	s.t.Helper()
	for s.more() == nil {
	}
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if strings.Contains(s.seen, password) {
		s.t.Errorf("the password is on the screen:\n%q", s.seen)
	}
	return s.cmd.ProcessState.ExitCode()
}

func (s *screen) config() string {
	b, _ := os.ReadFile(filepath.Join(s.home, ".config", "mailsync", "config.toml"))
	return string(b)
}

// mailServer starts a server with two mailboxes, and returns the flags for it.
func mailServer(t *testing.T) []string {
	t.Helper()
	a := imapscript.NewAccount()
	a.Password = password
	a.Add("INBOX")
	a.Add("Lists")
	port := imapscript.Every(t, imapscript.Healthy(a, nil)).Port()
	return []string{"ada@mail.example.org", "--host", "localhost", "--port", fmt.Sprint(port), "--tls", "none"}
}

// On a terminal that cannot draw, and for a screen reader, there are only lines.
func TestInitInPlainLines(t *testing.T) {
	for _, env := range [][]string{{"TERM=dumb"}, {"TERM=xterm-256color", "ACCESSIBLE=1"}} {
		s := onScreen(t, env, mailServer(t)...)
		s.until("User [ada@mail.example.org]: ")
		s.types("ada\n")
		s.until("Name of the account [example]: ")
		s.types("a/b\n")
		s.until("letters, digits")
		s.types("work\n")
		s.until("Folder for its mail [~/Mail/work]: ")
		s.types("\n")
		s.until("Password of ada: ")
		s.types(password + "\n")
		s.until("Leave out (numbers, or - for none) []: ")
		s.types("7\n")
		s.until("is not a number from 1 to 2")
		s.types("2\n")
		if code := s.ends(); code != 0 || strings.Contains(s.seen, "\x1b") {
			t.Errorf("%v: exit %d\n%q", env, code, s.seen)
		}
		if text := s.config(); !strings.Contains(text, "[accounts.work]") || !strings.Contains(text, `exclude       = ["role:junk", "role:trash", "Lists"]`) {
			t.Errorf("%v: %s\n%s", env, text, s.seen)
		}
	}
}

// The end of the input is no answer, and neither is Ctrl-C.
func TestInitInPlainLinesGivenUp(t *testing.T) {
	s := onScreen(t, []string{"TERM=dumb"}, mailServer(t)...)
	s.until("User [")
	s.types("\x04")
	if code := s.ends(); code != 130 || s.config() != "" {
		t.Errorf("Ctrl-D: exit %d\n%s", code, s.seen)
	}
	s = onScreen(t, []string{"TERM=dumb"}, mailServer(t)...)
	s.until("User [")
	if err := s.cmd.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := s.ends(); code != 130 || s.config() != "" {
		t.Errorf("SIGINT: exit %d\n%s", code, s.seen)
	}
}

// In a form: everything that is offered is taken, and the password shows as stars.
func TestInitInAForm(t *testing.T) {
	colour := regexp.MustCompile(`\x1b\[([0-9;]*;)?(3[0-7]|9[0-7]|38;[25];[0-9;]+|48;[25];[0-9;]+)m`)
	for _, env := range [][]string{{"TERM=xterm-256color"}, {"TERM=xterm-256color", "NO_COLOR=1"}} {
		s := onScreen(t, env, mailServer(t)...)
		s.until("Mostly the whole address")
		s.types("\x15ada\r") // Ctrl-U
		s.until("User: ada")
		s.until("Name of the account")
		s.types("\r")
		s.until("Folder for its mail")
		s.types("\r")
		s.until("Password of ada")
		s.types(password)
		s.until("*")
		s.types("\r")
		s.until("Leave out")
		s.types("\r")
		code := s.ends()
		if code != 0 || !strings.Contains(s.config(), "[accounts.example]") {
			t.Errorf("%v: exit %d\n%s\n%s", env, code, s.config(), drawing.ReplaceAllString(s.seen, ""))
		}
		if drawn := colour.MatchString(s.seen); drawn == (len(env) == 2) {
			t.Errorf("%v: colours: %v", env, drawn)
		}
	}
}

// A form that is left, by the keyboard or by a signal, writes nothing; SIGTERM is not taken for an answer.
func TestInitInAFormGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		leave func(*screen)
		code  int
	}{
		"Ctrl-C":  {func(s *screen) { s.types("\x03") }, 130},
		"SIGINT":  {func(s *screen) { _ = s.cmd.Process.Signal(unix.SIGINT) }, 130},
		"SIGTERM": {func(s *screen) { _ = s.cmd.Process.Signal(unix.SIGTERM) }, 143},
	} {
		s := onScreen(t, []string{"TERM=xterm-256color"}, append(mailServer(t), "--user", "ada")...)
		s.until("Name of the account")
		s.types("\r")
		s.until("Folder for its mail")
		c.leave(s)
		if code := s.ends(); code != c.code || s.config() != "" {
			t.Errorf("%s: exit %d, want %d\n%s", name, code, c.code, drawing.ReplaceAllString(s.seen, ""))
		}
	}
}

// A server that answers nothing is left soon, while somebody waits.
func TestInitLeavesADeafServer(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	s := onScreen(t, []string{"TERM=dumb"}, "ada@mail.example.org", "--host", "127.0.0.1", "--port", fmt.Sprint(l.Addr().(*net.TCPAddr).Port), "--tls", "none", "--user", "ada", "--yes")
	s.until("That did not work [2]: ")
	s.types("3\n")
	if code := s.ends(); code != 5 || time.Since(began) > 50*time.Second || s.config() != "" {
		t.Errorf("exit %d after %v\n%s", code, time.Since(began), s.seen)
	}
}
