//go:build unix

package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/pop3script"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// password is nothing that stands in an output by chance, and is written in another way
// wherever something is quoted or escaped.
const password = `Pa55 of "ada" 3+14/15\9%2 in München`

// tour goes through every command of the program with one account, and looks for its
// password after each.
type tour struct {
	*world
	hush   *hush
	url    string // of the account, for backup without a configuration
	log    string // what password_command found out about itself
	env    []string
	trace  string
	logged bool     // the log file has a session and a message
	record string   // --log-file, which hush reads with all that is below dir
	keeps  []string // files that may hold the password
}

// source is one way of giving a password: lines of the configuration.
type source func(w *tour, word string) string

func (w *tour) file(name, text string, mode os.FileMode) string {
	w.t.Helper()
	p := filepath.Join(w.dir, name)
	if err := os.WriteFile(p, []byte(text), mode); err != nil {
		w.t.Fatal(err)
	}
	w.keeps = append(w.keeps, p)
	return p
}

var sources = map[string]source{
	"password": func(_ *tour, word string) string { return fmt.Sprintf("password = %q", word) },
	"password_file": func(w *tour, word string) string {
		return fmt.Sprintf("password_file = %q", w.file("pw", word+"\n", 0o600))
	},
	"password_env": func(w *tour, word string) string {
		w.env = append(w.env, "MAIL_PW="+word)
		return `password_env = "MAIL_PW"`
	},
	"password_command": func(w *tour, _ string) string { return fmt.Sprintf("password_command = [%q, \"mail/work\"]", w.tell()) },
}

// tell makes a program that prints the password and writes down what a child of ours can
// see: its arguments and ours, and its environment.
func (w *tour) tell() string {
	return filepath.Join(w.dir, "tell")
}

func newTour(t *testing.T, bin, word string, from source, url string, lines ...string) *tour {
	t.Helper()
	dir := t.TempDir()
	w := &tour{
		world: &world{t: t, bin: bin, dir: dir, root: filepath.Join(dir, "mail"), config: filepath.Join(dir, "config.toml")},
		hush:  newHush(t, "ada", word, "other-"+password), url: url, log: filepath.Join(dir, "log"), trace: filepath.Join(dir, "trace"), record: filepath.Join(dir, "run.log"),
	}
	w.keeps = append(w.keeps, w.config, w.log) // children looks at the log
	pass := w.file("pass", word+"\n", 0o600)
	w.file("tell", fmt.Sprintf("#!/bin/sh\n{ tr '\\0' '\\n' </proc/$$/cmdline; tr '\\0' '\\n' </proc/$$/environ; tr '\\0' '\\n' </proc/$PPID/cmdline; } >>%s\ncat %s\n", w.log, pass), 0o700)
	// The password of an account that no command is about is in the environment as well.
	w.env = append(w.env, "OTHER_PW=other-"+password, "GPG_AGENT_INFO=/nowhere/gpg", "DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere/bus")
	account := strings.Join(append(lines, `user = "ada"`, `max_wait = "0s"`, `timeout = "5s"`, from(w, word)), "\n")
	text := "[accounts.work]\n" + account + fmt.Sprintf("\nmaildir = %q\n", w.root) +
		"[accounts.second]\n" + account + fmt.Sprintf("\nmaildir = %q\n", filepath.Join(dir, "second")) +
		"[accounts.other]\nhost = \"127.0.0.1\"\nport = 1\ntls = \"none\"\nuser = \"eve\"\npassword_env = \"OTHER_PW\"\n" +
		fmt.Sprintf("maildir = %q\n", filepath.Join(dir, "other"))
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.as = func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, w.env...) }
	return w
}

// visits are the runs of each command that meet a server or read a configuration. %URL,
// %DIR and %TELL are the tour's.
var visits = map[string][]string{
	"sync":       {"sync work second", "sync --full work", "sync --dry-run work", "sync other", "--json sync work"},
	"backup":     {"backup work", "--json backup work", "backup --url %URL --maildir %DIR/bare --password-command %TELL %CA"},
	"archive":    {"archive work --older-than 1d", "archive work --older-than 1d --apply", "archive work --undo"},
	"verify":     {"verify work", "verify work --server", "verify work --server --repair"},
	"restore":    {"restore work --dry-run --into Back", "restore work --into Back", "restore work --to second --into There"},
	"status":     {"status", "--json status"},
	"list":       {"list work", "--json list work"},
	"check":      {"check work", "check", "--json check work"},
	"providers":  {"providers", "providers gmail"},
	"init":       {"init ada@localhost --host 127.0.0.1 --port 1 --tls none --user ada --password-file %DIR/pass --maildir %DIR/fresh --yes"},
	"forget":     {"forget work Nothing"},
	"login":      {"login work", "login work --device"},
	"logout":     {"logout work"},
	"demo":       {"demo"},
	"completion": {"completion bash", "__complete sync ''", "__complete sync --mailbox ''"},
	"version":    {"version"},
	"help":       {"help", "help sync", "help config"},
}

// commands are all that the program has, in its own words.
func commands(t *testing.T, bin string) []string {
	t.Helper()
	out, err := exec.Command(bin, "__complete", "").Output()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if name, _, ok := strings.Cut(line, "\t"); ok {
			names = append(names, name)
		}
	}
	if len(names) < 12 {
		t.Fatalf("these are all commands? %q", names)
	}
	return names
}

// all makes every visit, and returns what each came to.
func (w *tour) all() map[string]outcome {
	w.t.Helper()
	came := map[string]outcome{}
	for _, name := range commands(w.t, w.bin) {
		if len(visits[name]) == 0 {
			w.t.Errorf("nobody looks for passwords in what %q does", name)
		}
		for _, v := range visits[name] {
			came[v] = w.visit(v)
		}
	}
	return came
}

// visit makes one run, as talkative as the command lets it be, and looks for the secret in
// all that is there afterwards.
func (w *tour) visit(line string) outcome {
	w.t.Helper()
	ca := ""
	if p, err := os.ReadFile(w.config); err == nil {
		if _, rest, ok := strings.Cut(string(p), `tls_ca = "`); ok {
			rest, _, _ = strings.Cut(rest, `"`)
			ca = "--tls-ca " + rest
		}
	}
	args := strings.Fields(strings.NewReplacer("%URL", w.url, "%DIR", w.dir, "%TELL", w.tell(), "%CA", ca, "''", "").Replace(line))
	if strings.HasSuffix(line, "''") {
		args = append(args, "")
	}
	var o outcome
	for _, loud := range [][]string{{"-vv", "--trace", w.trace, "--log-file", w.record}, {"-vv", "--log-file", w.record}, {"--log-file", w.record}, nil} {
		_ = os.Remove(w.trace) // of the run before
		if strings.Contains(line, "__complete") {
			loud = nil
		}
		o = w.run(append(slices.Clone(loud), args...)...)
		if o.Code != 2 || !strings.Contains(o.Stderr, "does not apply") {
			break
		}
	}
	if strings.Contains(o.Stderr, "panic:") {
		w.t.Errorf("%s: %s", line, o.Stderr)
	}
	w.hush.text("stdout of "+line, o.Stdout)
	w.hush.text("stderr of "+line, o.Stderr)
	if info, err := os.Stat(w.trace); err == nil && info.Mode().Perm() != 0o600 {
		w.t.Errorf("%s: the trace has mode %v", line, info.Mode())
	}
	w.hush.below(w.dir, w.keeps...)
	w.logIsJSON()
	return o
}

// logIsJSON looks at every line of the log file.
func (w *tour) logIsJSON() {
	w.t.Helper()
	text, err := os.ReadFile(w.record)
	if err != nil {
		return // no visit with a log yet
	}
	for line := range strings.Lines(string(text)) {
		if !json.Valid([]byte(line)) {
			w.t.Errorf("the log has %q", line)
		}
	}
	w.logged = w.logged || strings.Contains(string(text), `"msg":"connected to `) && strings.Contains(string(text), `"op":"fetch"`)
}

// run is world's with the configuration in the environment, so that a command which takes
// no --config can be run as well.
func (w *tour) run(args ...string) outcome {
	w.t.Helper()
	ctx, cancel := deadline(w.t)
	defer cancel()
	cmd := w.command(ctx)
	cmd.Args = append([]string{w.bin}, args...)
	cmd.Env = append(cmd.Env, "MAILSYNC_CONFIG="+w.config)
	if slices.Contains(args, "--url") { // it has no configuration that would say which variables are secrets
		cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.Contains(v, "_PW=") })
	}
	return w.finish(ctx, cmd)
}

// children holds what a child saw of its surroundings to the rules: what it needs is
// there, and no password.
func (w *tour) children() {
	w.t.Helper()
	b, err := os.ReadFile(w.log)
	if err != nil {
		w.t.Error("password_command was never run")
	}
	seen := string(b)
	w.hush.text("what a child saw", seen)
	for _, wanted := range []string{"\nPATH=" + os.Getenv("PATH") + "\n", "\nHOME=" + w.dir + "\n", "\nGPG_AGENT_INFO=/nowhere/gpg\n", "\nDBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere/bus\n"} {
		if !strings.Contains(seen, wanted) {
			w.t.Errorf("a child lacks %q", wanted)
		}
	}
	if strings.Contains(seen, "OTHER_PW") || strings.Contains(seen, "MAIL_PW") {
		w.t.Error("a child has a variable that password_env names")
	}
}

// withPassword is a Dovecot on which ada has the password of these tests.
func withPassword(t *testing.T) *servers.Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "ms-users-") // Dovecot's own user has to read it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(dir, "users")
	if err := os.WriteFile(users, []byte("ada:{PLAIN}"+password+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return servers.Dovecot(t, servers.Config("passdb {\n  driver = passwd-file\n  args = "+users+"\n}"))
}

// Every command, as talkative as it can be, with every way of giving a password and of
// sending it: the password comes out nowhere.
func TestNoCommandTellsAPassword(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	// Each visitor of a real server has one of his own: what one restores, the other would miss.
	withTLS := func(t *testing.T, scheme string, addr func(*servers.Server) string, more ...string) (url string, lines []string) {
		srv := withPassword(t)
		client, _ := lay(t, srv, 61, 12)
		client.Close()
		host, port, _ := strings.Cut(addr(srv), ":")
		return scheme + "://ada@" + addr(srv), append(more, fmt.Sprintf("host = %q", host), "port = "+port, fmt.Sprintf("tls_ca = %q", srv.CAFile()))
	}
	plain := func(port int, more ...string) []string {
		return append([]string{`host = "localhost"`, fmt.Sprintf("port = %d", port), `tls = "none"`}, more...)
	}
	imap := func(t *testing.T, caps string) int {
		a := imapscript.NewAccount()
		a.Password, a.Caps = password, caps
		for i := range 3 {
			a.Mailbox("INBOX").Append(fmt.Sprintf("Subject: %d\r\n\r\nx\r\n", i), `\Seen`)
		}
		return imapscript.Every(t, imapscript.Healthy(a, nil)).Port()
	}
	pop := func(t *testing.T, word, stamp string, caps ...string) int {
		box := pop3script.NewBox("Subject: 1\r\n\r\nx\r\n", "Subject: 2\r\n\r\ny\r\n")
		box.Password, box.Stamp, box.Caps = word, stamp, caps
		return pop3script.New(t, pop3script.Healthy(box, nil)).Port()
	}
	for _, c := range []struct {
		name, source, word string
		at                 func(t *testing.T) (url string, lines []string)
	}{
		{"IMAP with TLS", "password_command", password, func(t *testing.T) (string, []string) {
			return withTLS(t, "imaps", func(s *servers.Server) string { return s.IMAPS })
		}},
		{"IMAP, PLAIN", "password_env", password, func(t *testing.T) (string, []string) {
			p := imap(t, "")
			return fmt.Sprint("imap://ada@localhost:", p), plain(p)
		}},
		{"IMAP, LOGIN", "password", password, func(t *testing.T) (string, []string) {
			p := imap(t, "IMAP4rev1 UIDPLUS")
			return fmt.Sprint("imap://ada@localhost:", p), plain(p)
		}},
		{"POP3 with TLS", "password_file", password, func(t *testing.T) (string, []string) {
			return withTLS(t, "pop3s", func(s *servers.Server) string { return s.POP3S }, `protocol = "pop3"`)
		}},
		{"POP3, PASS", "password_env", password, func(t *testing.T) (string, []string) {
			p := pop(t, password, "", "USER", "UIDL")
			return fmt.Sprint("pop3://ada@localhost:", p), plain(p, `protocol = "pop3"`)
		}},
		{"POP3, APOP", "password", password, func(t *testing.T) (string, []string) {
			p := pop(t, password, "<1896.697170952@dbc.example>", "UIDL")
			return fmt.Sprint("pop3://ada@localhost:", p), plain(p, `protocol = "pop3"`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, lines := c.at(t)
			w := newTour(t, bin, c.word, sources[c.source], url, lines...)
			came := w.all()
			if !w.logged {
				t.Error("the log file lacks what was done")
			}
			w.children() // backup without a configuration has one in every case
			for _, v := range []string{"sync work second", "backup work", visits["backup"][2], "verify work --server", "list work", "check work"} {
				if o := came[v]; o.Code != 0 {
					t.Errorf("%s: exit %d\n%s", v, o.Code, o.Stderr)
				}
			}
		})
	}
}
