//go:build unix

package main_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// shapes are Dovecots as few people set them up, and some do.
func shapes() []house {
	plugins := func(name string) string {
		return "mail_plugins = quota zlib " + name + "\nprotocol imap {\n  mail_plugins = quota zlib imap_quota imap_zlib " + name + "\n}\n"
	}
	dovecot := func(name string, opts ...servers.Option) house {
		return house{name: "Dovecot " + name, begin: servers.Dovecot, opts: opts}
	}
	expunging := dovecot("with lazy_expunge", servers.Config(plugins("lazy_expunge")+"plugin {\n  lazy_expunge = EXPUNGED\n}\n"))
	expunging.keys = []string{`exclude = ["EXPUNGED"]`}
	expunging.more = func(l *tenant) []chapter {
		return []chapter{{"what was expunged is kept elsewhere", l.isKeptElsewhere}}
	}
	virtual := dovecot("with virtual mailboxes", servers.Config(plugins("virtual")+`namespace virtual {
  prefix = virtual/
  separator = /
  location = virtual:~/virtual
  mailbox All {
    special_use = \All
  }
}
`))
	virtual.keys = []string{`exclude = ["role:all"]`}
	virtual.furnish = func(t *testing.T, srv *servers.Server) {
		for _, user := range []string{"ada", "bob"} {
			home := filepath.Dir(srv.Maildir(user))
			all := filepath.Join(home, "virtual", "All")
			if err := errors.Join(os.MkdirAll(all, 0o755), os.WriteFile(filepath.Join(all, "dovecot-virtual"), []byte("*\n  all\n"), 0o644)); err != nil {
				t.Fatal(err)
			}
			srv.Own(home)
		}
	}
	virtual.more = func(l *tenant) []chapter {
		return []chapter{{"the virtual mailbox is in the account, too", l.seesAllTwice}}
	}
	guarded := dovecot("with ACLs", servers.Config(plugins("acl imap_acl")+"plugin {\n  acl = vfile\n}\n"))
	guarded.more = func(l *tenant) []chapter {
		return []chapter{{"a mailbox may only be read", l.mayOnlyRead}}
	}
	two := dovecot("with two namespaces", servers.Config("namespace old {\n  separator = /\n  prefix = Old/\n  location = maildir:~/OldMail\n}\n"))
	two.more = func(l *tenant) []chapter {
		return []chapter{{"a name in both namespaces", l.hasTwoOfAName}}
	}
	limited := dovecot("with a quota", servers.Quota(2<<20, 20000))
	limited.more = func(l *tenant) []chapter {
		return []chapter{{"a file that there is no room for", l.hasNoRoom}}
	}
	escaped := dovecot("with listescape", servers.MailLocation("maildir:~/Maildir:LAYOUT=fs"), servers.Config(plugins("listescape")))
	escaped.more = func(l *tenant) []chapter {
		return []chapter{{"names that file systems do not have", l.hasOddNames}}
	}
	return []house{
		dovecot("over mbox", servers.MailLocation("mbox:~/mail:INBOX=~/inbox")),
		dovecot("over mdbox", servers.MailLocation("mdbox:~/mdbox")),
		dovecot("over sdbox with zlib", servers.MailLocation("sdbox:~/sdbox"), servers.Config("plugin {\n  zlib_save = gz\n}\n")),
		dovecot("with one session a user", servers.MaxSessions(1)),
		expunging, virtual, guarded, two, limited, escaped,
	}
}

// One life of a user, on Dovecot in its odd shapes.
func TestOneLifeOnEveryShapeOfDovecot(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, h := range shapes() {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			l := moveIn(t, bin, h)
			for _, c := range l.chapters() {
				l.live(t, c)
			}
		})
	}
}

// isKeptElsewhere sees that the server did keep what was expunged, and that nothing of it came here.
func (l *tenant) isKeptElsewhere(t *testing.T) {
	mails, err := l.client.Read("EXPUNGED", false)
	if err != nil || len(mails) == 0 {
		t.Errorf("%d messages are in EXPUNGED: %v", len(mails), err)
	}
	if _, err := os.Stat(filepath.Join(l.w.root, "EXPUNGED")); !os.IsNotExist(err) {
		t.Errorf("an excluded mailbox is here: %v", err)
	}
}

// hasNoRoom appends a file that is larger than the quota. It is refused by that name, and what makes room
// in the same account is done all the same.
func (l *tenant) hasNoRoom(t *testing.T) {
	l.configure(append(mirrorKeys(), "append = true")...)
	large := filepath.Join(l.w.root, "INBOX", "cur", "1600000009.M1P9.host:2,S")
	body := append([]byte("Message-ID: <large@one.example>\nSubject: large\n\n"), bytes.Repeat([]byte("a line of text\n"), 200_000)...)
	if err := os.WriteFile(large, body, 0o600); err != nil {
		t.Fatal(err)
	}
	letter := l.has["Work"][0]
	remove(t, filepath.Join(l.w.root, l.here(t, "Work")[letter].path))
	l.gone("Work", letter)
	o := l.w.sync()
	o.want(t, 1)
	if a := o.account; a.Appended != 0 || a.DeletedOnServer != 1 {
		t.Errorf("appended %d and deleted %d on the server, want 0 and 1", a.Appended, a.DeletedOnServer)
	}
	if !strings.Contains(strings.ToLower(o.Stderr), "quota") {
		t.Errorf("it does not say that it is the quota:\n%s", o.Stderr)
	}
	remove(t, large)
	l.settled(t)
}

// mayOnlyRead has a mailbox that keeps no flags and gives up no message. It says so once, or each time, and all
// the rest goes on.
func (l *tenant) mayOnlyRead(t *testing.T) {
	do(t, l.client, "CREATE RO")
	l.arrive(t, "RO", recent())
	l.arrive(t, "RO", recent())
	do(t, l.client, "SETACL RO ada lr")
	if a := l.sync(t); a.Fetched != 2 {
		t.Errorf("fetched %d, want 2", a.Fetched)
	}
	l.rename(t, "RO", l.last, "RO", "FS")
	o := l.w.sync()
	o.want(t, 0)
	if a := o.account; a.FlagsToServer != 0 {
		t.Errorf("it stored flags: %+v", a)
	}
	if !strings.Contains(o.Stderr, "RO") {
		t.Errorf("it does not say that RO keeps no flags:\n%s%s", o.Stdout, o.Stderr)
	}
	if again := l.w.run("sync", "-q"); again.Code != 0 || again.Stderr != "" {
		t.Errorf("it is said again: exit %d\n%s", again.Code, again.Stderr)
	}
	l.w.run("verify", "--server").want(t, 0)
	l.settled(t)

	l.configure(mirrorKeys()...)
	remove(t, filepath.Join(l.w.root, l.here(t, "RO")[l.last-1].path))
	l.w.run("sync").want(t, 1)
	if got := l.there(t, "RO"); len(got) != 2 {
		t.Errorf("RO has %d letters, want 2", len(got))
	}
	l.configure()
	l.only = map[string][]int{"RO": {l.last - 1}}
	l.settled(t)
}

// hasTwoOfAName has Work in both namespaces. They are two mailboxes, here and in every pattern.
func (l *tenant) hasTwoOfAName(t *testing.T) {
	do(t, l.client, "CREATE Old/Work")
	l.arrive(t, "Old/Work", recent())
	l.sync(t)
	if here := l.here(t, filepath.Join("Old", "Work")); len(here) != 1 {
		t.Errorf("Old/Work has %d letters here, want 1", len(here))
	}
	l.settled(t)
	l.w.run("verify", "--server").want(t, 0)
	l.configure(`exclude = ["Old/*"]`)
	l.arrive(t, "Old/Work", recent())
	if a := l.sync(t); a.Fetched != 0 {
		t.Errorf("fetched %d from what is excluded", a.Fetched)
	}
}

// seesAllTwice takes a mailbox that shows all messages of the others into the account. Each is a copy of
// one message: it is counted once, goes as one, and is put back once.
func (l *tenant) seesAllTwice(t *testing.T) {
	l.keys = nil
	l.configure()
	n := 0
	for _, letters := range l.has {
		n += len(letters)
	}
	if a := l.sync(t); a.OnServer != 2*n {
		t.Errorf("%d messages are on the server, want %d twice", a.OnServer, n)
	}
	l.settled(t)
	went, left := l.aged(t)
	o := l.w.run("archive", "--older-than", "1y", "--apply", "--json")
	o.want(t, 0)
	if a := told[archivedToTrash](t, o, "archive"); a.Messages != len(went) || a.Stay != 0 {
		t.Errorf("archived %+v, want %d messages", a, len(went))
	}
	whole := l.has
	l.has = left
	for _, mailbox := range living {
		if got := slices.Sorted(maps.Keys(l.there(t, mailbox))); !slices.Equal(got, slices.Sorted(slices.Values(left[mailbox]))) {
			t.Errorf("%s has the letters %v, want %v", mailbox, got, left[mailbox])
		}
	}
	l.w.run("archive", "--undo").want(t, 0)
	l.has = whole
	l.sync(t) // what is back has other numbers in the virtual mailbox
	l.settled(t)
	if all := l.there(t, "virtual/All"); len(all) != n {
		t.Errorf("%d letters are in virtual/All, want %d", len(all), n)
	}
}

// hasOddNames has mailboxes whose names would lead a file system astray.
func (l *tenant) hasOddNames(t *testing.T) {
	odd := []string{"..", "~x", ".hidden", "a/.."}
	for _, name := range odd {
		do(t, l.client, "CREATE "+servers.Quote(name))
		if err := l.client.Append(name, nil, recent(), l.letter(name)); err != nil {
			t.Fatal(err)
		}
	}
	if a := l.sync(t); a.Fetched != len(odd) {
		t.Errorf("fetched %d, want %d", a.Fetched, len(odd))
	}
	l.settled(t)
	l.w.run("verify", "--server").want(t, 0)
	var found []int
	for _, rel := range maildirs(t, l.w.root) {
		for n := range l.here(t, rel) {
			found = append(found, n)
		}
	}
	for _, name := range odd {
		if !slices.Contains(found, l.has[name][0]) {
			t.Errorf("the letter of %q is nowhere below the root", name)
		}
	}
}
