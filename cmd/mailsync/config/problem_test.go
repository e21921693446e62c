package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// told is every problem of a text as "line key: what | cure".
func told(t *testing.T, text string) string {
	t.Helper()
	_, err := Parse("c.toml", text, 0o600, env)
	if err == nil {
		return ""
	}
	problems, ok := err.(Problems)
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	var out []string
	for _, p := range problems {
		out = append(out, strings.TrimPrefix(p.Error(), "c.toml:")+" | "+p.Cure)
	}
	return strings.Join(out, "\n")
}

// Each line is put into an otherwise good account, as its line 7.
func TestOneWrongKey(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`hots = "x"`, `hots: unknown key | did you mean "host"?`},
		{`max_sise = "1M"`, `max_sise: unknown key | did you mean "max_size"?`},
		{`older_than = "1y"`, `older_than: unknown key | it belongs into the account's table .archive`},
		{`xyzzy = 1`, `xyzzy: unknown key | the keys are protocol, host,`},
		{`connections = "3"`, `connections: wants a whole number, has a string | for example: connections = 3`},
		{`connections = 1.5`, `connections: wants a whole number, has a number with a fraction |`},
		{`connections = 0`, `connections: 0 is out of range | it takes 1 to 32`},
		{`port = 70000`, `port: 70000 is out of range | it takes 1 to 65535`},
		{`max_delete = -1`, `max_delete: -1 is out of range`},
		{`timeout = 60`, `timeout: wants a duration in quotes, has a whole number | for example: timeout = "60s"`},
		{`timeout = "60"`, `timeout: "60" is not a duration without a unit | write 60s, 60m, 60h, 60d, 60w or 60y`},
		{`timeout = "0s"`, `timeout: "0s" is too short | it takes 1s or longer`},
		{`timeout = "-5s"`, `timeout: "-5s" is not a duration`},
		{`timeout = "9999y"`, `timeout: "9999y" is longer than any duration can be`},
		{`max_size = 20`, `max_size: wants a size in quotes, has a whole number | for example: max_size = "20M"`},
		{`max_size = "20 MB"`, `max_size: "20 MB" is not a size | write one like`},
		{`max_size = "1e5"`, `max_size: "1e5" is not a size`},
		{`max_size = "9999999999T"`, `max_size: "9999999999T" is larger than any size can be`},
		{`insecure = "yes"`, `insecure: wants true or false, has a string | for example: insecure = false`},
		{`include = "INBOX"`, `include: wants a list of strings, has a string | for example: include = ["*"]`},
		{`include = [1]`, `include: wants a list of strings, has a whole number in it`},
		{`include = ["A//B"]`, `include: pattern "A//B" has an empty level`},
		{`include = ["/A"]`, `include: pattern "/A" has an empty level`},
		{`include = [""]`, `include: an empty pattern matches nothing`},
		{`exclude = ["role:spam"]`, `exclude: no role is named "spam" | the roles are all, archive`},
		{`exclude = ["role:Trash"]`, `exclude: no role is named "Trash" | did you mean "role:trash"?`},
		{`tls = "implicitly"`, `tls: "implicitly" is not a value for it | did you mean "implicit"?`},
		{`tls = "ssl"`, `tls: "ssl" is not a value for it | it takes "implicit", "starttls" or "none"`},
		{`tls = "none"`, `tls: "none" would send the password to imap.example.org in plain text | use`},
		{`tls_pins = ["abc"]`, `tls_pins: "abc" is not a pin`},
		{`tls_ca = "own.pem"`, `tls_ca: "own.pem" depends on the directory mailsync is started in`},
		{`state_dir = "$NOWHERE/x"`, `state_dir: $NOWHERE is not set`},
		{`state_dir = "~bob/x"`, `state_dir: "~bob/x" is another user's home`},
		{`state_dir = "~/{acount}"`, `state_dir: {acount} is not replaced`},
		{`state_dir = "~/{year}"`, `state_dir: {year} is replaced in archive.into only`},
		{`state_dir = ""`, `state_dir: is empty`},
		{`password_file = "~/pw"`, `accounts.work: has several passwords: password_env, password_file | keep one of them`},
		{`password_keyring = true`, `accounts.work: has several passwords: password_env, password_keyring | keep one of them`},
		{`password_credential = "mail/work"`, `password_credential: "mail/work" is not the name of a credential | it is the one of the unit's LoadCredential=, without a path`},
		{`password_command = []`, `password_command: names no program`},
		{`delete = "never"`, `delete: is for POP3 accounts only | take it out`},
		{`archive = 1`, `archive: wants a table | write [accounts.work.archive] on a line of its own`},
		{`protocol = "pop"`, `protocol: "pop" is not a value for it`},
		{`compress = "allways"`, `compress: "allways" is not a value for it | did you mean "always"?`},
		{`trash_keep = "30"`, `trash_keep: "30" is not a duration`},
		{`password_keyring = "yes"`, `password_keyring: wants true or false, has a string`},
		{`archive.older_than = "soon"`, `archive.older_than: "soon" is not a duration`},
		{`archive.until_quota = "80"`, `archive.until_quota: "80" is not a share of the quota`},
		{`archive.keep = ["all"]`, `archive.keep: "all" is not a value for it`},
		{`archive.into = "~/a/{day}"`, `archive.into: {day} is not replaced`},
		{`archive.into = "~/Mail/work/{year}"`, `accounts.work.into: /home/ada/Mail/work/{year} is the same directory as accounts.work.maildir`},
		{`archive.into = "~/Mail/{year}"`, `accounts.work.into: /home/ada/Mail/{year} contains accounts.work.maildir`},
		{`archive.into = "~/Mail/wo{year}"`, `accounts.work.into: /home/ada/Mail/wo{year} may be accounts.work.maildir`},
		{`archive.old = 1`, `archive.old: unknown key | the keys are older_than`},
	} {
		got := told(t, good+c.line+"\n")
		if !strings.HasPrefix(got, "7: ") || !strings.Contains(got, c.want) {
			t.Errorf("%s\ngot  %s\nwant 7: … %s", c.line, got, c.want)
		}
	}
}

func TestWrongFiles(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", `configures no account | "mailsync init"`},
		{"no TOML", "[accounts.work]\nhost = imap.example.org\n", `2: accounts.work.host: `},
		{"unknown table", "[account.work]\nhost = 'x'\n" + good, `1: account: unknown key | did you mean "accounts"?`},
		{"key outside", "host = 'x'\n" + good, `1: host: unknown key | it belongs into [defaults] or into an account`},
		{"account is no table", "accounts.work = 3\n", `1: accounts.work: wants a table`},
		{"bad name", strings.Replace(good, "accounts.work", `accounts."a/b"`, 1), `2: accounts."a/b": is not a valid account name`},
		{"missing keys", "[accounts.work]\n", "1: accounts.work: host is missing | for example: host = \"imap.example.org\"\n" +
			"1: accounts.work: user is missing | for example: user = \"ada\"\n" +
			"1: accounts.work: maildir is missing | for example: maildir = \"~/Mail/{account}\"\n" +
			"1: accounts.work: has no password | set password_command, password_file, password_env, password_keyring, password_credential, or password (for"},
		{"a misspelt key is not missing too", strings.Replace(good, "host", "hots", 1),
			`3: accounts.work.hots: unknown key | did you mean "host"?`},
		{"default of an overridden key", "[defaults]\nuser = 1\n" + good, `2: defaults.user: wants a string, has a whole number`},
	} {
		got := told(t, c.text)
		if !strings.Contains(strings.TrimPrefix(got, "c.toml: "), c.want) || strings.Count(got, "\n") != strings.Count(c.want, "\n") {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	got := told(t, `
[defaults]
timeout = "soon"
[accounts.a]
hots = "x"
user = "ada"
maildir = "~/a"
password_env = "PW"
[accounts.b]
host = "b"
maildir = "~/b"
port = 0
`)
	want := []string{`3: defaults.timeout: "soon"`, "5: accounts.a.hots: ", "9: accounts.b: user is missing",
		"9: accounts.b: has no password", "12: accounts.b.port: 0 is out"}
	lines := strings.Split(got, "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d problems, want %d:\n%s", len(lines), len(want), got)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("problem %d is %s, want %s", i, lines[i], want[i])
		}
	}
}

func TestPlainTextToLoopbackIsFine(t *testing.T) {
	for host, ok := range map[string]bool{"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"mail.localhost": true, "LOCALHOST.": true, "localhost.example.org": false, "10.0.0.1": false, "0.0.0.0": false} {
		text := strings.Replace(good, "imap.example.org", host, 1)
		if got := told(t, text+"tls = 'none'\n"); ok != (got == "") {
			t.Errorf("%s: %s", host, got)
		}
		if got := told(t, text+"tls = 'none'\ninsecure = true\n"); got != "" {
			t.Errorf("%s, insecure: %s", host, got)
		}
	}
}

func TestRoots(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "real", "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "real"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, a, b, want string }{
		{"apart", "maildir='@/a'", "maildir='@/ab'", ""},
		{"equal", "maildir='@/a'", "maildir='@/a/'", "is the same directory as accounts.a.maildir"},
		{"inside", "maildir='@/a'", "maildir='@/a/b/c'", "is inside accounts.a.maildir"},
		{"holds", "maildir='@/a/b'", "maildir='@/a'", "contains accounts.a.maildir"},
		{"equal by a link", "maildir='@/real'", "maildir='@/link'", "is the same directory as"},
		{"inside by a link", "maildir='@/link'", "maildir='@/real/new'", "is inside"},
		{"dots", "maildir='@/a'", "maildir='@/x/../a/y'", "is inside"},
		{"one state for two", "maildir='@/a'\nstate_dir='@/s'", "maildir='@/b'\nstate_dir='@/s'", "is the same directory as accounts.a.state_dir"},
		{"state in another's mail", "maildir='@/a'", "maildir='@/b'\nstate_dir='@/a/s'", "is inside accounts.a.maildir"},
		{"mail in another's state", "maildir='@/a'\nstate_dir='@/s'", "maildir='@/s/b'", "is inside accounts.a.state_dir"},
		{"state in its own mail", "maildir='@/a'", "maildir='@/b'\nstate_dir='@/b/s'", "is inside accounts.b.maildir"},
		{"state where it is by default", "maildir='@/a'", "maildir='@/b'\nstate_dir='@/b/.mailsync'", ""},
	} {
		rest := "\nhost='h'\nuser='u'\npassword_env='P'\n"
		text := strings.ReplaceAll("[accounts.a]\n"+c.a+rest+"[accounts.b]\n"+c.b+rest, "@", dir)
		got := told(t, text)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
