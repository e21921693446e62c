package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"mailsync/cmd/mailsync/ask"
	"mailsync/cmd/mailsync/demo"
	"mailsync/cmd/mailsync/lookup"
	"mailsync/cmd/mailsync/secret"
	real "mailsync/internal/testkit/servers"
	"mailsync/state"
)

// person answers questions by the beginning of their titles, in the order in which the answers are given:
// a text, "yes" or "no", the beginning of a choice, or for some choices those that are meant, with commas. A
// question without an answer gets the one that is offered; "stop" gives up.
type person struct {
	t       *testing.T
	answers []string // "Title: answer"
	asked   []string // titles, and what was offered
}

func (p *person) answer(q ask.Question, offered string) (string, error) {
	p.asked = append(p.asked, q.Title+" ["+offered+"]")
	for i, a := range p.answers {
		if title, text, _ := strings.Cut(a, ": "); strings.HasPrefix(q.Title, title) {
			p.answers = slices.Delete(p.answers, i, i+1)
			if text == "stop" {
				return "", state.Faultf(state.Interrupted, "given up")
			}
			return text, nil
		}
	}
	return offered, nil
}

func (p *person) checked(q ask.Question, offered string) (string, error) {
	for {
		text, err := p.answer(q, offered)
		if err != nil || q.Check == nil || q.Check(text) == nil {
			return text, err
		}
		if len(p.answers) == 0 {
			p.t.Fatalf("%s: %q is refused: %v", q.Title, text, q.Check(text))
		}
	}
}

func (p *person) Text(_ context.Context, q ask.Question, begin string) (string, error) {
	return p.checked(q, begin)
}
func (p *person) Secret(_ context.Context, q ask.Question) (string, error) { return p.checked(q, "") }

func (p *person) Yes(_ context.Context, q ask.Question, otherwise bool) (bool, error) {
	text, err := p.answer(q, map[bool]string{true: "yes", false: "no"}[otherwise])
	return text == "yes", err
}

func (p *person) One(_ context.Context, q ask.Question, choices []string, begin int) (int, error) {
	text, err := p.answer(q, strings.Join(choices, " | "))
	for i, c := range choices {
		if strings.HasPrefix(c, text) {
			return i, err
		}
	}
	return begin, err
}

func (p *person) Some(_ context.Context, q ask.Question, choices []string, marked []bool) ([]bool, error) {
	var begin []string
	for i, c := range choices {
		if marked[i] {
			begin = append(begin, c)
		}
	}
	text, err := p.answer(q, strings.Join(begin, ","))
	out := make([]bool, len(choices))
	for i, c := range choices {
		out[i] = slices.ContainsFunc(strings.Split(text, ","), func(w string) bool { return w != "" && strings.HasPrefix(c, w) })
	}
	return out, err
}

func (p *person) was(title string) bool {
	return slices.ContainsFunc(p.asked, func(a string) bool { return strings.HasPrefix(a, title) })
}

// noNet finds what it has, by a name server of its own.
type noNet struct{ srv []*net.SRV }

func (n noNet) LookupSRV(_ context.Context, service, _, _ string) (string, []*net.SRV, error) {
	if service == "imaps" && n.srv != nil {
		return "", n.srv, nil
	}
	return "", nil, errors.New("no such host")
}
func (noNet) LookupMX(context.Context, string) ([]*net.MX, error) {
	return nil, errors.New("no such host")
}
func (noNet) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no network") }

// initiated is one run of init.
type initiated struct {
	code     int
	out, err string
	asked    *person
	config   string // its path
}

// text is the configuration that it left, "" without one.
func (i initiated) text() string {
	b, _ := os.ReadFile(i.config)
	return string(b)
}

// runInit runs init in a home of its own. who is nil where nobody is to be asked.
func runInit(t *testing.T, who *person, found *lookup.Finder, args ...string) initiated {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
	t.Setenv("MAILSYNC_CONFIG", "")
	return again(t, who, found, args...)
}

// again is runInit in the home of the last one.
func again(t *testing.T, who *person, found *lookup.Finder, args ...string) initiated {
	t.Helper()
	if found == nil {
		found = &lookup.Finder{Resolver: noNet{}, HTTP: &http.Client{Transport: noNet{}}, Deadline: time.Second}
	}
	var out, errs bytes.Buffer
	p := &program{stdout: &out, stderr: &errs, finder: found}
	if who != nil {
		who.t, p.answers = t, who
	}
	ctx, i := watchSignals(t.Context())
	p.interrupt = i
	defer i.stop()
	root := p.commands()
	root.SetArgs(append([]string{"init"}, args...))
	root.SetOut(&out)
	root.SetErr(&errs)
	if err := root.ExecuteContext(ctx); err != nil {
		p.code = p.fail(err)
	}
	return initiated{p.code, out.String(), errs.String(), who, filepath.Join(os.Getenv("HOME"), ".config", "mailsync", "config.toml")}
}

// nothingWritten fails where a run left anything in the user's configuration.
func nothingWritten(t *testing.T, name string, i initiated) {
	t.Helper()
	if left, err := os.ReadDir(filepath.Dir(i.config)); err == nil {
		t.Errorf("%s: it left %v", name, left)
	}
	for _, text := range []string{i.out, i.err} {
		if strings.Contains(text, demo.Password) {
			t.Errorf("%s: the password is shown:\n%s", name, text)
		}
	}
}

// local starts a server in plain text, and returns the flags for it.
func localServer(t *testing.T) []string {
	t.Helper()
	d, err := demo.StartIMAP(demo.IMAPMail())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return []string{"ada@mail.example.org", "--host", "127.0.0.1", "--port", strconv.Itoa(d.Port), "--tls", "none", "--user", demo.User}
}

// A person answers, one password is wrong, and what was typed lies in a file for that person alone.
func TestInitAsksAndKeepsThePassword(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	who := &person{answers: []string{"Name of: work", "Folder: ~/Post", "Password of ada: wrong", "The log-in was refused: type", "Password of ada: " + demo.Password, "Leave out: Lists,INBOX"}}
	i := runInit(t, who, nil, localServer(t)...)
	text := i.text()
	for _, want := range []string{"[accounts.work]\n", `maildir       = "~/Post"`, `password_file = "~/.config/mailsync/work.password"`} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s\n%s", want, text, i.err)
		}
	}
	if i.code != 0 || strings.Contains(text+i.out+i.err, demo.Password) || !strings.Contains(i.err, `log-in of "ada" refused`) {
		t.Errorf("exit %d\n%s%s", i.code, i.out, i.err)
	}
	kept := filepath.Join(filepath.Dir(i.config), "work.password")
	info, err := os.Stat(kept)
	if word, _ := os.ReadFile(kept); err != nil || info.Mode().Perm()&0o077 != 0 || string(word) != demo.Password+"\n" {
		t.Errorf("%q, %v, %v", word, info.Mode(), err)
	}
	// A second account of that name's file does not take the first one's.
	second := again(t, &person{answers: []string{"Set it up again: yes", "Name of: other", "Password of ada: " + demo.Password}}, nil, append(localServer(t), "--maildir", "~/Other")...)
	if second.code != 0 || !strings.HasPrefix(second.text(), text) || strings.Count(second.text(), "[accounts.") != 2 {
		t.Errorf("exit %d\n%s\n%s", second.code, second.err, second.text())
	}
}

// With a keyring it can be put there, and nowhere else.
func TestInitUsesTheKeyring(t *testing.T) {
	keyring.MockInit()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
	i := runInit(t, &person{answers: []string{"Password of ada: " + demo.Password, "Keep the password: in the keyring"}}, nil, localServer(t)...)
	word, err := keyring.Get(secret.KeyringService, "ada@127.0.0.1")
	if i.code != 0 || err != nil || word != demo.Password || !strings.Contains(i.text(), "password_keyring = true") {
		t.Errorf("exit %d, %q, %v\n%s%s", i.code, word, err, i.err, i.text())
	}
	if left, _ := os.ReadDir(filepath.Dir(i.config)); len(left) != 1 {
		t.Errorf("beside the configuration: %v", left)
	}
}

// Whoever gives up, at whatever question, and whatever was refused, leaves nothing behind.
func TestInitWritesNothingUntilTheEnd(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	flags := localServer(t)
	right := "Password of ada: " + demo.Password
	for name, c := range map[string]struct {
		answers []string
		code    int
	}{
		"at the name":             {[]string{"Name of: stop"}, 130},
		"at the folder":           {[]string{"Folder: stop"}, 130},
		"at the password":         {[]string{"Password of: stop"}, 130},
		"at the mailboxes":        {[]string{right, "Leave out: stop"}, 130},
		"refused":                 {[]string{"Password of: wrong", "The log-in was refused: give up"}, 4},
		"refused again and again": {[]string{"Password of: 1", "Password of: 2", "Password of: 3", "Password of: 4", "Password of: 5"}, 4},
	} {
		i := runInit(t, &person{answers: c.answers}, nil, flags...)
		if i.code != c.code {
			t.Errorf("%s: exit %d, want %d\n%s", name, i.code, c.code, i.err)
		}
		nothingWritten(t, name, i)
	}
	// A disk that takes no configuration gets no password either.
	i := runInit(t, &person{answers: []string{right}}, nil, append(flags, "--config", filepath.Join(t.TempDir(), "x", "config.toml"))...)
	if i.code != 0 {
		t.Fatalf("exit %d\n%s", i.code, i.err)
	}
	home := t.TempDir()
	dangling := filepath.Join(home, "config.toml")
	if err := os.Symlink(filepath.Join(home, "gone", "config.toml"), dangling); err != nil {
		t.Skip("there are no links here")
	}
	i = runInit(t, &person{answers: []string{right}}, nil, append(flags, "--config", dangling)...)
	if left, _ := os.ReadDir(home); i.code != 8 || len(left) != 1 {
		t.Errorf("exit %d, left %v\n%s", i.code, left, i.err)
	}
}

// What the network says of a server is shown, and needs a yes: a password goes nowhere unseen.
func TestInitConfirmsAServerThatWasFound(t *testing.T) {
	found := &lookup.Finder{Resolver: noNet{[]*net.SRV{{Target: "imap.elsewhere.example.", Port: 993}}}, HTTP: &http.Client{Transport: noNet{}}, Deadline: time.Second}
	i := runInit(t, nil, found, "ada@bücher.example", "--password-command", "echo x")
	if i.code != 2 || !strings.Contains(i.err, "nobody confirmed it: IMAP at imap.elsewhere.example:993, TLS (the record _imaps._tcp.xn--bcher-kva.example)") ||
		!strings.Contains(i.err, "--host imap.elsewhere.example") {
		t.Errorf("exit %d\n%s", i.code, i.err)
	}
	nothingWritten(t, "found", i)
	i = runInit(t, nil, found, "ada@bücher.example", "--password-command", "echo x", "--yes")
	if i.code != 2 || !strings.Contains(i.err, "outside of xn--bcher-kva.example") || strings.Contains(i.err, "Connecting") {
		t.Errorf("--yes, elsewhere: exit %d\n%s", i.code, i.err)
	}
	who := &person{answers: []string{"Server: stop"}}
	i = runInit(t, who, found, "ada@bücher.example")
	if i.code != 130 || !who.was("Server [IMAP at imap.elsewhere.example:993") {
		t.Errorf("exit %d, asked %q\n%s", i.code, who.asked, i.err)
	}
	// None is found: the person names one; without a person it is a mistake with a way out.
	flags := localServer(t)
	who = &person{answers: []string{"Host: 127.0.0.1", "Port: " + flags[4], "User: ada", "Name of: bücher", "That did not work: give up"}}
	i = runInit(t, who, nil, "ada@bücher.example")
	if i.code != 5 || !who.was("Protocol") || !who.was("Host [imap.xn--bcher-kva.example]") || !who.was("User [ada@xn--bcher-kva.example]") {
		t.Errorf("exit %d, asked %q\n%s", i.code, who.asked, i.err)
	}
	i = runInit(t, nil, nil, "ada@example.org", "--password-command", "echo x")
	if i.code != 2 || !strings.Contains(i.err, "no server of example.org was found") || !strings.Contains(i.err, "--host HOST") {
		t.Errorf("exit %d\n%s", i.code, i.err)
	}
}

// A provider that takes no password is not given one.
func TestInitByOAuthNeedsAClient(t *testing.T) {
	i := runInit(t, nil, nil, "ada@outlook.com", "--password-command", "echo hush")
	if i.code != 2 || !strings.Contains(i.err, "takes no password, only OAuth") || !strings.Contains(i.err, "docs/guides/outlook.md") {
		t.Errorf("exit %d\n%s", i.code, i.err)
	}
	nothingWritten(t, "outlook", i)
}

// The table for tokens is one that the configuration takes, and the client's secret is not in it.
func TestInitWritesATableForTokens(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	for _, address := range []string{"ada@outlook.com", "ada@gmail.com"} {
		who := &person{t: t, answers: []string{"Log in by: OAuth", "Client id: 1234.apps.example", "Client secret: hush-hush", "Log in: with a code"}}
		s := &setup{program: &program{}, flags: &initFlags{}, ask: who, changed: func(string) bool { return false }, report: new(program{stderr: &bytes.Buffer{}}).report(), finder: &lookup.Finder{}}
		var err error
		if s.address, err = lookup.Parse(address); err != nil {
			t.Fatal(err)
		}
		s.server = s.finder.Servers(t.Context(), s.address)[0]
		s.name, s.maildir = "mine", "/mail/mine"
		s.program.flags.config = filepath.Join(t.TempDir(), "c.toml")
		if err := s.readConfig(); err != nil {
			t.Fatal(err)
		}
		if err := s.chooseSecret(t.Context()); err != nil {
			t.Fatal(err)
		}
		table := s.table()
		a, err := s.account()
		if err != nil || a.OAuth == nil || a.OAuth.ClientID != "1234.apps.example" || a.Auth != "oauth2" || strings.Contains(table, "hush") {
			t.Errorf("%s: %v\n%s", address, err, table)
		}
	}
}

// Google shows its app passwords with blanks, which it does not take.
func TestAppPasswordsArePastedWithBlanks(t *testing.T) {
	s := &setup{}
	if got := s.tidied(" a b "); got != " a b " {
		t.Errorf("any password: %q", got)
	}
	for address, c := range map[string][2]string{
		"ada@gmail.com":  {" abcd efgh\u00a0ijkl mnop\n", "abcdefghijklmnop"},
		"ada@icloud.com": {" abcd-efgh-ijkl-mnop ", "abcd-efgh-ijkl-mnop"},
		"ada@yahoo.com":  {"abcd efgh ijkl mnop", "abcd efgh ijkl mnop"},
		"ada@web.de":     {" x ", " x "},
	} {
		a, _ := lookup.Parse(address)
		s.server = (&lookup.Finder{}).Servers(t.Context(), a)[0]
		if got := s.tidied(c[0]); got != c[1] {
			t.Errorf("%s: %q, want %q", address, got, c[1])
		}
	}
}

// selfSigned makes a certificate that nobody signed, and its configuration of Dovecot.
func selfSigned(t *testing.T) real.Option {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.ada.example", Organization: []string{"Ada\n  its key  sha256/forged\x1b[8m"}}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"self.pem": {Type: "CERTIFICATE", Bytes: der}, "self.key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return real.Config(fmt.Sprintf("ssl_cert = <%s/self.pem\nssl_key = <%[1]s/self.key", dir))
}

// A real server with a certificate that nobody signed: it is shown before a password is asked for, and its
// key is trusted on yes alone; then the account works.
func TestInitWithASelfSignedDovecot(t *testing.T) {
	srv := real.Dovecot(t, selfSigned(t))
	srv.AddUser("ada")
	srv.Deliver("ada", []byte("Subject: one\r\n\r\none\r\n"))
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	for _, kind := range []string{"imap", "pop3"} {
		addr := map[string]string{"imap": srv.IMAPS, "pop3": srv.POP3S}[kind]
		_, port, _ := net.SplitHostPort(addr)
		flags := []string{"ada@mail.ada.example", "--protocol", kind, "--host", "localhost", "--port", port, "--user", srv.Login("ada")}

		who := &person{}
		i := runInit(t, who, nil, flags...)
		if i.code != 5 || who.was("Password") || !strings.Contains(i.err, "self-signed") {
			t.Errorf("%s: no yes: exit %d, asked %q\n%s", kind, i.code, who.asked, i.err)
		}
		if strings.Contains(i.err, "\n  its key  sha256/forged") || strings.Contains(i.err, "\x1b") {
			t.Errorf("%s: the certificate writes on the screen:\n%s", kind, i.err)
		}
		nothingWritten(t, "no yes", i)
		who = &person{}
		i = runInit(t, who, nil, append(flags, "-q")...)
		if i.code != 5 || !who.was("Trust this key") || !strings.Contains(i.err, "its key  sha256/") {
			t.Errorf("%s: -q: exit %d, asked %q\n%s", kind, i.code, who.asked, i.err)
		}
		i = runInit(t, nil, nil, append(flags, "--yes", "--password-command", "echo "+real.Password)...)
		if i.code != 5 || !strings.Contains(i.err, "--tls-pin sha256/") {
			t.Errorf("%s: --yes: exit %d\n%s", kind, i.code, i.err)
		}
		nothingWritten(t, "--yes", i)

		who = &person{answers: []string{"Trust this key: yes", "Password of ada: " + real.Password}}
		i = runInit(t, who, nil, flags...)
		if i.code != 0 || !strings.Contains(i.err, "its key  sha256/") || !strings.Contains(i.err, "CN=mail.ada.example") || !strings.Contains(i.text(), `tls_pins      = ["sha256/`) {
			t.Fatalf("%s: exit %d, asked %q\n%s\n%s", kind, i.code, who.asked, i.err, i.text())
		}
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"sync"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "1 fetched") {
			t.Errorf("%s: sync: exit %d\n%s%s", kind, code, out.String(), errs.String())
		}
	}
}
