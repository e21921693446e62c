package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func draft(t *testing.T, text string) *Draft {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	if text != "" {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := OpenDraft(path, env)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newTable(name string) string {
	return Table(name, []string{"added"}, []Line{{Key: "host", Value: "imap.example.org"}, {Key: "user", Value: "ada"},
		{Key: "password_keyring", Value: true}, {Key: "maildir", Value: "/mail/" + name, Comment: "here"}})
}

// Whatever a file ends with, what was in it stays as it was, and the new account can be read.
func TestAnAccountIsAddedToAnyFile(t *testing.T) {
	for name, text := range map[string]string{
		"none": "", "only a comment": "# mine", "no end": strings.TrimSpace(good), "blank lines": good + "\n\n  \n", "CRLF": strings.ReplaceAll(good, "\n", "\r\n"),
		"in a sub-table": good + "[accounts.work.archive]\nolder_than = \"1y\"", "defaults last": good + "[defaults]\nuser = \"bob\"\n", "dotted": "accounts.a.host = \"h\"\naccounts.a.user = \"u\"\naccounts.a.maildir = \"/m\"\naccounts.a.password_env = \"PW\"\n",
		"empty accounts": "[accounts]\n", "an inline table": `accounts = {a = {host = "h", user = "u", maildir = "/m", password_env = "PW"}}`,
	} {
		d := draft(t, text)
		before := len(d.Config.Accounts)
		all := d.With(newTable("new"))
		a, err := d.Read("new", newTable("new"), env)
		if err != nil || a.User != "ada" || a.Host != "imap.example.org" {
			t.Errorf("%s: %+v, %v", name, a, err)
			continue
		}
		if !strings.HasPrefix(all, text) {
			t.Errorf("%s: it does not begin with what was there:\n%s", name, all)
		}
		if strings.Contains(text, "\r\n") && strings.Count(all, "\n") != strings.Count(all, "\r\n") {
			t.Errorf("%s: it has two kinds of line ends", name)
		}
		c, err := Parse(d.Path, all, 0o600, env)
		if err != nil || len(c.Accounts) != before+1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file that a table cannot be added to is left alone, and so is an account of the name.
func TestWhereNoAccountCanBeAdded(t *testing.T) {
	d := draft(t, good)
	if _, err := d.Read("work", newTable("work"), env); err == nil || !d.Has("work") || d.Has("new") {
		t.Errorf("another account of the name: %v", err)
	}
	sub := Table("x", nil, nil) + SubTable("work", "archive", []Line{{Key: "older_than", Value: "1y"}})
	if _, err := d.Read("x", sub, env); err == nil {
		t.Error("it has mistakes")
	}
	path := filepath.Join(t.TempDir(), "bad.toml")
	if err := os.WriteFile(path, []byte("[accounts.a]\nhots = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDraft(path, env); !errors.As(err, new(Problems)) {
		t.Errorf("mistakes: %v", err)
	}
	if same := d.Same("imap", strings.ToUpper(d.Config.Accounts[0].Host), d.Config.Accounts[0].User); same == nil || d.Same("pop3", same.Host, same.User) != nil {
		t.Error("the same server and user is not seen")
	}
}

// What is written is what is read, whatever is in it.
func TestTablesAreReadAsTheyWereMeant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune(" aß\"\\#='[]{}$~\u202e\u00a0")), 1, 20, -1)
		user := "u" + text.Draw(t, "user")
		list := rapid.SliceOfN(text, 1, 4).Draw(t, "list")
		for i := range list {
			list[i] = "x" + list[i]
		}
		name := rapid.SampledFrom([]string{"work", "a.b", "ada@example.org", "ümlaut", "a+b", "1"}).Draw(t, "name")
		table := Table(name, []string{"two", ""}, []Line{{Comment: "a note"}, {Key: "host", Value: "h"}, {Key: "port", Value: 99}, {Key: "user", Value: user},
			{Key: "password_command", Value: list}, {Key: "maildir", Value: "/mail", Comment: "c"}})
		c, err := Parse("c.toml", table, 0o600, env)
		if err != nil {
			t.Fatalf("%v\n%s", err, table)
		}
		if a := c.Accounts[0]; a.Name != name || a.User != user || a.Port != 99 || !reflect.DeepEqual(a.Password.Command, list) {
			t.Fatalf("%+v\n%s", a, table)
		}
	})
}

func TestShort(t *testing.T) {
	home := func(string) string { return "/home/ada" }
	for path, want := range map[string]string{
		"/home/ada/Mail/work": "~/Mail/work", "/home/ada": "/home/ada", "/home/adam/x": "/home/adam/x", "/mail": "/mail", "rel": "rel", "/home": "/home", "/home/ada/..x": "~/..x",
	} {
		if got := Short(path, home); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := Short("/x", func(string) string { return "" }); got != "/x" {
		t.Errorf("without a home: %s", got)
	}
}

// A comment is a line, whatever is in it: none of it is read as TOML.
func TestACommentIsOneLine(t *testing.T) {
	d := draft(t, "")
	for _, about := range []string{"ada\n[defaults]\ntoken_command = [\"evil\"]\n#", "ada\r[x]", "ada\x00", "ada\xff", "ada\u0085x"} {
		a, err := d.Read("x", Table("x", []string{about + ", set up"}, []Line{{Key: "host", Value: "h", Comment: about}, {Key: "user", Value: "ada"},
			{Key: "password_keyring", Value: true}, {Key: "maildir", Value: "/mail/x"}}), env)
		if err != nil || !a.Token.None() {
			t.Errorf("%q: %v", about, err)
		}
	}
}

// A mistake in what is added has no line in the file yet; one in the file has.
func TestAMistakeInWhatIsAddedNamesNoLine(t *testing.T) {
	d := draft(t, good)
	table := Table("x", []string{"added"}, []Line{{Key: "host", Value: "h"}, {Key: "port", Value: 70000}, {Key: "user", Value: "ada"}, {Key: "password_keyring", Value: true}, {Key: "maildir", Value: "/mail/x"}})
	if _, err := d.Read("x", table, env); err == nil || err.Error() != "accounts.x.port: 70000 is out of range" {
		t.Errorf("%v", err)
	}
}

// What [defaults] has is known, so that an account can say otherwise.
func TestDraftDefaults(t *testing.T) {
	d := draft(t, "[defaults]\nport = 143\nexclude = [\"Lists/*\"]\n")
	if !d.Sets("tls", "port") || d.Sets("tls") || d.Defaults().Port != 143 || d.Defaults().Mailboxes.Exclude[0].String() != "Lists/*" {
		t.Errorf("%+v", d.Config.defaults)
	}
	if d := draft(t, ""); d.Sets("port") || len(d.Defaults().Mailboxes.Exclude) != 0 {
		t.Errorf("nothing: %+v", d.Config.defaults)
	}
}
