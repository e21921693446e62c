//go:build unix

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// Two thousand messages in nested mailboxes, every odd one among them, arrive byte for
// byte; then an idle run is free; then changes on both sides travel.
func TestSyncWithARealServer(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	odd := corpus.Odd()
	client, n := lay(t, srv, 1, 2000-len(odd), odd...)
	do(t, client, "SELECT INBOX")
	do(t, client, `STORE 1:5 +FLAGS (Work $Label1)`)
	do(t, client, "SELECT Work")
	do(t, client, `STORE 2:3 +FLAGS ($Junk)`)
	w := newWorld(t, bin, srv)

	a := w.syncOK()
	if a.Fetched != n || a.OnServer != n || a.Mailboxes != len(every()) {
		t.Errorf("the first run fetched %d of %d messages in %d mailboxes; %d are there", a.Fetched, a.OnServer, a.Mailboxes, n)
	}
	if got := compareAll(t, client, w.root); got != n {
		t.Errorf("%d messages on the server, want %d", got, n)
	}
	t.Run("an idle run is free", func(t *testing.T) { idle(t, w) })
	t.Run("changes travel both ways", func(t *testing.T) { changes(t, w, client) })
	t.Run("and then an idle run is free again", func(t *testing.T) { idle(t, w) })
}

// idle runs twice more, for the first may still have to look at what changed within the
// clock's grain, and holds the second to spec 9.1.
func idle(t *testing.T, w *world) {
	w.syncOK()
	before := entries(t, w.root)
	a := w.syncOK()
	if a.Fetched+a.Appended+a.FlagsToDisk+a.FlagsToServer+a.DeletedOnDisk+a.DeletedOnServer != 0 {
		t.Errorf("it did something: %+v", a)
	}
	if a.Unchanged != a.Mailboxes {
		t.Errorf("%d of %d mailboxes unchanged", a.Unchanged, a.Mailboxes)
	}
	// Capability, log-in, namespace, one LIST with STATUS, log-out, and some slack.
	if a.Commands > 8 {
		t.Errorf("it sent %d commands", a.Commands)
	}
	sameEntries(t, before, entries(t, w.root))
}

// changes makes some on both sides and looks at both after one run.
func changes(t *testing.T, w *world, client *servers.Session) {
	fresh := slices.Collect(corpus.Messages(2, 50))
	for i, m := range fresh {
		mailbox := every()[i%len(every())]
		if err := client.Append(corpus.WireName(mailbox), m.Flags, m.Date, m.Raw); err != nil {
			t.Fatal(err)
		}
	}
	do(t, client, "SELECT INBOX")
	do(t, client, `STORE 10:14 +FLAGS (\Flagged Later)`)
	do(t, client, `STORE 15 FLAGS (\Answered)`)
	do(t, client, "UNSELECT")

	// What the user does in a mail reader, in another mailbox and in the same.
	toggled := toggleFlagged(t, w.root, "INBOX", 20, 25) + toggleFlagged(t, w.root, "Work/2024", 1, 4)

	a := w.syncOK()
	if a.Fetched != len(fresh) {
		t.Errorf("fetched %d, want %d", a.Fetched, len(fresh))
	}
	if a.FlagsToServer != toggled {
		t.Errorf("flags of %d messages went to the server, want %d", a.FlagsToServer, toggled)
	}
	compareAll(t, client, w.root)
}

// toggleFlagged adds F to the names of the messages from a UID to another, or takes it
// away, as mail readers do: by a rename to cur.
func toggleFlagged(t *testing.T, root, rel string, from, to uint32) int {
	t.Helper()
	n := 0
	for uid, f := range readMaildir(t, root, rel) {
		if uid < from || uid > to {
			continue
		}
		base, letters, _ := strings.Cut(filepath.Base(f.path), ":2,")
		if strings.Contains(letters, "F") {
			letters = strings.ReplaceAll(letters, "F", "")
		} else {
			sorted := []byte(letters + "F")
			slices.Sort(sorted)
			letters = string(sorted)
		}
		to := filepath.Join(root, rel, "cur", base+":2,"+letters)
		if err := os.Rename(filepath.Join(root, f.path), to); err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n == 0 {
		t.Fatalf("%s has no UID from %d to %d", rel, from, to)
	}
	return n
}

// With flags = "pull" the server's flags come and the disk's stay at home.
func TestFlagsPull(t *testing.T) {
	t.Parallel()
	srv := servers.Dovecot(t)
	client, _ := lay(t, srv, 3, 40)
	w := newWorld(t, program.Path(t), srv, `flags = "pull"`)
	w.syncOK()
	toggleFlagged(t, w.root, "INBOX", 1, 3)
	do(t, client, "SELECT INBOX")
	do(t, client, `STORE 5 +FLAGS (\Draft)`)
	before, err := client.Read("INBOX", false)
	if err != nil {
		t.Fatal(err)
	}
	if a := w.syncOK(); a.FlagsToServer != 0 || a.FlagsToDisk == 0 {
		t.Errorf("%+v", a)
	}
	after, err := client.Read("INBOX", false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range before {
		if !slices.Equal(serverFlags(before[i]), serverFlags(after[i])) {
			t.Errorf("UID %d: flags were %v, are %v", before[i].UID, before[i].Flags, after[i].Flags)
		}
	}
	if f := readMaildir(t, w.root, "INBOX")[5]; !slices.Contains(f.flags, `\Draft`) {
		t.Errorf("UID 5 has %v on disk", f.flags)
	}
}

// Names that could lead astray stay below the root, in a Maildir each.
func TestNastyMailboxNames(t *testing.T) {
	t.Parallel()
	// With listescape Dovecot takes names that its own folders could not have.
	srv := servers.Dovecot(t, servers.Config("protocol imap {\n  mail_plugins = quota listescape\n}\nmail_plugins = quota listescape"))
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	made := []string{"INBOX"}
	for i, name := range corpus.Nasty() {
		wire := corpus.WireName(name)
		if _, err := client.Do("CREATE " + servers.Quote(wire)); err != nil {
			t.Logf("the server refuses %q: %v", name, err)
			continue
		}
		made = append(made, name)
		body := fmt.Sprintf("Subject: in mailbox %d\r\n\r\n%q\r\n", i, name)
		if err := client.Append(wire, nil, time.Unix(1_700_000_000, 0), []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if len(made) < len(corpus.Nasty())/2 {
		t.Errorf("the server took only %d names", len(made))
	}
	w := newWorld(t, program.Path(t), srv)
	outside := names(t, w.dir)
	w.syncOK()
	if got, want := digests(t, w.root), serverDigests(t, client, made); !equalCounts(got, want) {
		t.Errorf("%d different messages on disk, %d on the server", len(got), len(want))
	}
	for _, name := range names(t, w.dir) {
		if !slices.Contains(outside, name) && !slices.Contains([]string{"mail", "xdg-state"}, name) {
			t.Errorf("%s came to lie outside the root", name)
		}
	}
	if a := w.syncOK(); a.Fetched != 0 {
		t.Errorf("a second run fetched %d", a.Fetched)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range list {
		all = append(all, e.Name())
	}
	return all
}

func equalCounts(a, b map[[32]byte]int) bool {
	if len(a) != len(b) {
		return false
	}
	for k, n := range a {
		if b[k] != n {
			return false
		}
	}
	return true
}
