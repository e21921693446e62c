//go:build unix

// Package hostile runs the program against servers, networks and disks that do everything
// wrong that we could think of. Each situation is a short life: a healthy run, changes on
// both sides, a run in which something is wrong, and a healthy run again. Whatever went
// wrong, nothing may be lost, doubled, told or left hanging; and after the last run
// everything is here.
package hostile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
)

// secret is the password of every account, and is in no output.
const secret = "Pa55-of-ada-3141"

// timeout is what the accounts are configured with. Where a server falls silent a run may
// take three times as long; slack is for a machine that does other things too.
const (
	timeout = 2 * time.Second
	slack   = 8 * time.Second
	// memory is how much more than a healthy run's a run may take.
	memory = 64 << 20
)

func TestMain(m *testing.M) {
	if does := os.Getenv(tunnelDoes); does != "" {
		os.Exit(beTunnel(does))
	}
	flag.Parse()
	// Most situations wait for a timeout; they may as well do so together.
	_ = flag.Set("test.parallel", "8")
	os.Exit(program.Tests{M: m}.Run())
}

// life is one account's.
type life struct {
	// written is called before each run: what the test changed on the server is there for those that serve.
	written func()
	t       *testing.T
	dir     string // everything below it
	root    string // the Maildirs
	config  string
}

func newLife(t *testing.T) *life {
	t.Helper()
	dir := t.TempDir()
	l := &life{t: t, dir: dir, root: filepath.Join(dir, "mail"), config: filepath.Join(dir, "config.toml")}
	if err := os.Mkdir(l.root, 0o700); err != nil {
		t.Fatal(err)
	}
	return l
}

// configure writes the configuration of the account "work": its lines win over the usual
// ones.
func (l *life) configure(lines ...string) {
	l.t.Helper()
	text := "[accounts.work]\n" + strings.Join(lines, "\n") + "\n"
	for _, usual := range []string{
		`host = "localhost"`, `user = "ada"`, fmt.Sprintf("password = %q", secret), fmt.Sprintf("maildir = %q", l.root),
		`tls = "none"`, fmt.Sprintf(`timeout = "%ds"`, int(timeout.Seconds())), `max_wait = "0s"`, `connections = 2`,
	} {
		key, _, _ := strings.Cut(usual, " ")
		pop := strings.Contains(text, `protocol = "pop3"`)
		if !strings.Contains(text, "\n"+key+" = ") && !(pop && key == "connections") {
			text += usual + "\n"
		}
	}
	if err := os.WriteFile(l.config, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// patiently gives a healthy server time, or takes it back: where the machine is busy nothing is wrong yet. Lines that a
// situation gives a timeout of its own keep it.
func (l *life) patiently(yes bool) {
	l.t.Helper()
	brief, long := fmt.Sprintf("timeout = \"%ds\"\n", int(timeout.Seconds())), "timeout = \"30s\"\n"
	if !yes {
		brief, long = long, brief
	}
	text, err := os.ReadFile(l.config)
	l.must(err)
	l.must(os.WriteFile(l.config, []byte(strings.Replace(string(text), brief, long, 1)), 0o600))
}

// outcome is what one run came to.
type outcome struct {
	program.Outcome
	trace   string
	account program.Account
}

// run runs the program, and holds its output to the rules for every output.
func (l *life) run(args ...string) outcome {
	l.t.Helper()
	trace := filepath.Join(l.dir, "trace")
	_ = os.Remove(trace) // of the run before
	globals := []string{"-c", l.config}
	if args[0] != "status" { // it speaks with nobody
		globals = append(globals, "--trace", trace)
	}
	o := outcome{Outcome: l.start(2*time.Minute, program.Interruption{}, nil, append(globals, args...)...)}
	if b, err := os.ReadFile(trace); err == nil {
		o.trace = string(b)
		if info, err := os.Stat(trace); err != nil || info.Mode().Perm() != 0o600 {
			l.t.Errorf("the trace has mode %v", info.Mode())
		}
	}
	l.noSecret(o)
	return o
}

// start runs the program in the life's home. It hangs if it takes longer than most. with may change the command; it may be nil.
func (l *life) start(most time.Duration, i program.Interruption, with func(*exec.Cmd), args ...string) program.Outcome {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), most)
	defer cancel()
	cmd := exec.CommandContext(ctx, program.Path(l.t), args...)
	cmd.Env = []string{"HOME=" + l.dir, "PATH=" + os.Getenv("PATH"), "XDG_STATE_HOME=" + filepath.Join(l.dir, "xdg-state")}
	if with != nil {
		with(cmd)
	}
	if l.written != nil {
		l.written()
	}
	return program.Run(ctx, l.t, cmd, i)
}

// flagsOnly runs the program without a configuration.
func (l *life) flagsOnly(args ...string) outcome {
	l.t.Helper()
	o := outcome{Outcome: l.start(2*time.Minute, program.Interruption{}, nil, args...)}
	l.noSecret(o)
	return o
}

// sync runs "sync --json -vv", whose stdout holds one JSON object a line, the account's
// last.
func (l *life) sync(args ...string) outcome {
	l.t.Helper()
	o := l.run(append([]string{"sync", "--json", "-vv"}, args...)...)
	for line := range strings.SplitSeq(strings.TrimSpace(o.Stdout), "\n") {
		if o.Code == 2 && line == "" {
			return o
		}
		if err := json.Unmarshal([]byte(line), &o.account); err != nil {
			l.t.Fatalf("stdout is not JSON: %v in %q\n%s", err, line, program.Tail(o.Stderr))
		}
	}
	l.t.Logf("exit %d: %s\n%s", o.Code, strings.TrimSpace(o.Stdout), said(o.Stderr))
	if o.account.Type != "account" {
		l.t.Errorf("the last line is of type %q", o.account.Type)
	}
	return o
}

// noSecret looks for the password in every form in which it travels.
func (l *life) noSecret(o outcome) {
	l.t.Helper()
	for _, form := range []string{secret, "AGFkYQBQYTU1LW9mLWFkYS0zMTQx", hex.EncodeToString([]byte(secret))} {
		for where, text := range map[string]string{"stdout": o.Stdout, "stderr": o.Stderr, "the trace": o.trace} {
			if strings.Contains(text, form) {
				l.t.Errorf("the password is in %s:\n%s", where, program.Tail(text))
			}
		}
	}
	for _, text := range []string{o.Stdout, o.Stderr} {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
			l.t.Errorf("control characters in the output: %q", program.Tail(text))
		}
	}
}

// said is what the program says to people, without its log.
func said(stderr string) string {
	var lines []string
	for line := range strings.SplitSeq(program.Tail(stderr), "\n") {
		if !strings.HasPrefix(line, "time=") && line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// healthyPeak is what a healthy run of a small account takes at most.
var healthyPeak = struct {
	sync.Mutex
	octets int64
}{}

func sawHealthy(o outcome) {
	healthyPeak.Lock()
	defer healthyPeak.Unlock()
	healthyPeak.octets = max(healthyPeak.octets, o.Peak)
}

// frugal fails the test where a run took much more memory than a healthy one.
func (l *life) frugal(o outcome) {
	l.t.Helper()
	healthyPeak.Lock()
	defer healthyPeak.Unlock()
	if o.Peak > healthyPeak.octets+memory {
		l.t.Errorf("the run took %d MiB, a healthy one %d MiB", o.Peak>>20, healthyPeak.octets>>20)
	}
}

// message is a file on disk.
type message struct {
	path string // relative to the root
	body string // as the server sent it
}

// files reads every message below the root; trashed are those in the trash.
func (l *life) files() (mail, trashed []message) {
	l.t.Helper()
	err := filepath.WalkDir(l.root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		dir := filepath.Base(filepath.Dir(p))
		if dir != "cur" && dir != "new" && dir != "trash" {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(l.root, p)
		m := message{path: rel, body: rebuilt(filepath.Base(p), string(b))}
		if dir == "trash" {
			trashed = append(trashed, m)
		} else {
			mail = append(mail, m)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.t.Fatal(err)
	}
	return mail, trashed
}

// rebuilt is what the server sent of a file: its name tells whether CRLF became LF. A
// file of another program is as it is.
func rebuilt(name, body string) string {
	_, rest, ours := strings.Cut(name, ",S=")
	if !ours {
		return strings.ReplaceAll(body, "\n", "\r\n")
	}
	onDisk, rest, _ := strings.Cut(rest, ",W=")
	sent, _, _ := strings.Cut(rest, ",")
	if onDisk != sent {
		return strings.ReplaceAll(body, "\n", "\r\n")
	}
	return body
}

// bodies counts the bodies of messages.
func bodies(all []message) map[string]int {
	n := map[string]int{}
	for _, m := range all {
		n[m.body]++
	}
	return n
}

// outside lists what lies beside the root.
func (l *life) outside() []string {
	l.t.Helper()
	var all []string
	for _, dir := range []string{l.dir, filepath.Dir(l.dir)} {
		list, err := os.ReadDir(dir)
		if err != nil {
			l.t.Fatal(err)
		}
		for _, e := range list {
			if name := e.Name(); dir != l.dir || !slices.Contains([]string{"mail", "config.toml", "trace", "xdg-state", ".local", ".cache"}, name) {
				all = append(all, filepath.Join(dir, name))
			}
		}
	}
	return all
}

func short(body string) string {
	sum := sha256.Sum256([]byte(body))
	return fmt.Sprintf("%q… (%d octets, %x)", body[:min(len(body), 40)], len(body), sum[:4])
}
