//go:build unix

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// served is a tree that one Dovecot fills through mailsync and another one serves: what
// is done in one shows in the other.
type served struct {
	*world
	account *servers.Session // the account's own server
	local   *servers.Server  // serves the tree
	layout  string
}

// servedMailboxes are ada's on the account's server, with names that lie otherwise in a
// Maildir++ or are some program's own.
var servedMailboxes = []string{"INBOX", "Work", "Work/2024", "Entwürfe", "v1.2/a.b", "tmp", "dovecot.index", "INBOX/Sub", "mailsync"}

// newServed lays n messages into each mailbox and syncs them as the user that the
// second Dovecot serves.
func newServed(t *testing.T, bin, layout string, n int, more ...string) *served {
	t.Helper()
	srv := servers.Dovecot(t, servers.MailLocation("sdbox:~/sdbox")) // it lets names be as they like
	srv.AddUser("ada")
	account := srv.LogIn("ada")
	for i, name := range servedMailboxes {
		if name != "INBOX" {
			do(t, account, "CREATE "+servers.Quote(corpus.WireName(name)))
		}
		for m := range corpus.Messages(uint64(40+i), n) {
			if err := account.Append(corpus.WireName(name), m.Flags, m.Date, m.Raw); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The folder of the second server is the one that its user can enter.
	location := map[string]string{
		"maildir++": "maildir:%h/Maildir:UTF-8",
		"fs":        "maildir:%h/Maildir:UTF-8:LAYOUT=fs:INBOX=%h/Maildir/INBOX",
	}
	local := servers.Dovecot(t, servers.MailLocation(location[layout]))
	dir := filepath.Join(local.Dir, "mail", "ada")
	w := &world{t: t, bin: bin, dir: dir,
		root: filepath.Join(dir, "Maildir"), config: filepath.Join(dir, "config.toml"), as: local.As}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.configure(slices.Concat(serverSettings(srv), settings{fmt.Sprintf("layout = %q", layout)}, more))
	local.Own(dir)
	s := &served{world: w, account: account, local: local, layout: layout}
	s.syncOK()
	return s
}

// place is where a mailbox of the account's server lies in the tree, and what the
// Dovecot that serves it calls it.
func (s *served) place(mailbox string) (rel, name string) {
	escape := strings.NewReplacer("tmp", "%74mp", "dovecot.index", "%64ovecot.index")
	levels := strings.Split(mailbox, "/")
	for i := range levels {
		levels[i] = escape.Replace(levels[i])
		if s.layout == "maildir++" {
			levels[i] = strings.ReplaceAll(levels[i], ".", "%2E")
			levels[i] = strings.ReplaceAll(levels[i], "mailsync", "%6Dailsync")
		}
	}
	name = strings.Join(levels, "/")
	switch {
	case s.layout == "fs":
		return name, name
	case mailbox == "INBOX":
		return ".", name
	}
	return "." + strings.Join(levels, "."), name
}

// same holds the account's server, the tree, and what the second Dovecot makes of it
// against each other: bytes, dates, flags and keywords of every message.
func (s *served) same() {
	s.t.Helper()
	local := s.local.LogIn("ada")
	defer local.Close()
	for _, mailbox := range servedMailboxes {
		rel, name := s.place(mailbox)
		compare(s.t, s.account, mailbox, s.root, rel)
		want, err := s.account.Read(corpus.WireName(mailbox), true)
		if err != nil {
			s.t.Fatal(err)
		}
		got, err := local.Read(corpus.WireName(name), true)
		if err != nil {
			s.t.Errorf("the tree's Dovecot: %v", err)
			continue
		}
		shown := map[string]servers.Mail{}
		for _, m := range got {
			shown[string(m.Body)] = m
		}
		if len(got) != len(want) {
			s.t.Errorf("%s: %d messages in the tree's Dovecot, %d on the account's server", mailbox, len(got), len(want))
		}
		for _, m := range want {
			g, ok := shown[string(m.Body)]
			if !ok {
				s.t.Errorf("%s: the tree's Dovecot does not show the bytes of UID %d", mailbox, m.UID)
				continue
			}
			if !g.Date.Equal(m.Date) || g.Size != m.Size || !slices.Equal(shownFlags(g), shownFlags(m)) {
				s.t.Errorf("%s: UID %d is shown with %v, %d octets, %v; has %v, %d, %v", mailbox, m.UID,
					g.Date, g.Size, shownFlags(g), m.Date, m.Size, shownFlags(m))
			}
		}
	}
}

// shownFlags are a message's flags without $Forwarded: its letter P means nothing to
// Dovecot, which leaves it in the name.
func shownFlags(m servers.Mail) []string {
	return slices.DeleteFunc(serverFlags(m), func(f string) bool { return f == "$Forwarded" })
}

// listed are the mailboxes that can be selected in the second Dovecot.
func (s *served) listed() []string {
	s.t.Helper()
	local := s.local.LogIn("ada")
	defer local.Close()
	responses, err := local.Do(`LIST "" "*"`)
	if err != nil {
		s.t.Fatal(err)
	}
	var names []string
	for _, r := range responses {
		if strings.Contains(strings.ToLower(r.Text), `\noselect`) {
			continue
		}
		_, name, _ := strings.Cut(r.Text, `"/" `)
		names = append(names, strings.Trim(name, `"`))
	}
	slices.Sort(names)
	return names
}

// A tree that Dovecot serves stays one that mailsync syncs, in both layouts: each sees
// what the other did, and neither takes the other's files for mail.
func TestServedByDovecot(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, layout := range []string{"maildir++", "fs"} {
		t.Run(layout, func(t *testing.T) {
			s := newServed(t, bin, layout, 12)
			s.same()
			// One that has INBOX open all the time, and what it remembers of the keywords.
			open := s.local.LogIn("ada")
			do(t, open, "SELECT INBOX")
			wanted := []string{"Archive", "Drafts"} // the account's server makes them
			for _, m := range servedMailboxes {
				_, name := s.place(m)
				wanted = append(wanted, corpus.WireName(name))
			}
			slices.Sort(wanted)
			if got := s.listed(); !slices.Equal(got, wanted) {
				t.Errorf("the tree's Dovecot lists %q, want %q", got, wanted)
			}

			s.changeLocally()
			if a := s.syncOK(); a.FlagsToServer != 8 || a.FlagsToDisk != 0 || a.Fetched != 0 {
				t.Errorf("flags of %d messages to the server, %d to the disk, %d fetched; want 8, 0, 0", a.FlagsToServer, a.FlagsToDisk, a.Fetched)
			}
			s.same()
			s.changeOnServer()
			if a := s.syncOK(); a.FlagsToServer != 0 || a.FlagsToDisk != 6 || a.Fetched != 2 {
				t.Errorf("flags of %d messages to the server, %d to the disk, %d fetched; want 0, 6, 2", a.FlagsToServer, a.FlagsToDisk, a.Fetched)
			}
			s.same()
			s.watched(open)
			s.rests()
			if err := os.RemoveAll(filepath.Join(s.root, stateDirs[layout])); err != nil {
				t.Fatal(err)
			}
			if a := s.syncOK(); a.Fetched != 0 {
				t.Errorf("with the state lost %d messages were fetched again", a.Fetched)
			}
			s.same()
		})
	}
}

// stateDirs are where the state lies (spec 4.1).
var stateDirs = map[string]string{"fs": ".mailsync", "maildir++": "mailsync.state"}

// A name has 26 letters for keywords. What goes beyond stays on the server and is neither
// lost nor tried again and again, whatever else changes.
func TestMoreKeywordsThanLetters(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	for m := range corpus.Messages(70, 6) {
		if err := client.Append("INBOX", []string{`\Seen`}, m.Date, m.Raw); err != nil {
			t.Fatal(err)
		}
	}
	do(t, client, "SELECT INBOX")
	for i := range 40 { // the higher numbers on the earlier messages
		do(t, client, fmt.Sprintf("STORE %d:%d +FLAGS (Word%02d)", 6-i/7, 6, 40-i))
	}
	w := newWorld(t, bin, srv)
	w.syncOK()
	keywords := func() (n int) {
		t.Helper()
		mails, err := client.Read("INBOX", false)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mails {
			n += strings.Count(strings.Join(m.Flags, " "), "Word")
		}
		return n
	}
	had := keywords()
	if got := len(readKeywords(t, filepath.Join(w.root, "INBOX"))); got != 26 {
		t.Errorf("%d keywords have a letter, want 26", got)
	}
	idle(t, w)
	toggled := toggleFlagged(t, w.root, "INBOX", 1, 6)
	if a := w.syncOK(); a.FlagsToServer != toggled {
		t.Errorf("flags of %d messages to the server, want %d", a.FlagsToServer, toggled)
	}
	if got := keywords(); got != had {
		t.Errorf("the server has %d keywords on its messages, had %d", got, had)
	}
	do(t, client, "SELECT INBOX")
	do(t, client, "STORE 6 -FLAGS (Word01 Word40)")
	do(t, client, "STORE 1 +FLAGS (Word41)")
	had = keywords()
	w.syncOK()
	idle(t, w)
	if err := os.RemoveAll(filepath.Join(w.root, ".mailsync")); err != nil {
		t.Fatal(err)
	}
	w.syncOK()
	idle(t, w)
	if got := keywords(); got != had {
		t.Errorf("the server has %d keywords on its messages, had %d", got, had)
	}
}

// watched checks that a session that was open all the while has seen every keyword.
func (s *served) watched(open *servers.Session) {
	s.t.Helper()
	do(s.t, open, "NOOP")
	responses, err := open.Do("FETCH 1:* FLAGS")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, word := range []string{"Later", "Urgent", "$Junk", "Other", "Fresh"} {
		if !slices.ContainsFunc(responses, func(r servers.Response) bool { return strings.Contains(r.Text, " "+word) }) {
			s.t.Errorf("the open session shows no message with %s: %q", word, responses)
		}
	}
}

// changeLocally changes flags and keywords of eight messages through the tree's Dovecot.
func (s *served) changeLocally() {
	s.t.Helper()
	local := s.local.LogIn("ada")
	defer local.Close()
	for _, mailbox := range []string{"INBOX", "v1.2/a.b"} {
		_, name := s.place(mailbox)
		do(s.t, local, "SELECT "+servers.Quote(name))
		do(s.t, local, `STORE 1:2 +FLAGS (\Flagged Later)`)
		do(s.t, local, `STORE 3 FLAGS (\Answered Work Urgent)`)
		do(s.t, local, `STORE 4 -FLAGS (\Seen)`)
		do(s.t, local, `STORE 4 +FLAGS ($Junk)`)
	}
	do(s.t, local, "CLOSE")
}

// changeOnServer changes flags and keywords of six messages on the account's server and
// adds two with a keyword that is new here.
func (s *served) changeOnServer() {
	s.t.Helper()
	for _, mailbox := range []string{"INBOX", "v1.2/a.b"} {
		do(s.t, s.account, "SELECT "+servers.Quote(mailbox))
		do(s.t, s.account, `STORE 1 -FLAGS (Later)`)
		do(s.t, s.account, `STORE 3 FLAGS (\Draft Other)`)
		do(s.t, s.account, `STORE 6 FLAGS (\Seen Other Urgent)`)
		do(s.t, s.account, "UNSELECT")
		for m := range corpus.Messages(60, 1) {
			if err := s.account.Append(mailbox, []string{"Fresh"}, m.Date, m.Raw); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// rests checks that further runs change nothing, and that the tree's Dovecot had nothing
// to complain of.
func (s *served) rests() {
	s.t.Helper()
	s.syncOK()
	before := entries(s.t, s.root)
	if a := s.syncOK(); a.Unchanged != a.Mailboxes || a.FlagsToDisk+a.FlagsToServer+a.Fetched != 0 {
		s.t.Errorf("an idle run did something: %+v", a)
	}
	sameEntries(s.t, before, entries(s.t, s.root))
	for _, own := range []string{"dovecot-uidlist", "dovecot.index.log"} {
		rel, _ := s.place("INBOX")
		if _, err := os.Stat(filepath.Join(s.root, rel, own)); err != nil {
			s.t.Error(err)
		}
	}
	for line := range strings.Lines(s.local.Log()) {
		if strings.Contains(line, "Error") || strings.Contains(line, "Warning") {
			s.t.Errorf("the tree's Dovecot said: %s", line)
		}
	}
}
