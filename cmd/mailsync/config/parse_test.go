package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var testEnv = map[string]string{"HOME": "/home/ada", "MAIL": "/var/mail/ada"}

func env(name string) string { return testEnv[name] }

// good is an account with nothing but what it must have.
const good = `
[accounts.work]
host = "imap.example.org"
user = "ada"
maildir = "~/Mail/work"
password_env = "PW"
`

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("c.toml", text, 0o600, env)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return c
}

func TestParseFillsInDefaults(t *testing.T) {
	a := parse(t, good).Accounts[0]
	want := fresh("work")
	want.Host, want.User, want.Maildir, want.Port = "imap.example.org", "ada", "/home/ada/Mail/work", 993
	want.Password.Env = "PW"
	if !reflect.DeepEqual(a, want) {
		t.Errorf("got  %+v\nwant %+v", a, want)
	}
	if !a.Mailboxes.Match([]string{"Any", "thing"}, "junk") {
		t.Error("not every mailbox is included by default")
	}
}

// A keyring's entry is named by user and host; false is no source.
func TestParseKeyring(t *testing.T) {
	text := strings.Replace(good, `password_env = "PW"`, `password_keyring = true`, 1)
	if got := parse(t, text).Accounts[0].Password; got.Keyring != "ada@imap.example.org" || got.Kind() != "password_keyring" {
		t.Errorf("%+v", got)
	}
	if got := parse(t, good+"password_keyring = false\n").Accounts[0].Password; got.Keyring != "" || got.Env != "PW" {
		t.Errorf("%+v", got)
	}
	all := "[defaults]\npassword_keyring = true\n" + good
	if got := parse(t, all).Accounts[0].Password; got.Keyring != "" || got.Env != "PW" {
		t.Errorf("an account's own source does not win: %+v", got)
	}
}

func TestParseReadsEveryBuiltKey(t *testing.T) {
	a := parse(t, `
[accounts.work]
protocol = "imap"
host = "::1"
port = 1143
tls = "starttls"
tls_ca = "$MAIL/own.pem"
tls_pins = ["sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]
user = "ada"
insecure = true
password_command = ["~/bin/pw", "~/not a path", "$x"]
maildir = "${MAIL}/{account}"
state_dir = "~/state/{account}"
layout = "fs"
include = ["INBOX", "A/%"]
exclude = ["role:junk"]
connections = 7
compress = "never"
timeout = "5s"
max_wait = "1m"
complain_after = "6h"
flags = "none"
on_server_delete = "keep"
on_disk_delete = "keep"
append = false
max_delete = 3
max_size = "1.5G"
`).Accounts[0]
	want := fresh("work")
	want.Host, want.Port, want.TLS, want.TLSCA, want.User = "::1", 1143, "starttls", "/var/mail/ada/own.pem", "ada"
	want.TLSPins, want.Insecure = []string{"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, true
	want.Password.Command = []string{"/home/ada/bin/pw", "~/not a path", "$x"}
	want.Maildir, want.StateDir = "/var/mail/ada/work", "/home/ada/state/work"
	want.Connections, want.Compress, want.Timeout, want.MaxWait = 7, "never", 5*time.Second, time.Minute
	want.ComplainAfter, want.Flags, want.MaxDelete, want.MaxSize = 6*time.Hour, "none", 3, 3<<29
	want.Mailboxes = a.Mailboxes
	if !reflect.DeepEqual(a, want) {
		t.Errorf("got  %+v\nwant %+v", a, want)
	}
	if !a.Mailboxes.Match([]string{"A", "b"}, "") || a.Mailboxes.Match([]string{"A", "b"}, "junk") || a.Mailboxes.Match([]string{"A"}, "") {
		t.Error("include and exclude are not what the file says")
	}
}

func TestAccountOverridesDefaults(t *testing.T) {
	c := parse(t, `
[defaults]
user = "ada"
maildir = "~/Mail/{account}"
password_env = "PW"
connections = 5
include = ["A"]
[accounts.b]
host = "b.example"
password_file = "$HOME/pw"
include = ["B"]
[accounts.a]
host = "a.example"
connections = 1
`)
	b, a := c.Accounts[0], c.Accounts[1]
	if a.Name != "a" || b.Name != "b" {
		t.Fatal("accounts are not in the order of the file")
	}
	if a.Maildir != "/home/ada/Mail/a" || b.Maildir != "/home/ada/Mail/b" || a.User != "ada" {
		t.Error("defaults are not taken over")
	}
	if a.Connections != 1 || b.Connections != 5 {
		t.Error("an account's own value does not win")
	}
	if a.Password.Env != "PW" || b.Password.File != "/home/ada/pw" || b.Password.Env != "" {
		t.Error("an account's own password source does not replace the default one")
	}
	if b.Mailboxes.Match([]string{"A"}, "") {
		t.Error("an account's own list does not replace the default one")
	}
}

func TestDefaultPorts(t *testing.T) {
	for _, c := range []struct {
		protocol, tls string
		want          int
	}{{"imap", "implicit", 993}, {"imap", "starttls", 143}, {"imap", "none", 143},
		{"pop3", "implicit", 995}, {"pop3", "starttls", 110}, {"pop3", "none", 110}} {
		if got := DefaultPort(c.protocol, c.tls); got != c.want {
			t.Errorf("%s with %s: port %d, want %d", c.protocol, c.tls, got, c.want)
		}
	}
}

func TestLoadTellsHowToMakeAFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"), env)
	var h interface{ Hint() string }
	if !errors.As(err, &h) || !strings.Contains(h.Hint(), "mailsync init") {
		t.Errorf("no hint how to make a file: %v", err)
	}
}

func TestLoadRefusesAnEndlessFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.toml")
	if err := os.WriteFile(path, []byte(strings.Repeat("#\n", maxFile)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, env); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

func TestPasswordWantsAPrivateFile(t *testing.T) {
	text := strings.Replace(good, `password_env = "PW"`, `password = "hush"`, 1)
	for mode, ok := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o644: false} {
		c, err := Parse("c.toml", text, mode, env)
		if ok != (err == nil) {
			t.Errorf("mode %04o: %v", mode, err)
		}
		if ok && c.Accounts[0].Password.Literal.Reveal() != "hush" {
			t.Error("the password is not the one in the file")
		}
		if err != nil && (!strings.Contains(err.Error(), "c.toml:6: accounts.work.password: ") || strings.Contains(err.Error(), "hush")) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

func TestPath(t *testing.T) {
	for _, c := range []struct {
		flag string
		env  map[string]string
		want string
	}{
		{"x.toml", map[string]string{"MAILSYNC_CONFIG": "y", "HOME": "/h"}, "x.toml"},
		{"", map[string]string{"MAILSYNC_CONFIG": "y", "HOME": "/h"}, "y"},
		{"", map[string]string{"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/mailsync/config.toml"},
		{"", map[string]string{"XDG_CONFIG_HOME": "relative", "HOME": "/h"}, "/h/.config/mailsync/config.toml"},
		{"", map[string]string{"HOME": "/h"}, "/h/.config/mailsync/config.toml"},
		{"", map[string]string{"MAILSYNC_CONFIG": "~/y", "HOME": "/h"}, "/h/y"},
		{"", map[string]string{"MAILSYNC_CONFIG": "$D/y", "D": "/d", "HOME": "/h"}, "/d/y"},
	} {
		got, err := Path(c.flag, func(name string) string { return c.env[name] })
		if got != filepath.FromSlash(c.want) || err != nil {
			t.Errorf("%q, %v: %q, %v", c.flag, c.env, got, err)
		}
	}
	if _, err := Path("", func(string) string { return "" }); err == nil {
		t.Error("without $HOME there is no path, and no error either")
	}
}
