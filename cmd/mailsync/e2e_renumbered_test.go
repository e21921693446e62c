//go:build unix

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// small are messages of many kinds, twins among them, that every server takes.
func small(seed uint64, n int) (all []corpus.Message) {
	for m := range corpus.Messages(seed, n) {
		all = append(all, m)
	}
	return append(all, plainOdd()...)
}

// put appends messages to a mailbox and returns those that the server took.
func put(t *testing.T, client *servers.Session, mailbox string, all []corpus.Message) (taken []corpus.Message) {
	t.Helper()
	for _, m := range all {
		if err := client.Append(mailbox, m.Flags, m.Date, m.Raw); err == nil {
			taken = append(taken, m)
		}
	}
	return taken
}

// nothingMoved expects of a run that it only gave files other names.
func nothingMoved(t *testing.T, a program.Account, here int) {
	t.Helper()
	if a.Fetched+a.Appended+a.DeletedOnDisk+a.DeletedOnServer != 0 || a.Here != here {
		t.Errorf("fetched %d, appended %d, deleted %d here and %d there; %d are here, want %d: %+v",
			a.Fetched, a.Appended, a.DeletedOnDisk, a.DeletedOnServer, a.Here, here, a)
	}
}

// A mailbox that was deleted and made again with the same messages, on every server.
func TestMailboxMadeAnew(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, c := range []struct {
		name   string
		begin  func(t testing.TB, opts ...servers.Option) *servers.Server
		prefix string
	}{
		{"Dovecot", servers.Dovecot, ""},
		{"Cyrus", servers.Cyrus, ""},
		{"Courier", servers.Courier, "INBOX."},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := c.begin(t)
			srv.AddUser("ada")
			client := srv.LogIn("ada")
			box := c.prefix + "Box"
			do(t, client, "CREATE "+box)
			all := put(t, client, box, small(40, 20))
			w := newWorld(t, bin, srv, mirrorKeys()...)
			w.syncOK()
			do(t, client, "DELETE "+box)
			do(t, client, "CREATE "+box)
			// One that was not there before comes first, so that no UID is what it was.
			put(t, client, box, []corpus.Message{{Raw: []byte("Subject: new\r\n\r\nnew\r\n"), Date: all[0].Date}})
			if again := put(t, client, box, all); len(again) != len(all) {
				t.Fatalf("the server took %d of %d messages again", len(again), len(all))
			}
			a := w.syncOK()
			if a.Fetched != 1 || a.DeletedOnDisk+a.DeletedOnServer != 0 || a.Here != len(all)+1 {
				t.Errorf("fetched %d, want the new one; deleted %d here, %d there; here %d of %d",
					a.Fetched, a.DeletedOnDisk, a.DeletedOnServer, a.Here, len(all)+1)
			}
			w.syncOK()
			compare(t, client, box, w.root, "Box")
			before := entries(t, w.root)
			w.syncOK()
			sameEntries(t, before, entries(t, w.root))
		})
	}
}

// Mail that was delivered into a mailbox which no client ever opened for writing has another
// UIDVALIDITY each second on Courier. The second run makes it keep one.
func TestMailboxNeverOpenedForWriting(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Courier(t)
	srv.AddUser("ada")
	const n = 5
	for i := range n {
		file := filepath.Join(srv.Maildir("ada"), "new", fmt.Sprintf("17000000%02d.M1P1.host", i))
		if err := os.WriteFile(file, fmt.Appendf(nil, "Message-ID: <%d@example.org>\nSubject: delivered\n\n%d\n", i, i), 0o600); err != nil {
			t.Fatal(err)
		}
		srv.Own(file)
	}
	w := newWorld(t, bin, srv, mirrorKeys()...)
	w.sync() // whose numbers may change within it
	nextSecond(t)
	w.sync("-n")
	w.run("backup", "work")
	if _, err := os.Stat(filepath.Join(srv.Maildir("ada"), "courierimapuiddb")); err == nil {
		t.Error("a dry run, or a backup, opened the mailbox for writing")
	}
	nextSecond(t)
	if a := w.syncOK(); a.Here != n {
		t.Fatalf("%d messages are here: %+v", a.Here, a)
	}
	for range 2 {
		nextSecond(t)
		nothingMoved(t, w.syncOK(), n)
	}
	before := entries(t, w.root)
	nextSecond(t)
	nothingMoved(t, w.syncOK(), n)
	sameEntries(t, before, entries(t, w.root))
	compare(t, srv.LogIn("ada"), "INBOX", w.root, "INBOX")
}

// nextSecond waits until Courier's numbers would be others.
func nextSecond(t *testing.T) {
	t.Helper()
	now := time.Now()
	time.Sleep(now.Truncate(time.Second).Add(time.Second).Sub(now))
}

// Dovecot's mailboxes numbered anew in every way there is.
func TestDovecotNumbersAnew(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	n := len(put(t, client, "INBOX", small(41, 40)))
	do(t, client, "SELECT INBOX")
	do(t, client, `UID STORE 3,5 +FLAGS (\Deleted)`)
	do(t, client, "UID EXPUNGE 3,5") // so that numbering from 1 gives other UIDs
	n -= 2
	w := newWorld(t, bin, srv, mirrorKeys()...)
	w.syncOK()
	inbox := srv.Maildir("ada")
	again := func() *servers.Session {
		t.Helper()
		client.Close()
		client = srv.LogIn("ada")
		return client
	}
	validity := func() string {
		return strings.TrimSpace(srv.Doveadm("-f", "flow", "mailbox", "status", "-u", "ada", "uidvalidity", "INBOX"))
	}
	first := validity()
	_, first, _ = strings.Cut(first, "uidvalidity=")

	t.Run("another UIDVALIDITY, the same UIDs", func(t *testing.T) {
		srv.Doveadm("mailbox", "update", "-u", "ada", "--uid-validity", "4242", "INBOX")
		nothingMoved(t, w.syncOK(), n)
		compare(t, again(), "INBOX", w.root, "INBOX")
	})
	t.Run("and back", func(t *testing.T) {
		srv.Doveadm("mailbox", "update", "-u", "ada", "--uid-validity", first, "INBOX")
		nothingMoved(t, w.syncOK(), n)
		compare(t, again(), "INBOX", w.root, "INBOX")
	})
	t.Run("everything from 1", func(t *testing.T) {
		client.Close()
		dropIndexes(t, inbox)
		nothingMoved(t, w.syncOK(), n)
		compare(t, again(), "INBOX", w.root, "INBOX")
	})
	t.Run("with the state lost", func(t *testing.T) {
		remove(t, filepath.Join(w.root, ".mailsync"))
		srv.Doveadm("mailbox", "update", "-u", "ada", "--uid-validity", "4343", "INBOX")
		nothingMoved(t, w.syncOK(), n)
		compare(t, again(), "INBOX", w.root, "INBOX")
	})
	t.Run("with state and marker lost", func(t *testing.T) {
		remove(t, filepath.Join(w.root, ".mailsync"))
		remove(t, filepath.Join(w.root, "INBOX", "mailsync.marker"))
		nothingMoved(t, w.syncOK(), n)
		compare(t, again(), "INBOX", w.root, "INBOX")
	})
	w.syncOK()
	before := entries(t, w.root)
	w.syncOK()
	sameEntries(t, before, entries(t, w.root))
}

// dropIndexes makes Dovecot forget how it numbered a Maildir.
func dropIndexes(t *testing.T, dir string) {
	t.Helper()
	for _, pattern := range []string{"dovecot.index*", "dovecot-uidlist*", "dovecot-uidvalidity*", "dovecot.list.index*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			remove(t, f)
		}
	}
}

// A server that was restored from an older backup, and gives UIDs that we know to other
// messages, takes nothing from us.
func TestServerRestoredFromABackup(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	old := put(t, client, "INBOX", small(42, 20))
	w := newWorld(t, bin, srv, mirrorKeys()...)
	w.syncOK()
	client.Close()
	srv.Stop()
	home, backup := filepath.Dir(srv.Maildir("ada")), filepath.Join(t.TempDir(), "backup")
	copyTree(t, home, backup)
	srv.Restart()
	client = srv.LogIn("ada")
	var lost []corpus.Message
	for m := range corpus.Messages(43, 10) {
		lost = append(lost, m)
	}
	put(t, client, "INBOX", lost)
	w.syncOK()
	client.Close()
	srv.Stop()
	remove(t, home)
	copyTree(t, backup, home)
	srv.Restart()
	before := digests(t, w.root)
	nothingMoved(t, w.syncOK(), len(old))
	if after := digests(t, w.root); !equalCounts(after, before) {
		t.Errorf("%d different messages here, before %d", len(after), len(before))
	}
	client = srv.LogIn("ada")
	var fresh []corpus.Message
	for m := range corpus.Messages(44, 10) {
		fresh = append(fresh, m)
	}
	put(t, client, "INBOX", fresh)
	if a := w.syncOK(); a.Fetched != len(fresh) || a.DeletedOnDisk+a.DeletedOnServer != 0 {
		t.Errorf("fetched %d of %d new messages: %+v", a.Fetched, len(fresh), a)
	}
	after := digests(t, w.root)
	for d, n := range before {
		if after[d] < n {
			t.Errorf("a message is here %d times, before %d", after[d], n)
		}
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if out, err := servers.Output(exec.Command("cp", "-a", from, to)); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
}

// A mailbox that was renamed on the server, with one below it, is renamed here.
func TestRenamedOnTheServer(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, c := range []struct {
		name  string
		begin func(t testing.TB, opts ...servers.Option) *servers.Server
	}{{"Dovecot", servers.Dovecot}, {"Cyrus", servers.Cyrus}} {
		t.Run(c.name, func(t *testing.T) {
			srv := c.begin(t)
			srv.AddUser("ada")
			client := srv.LogIn("ada")
			do(t, client, "CREATE Work")
			do(t, client, "CREATE Work/2024")
			n := len(put(t, client, "Work", small(45, 5))) + len(put(t, client, "Work/2024", small(46, 5)))
			w := newWorld(t, bin, srv, mirrorKeys()...)
			w.syncOK()
			do(t, client, "RENAME Work Job")
			nothingMoved(t, w.syncOK(), n)
			compare(t, client, "Job", w.root, "Job")
			compare(t, client, "Job/2024", w.root, filepath.Join("Job", "2024"))
			if _, err := os.Stat(filepath.Join(w.root, "Work")); err == nil {
				t.Error("the old folder is there still")
			}
			w.syncOK()
			before := entries(t, w.root)
			w.syncOK()
			sameEntries(t, before, entries(t, w.root))
		})
	}
}

// Trees that were moved, copied or restored, and accounts under another name.
func TestTreeMovedAndCopied(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	do(t, client, "CREATE Work")
	n := len(put(t, client, "INBOX", small(47, 20))) + len(put(t, client, "Work", small(48, 5)))
	newTree := func(t *testing.T) *world {
		t.Helper()
		w := newWorld(t, bin, srv, mirrorKeys()...)
		w.t = t
		w.syncOK()
		return w
	}
	compareBoth := func(t *testing.T, w *world) {
		t.Helper()
		compare(t, client, "INBOX", w.root, "INBOX")
		compare(t, client, "Work", w.root, "Work")
	}
	t.Run("to another path", func(t *testing.T) {
		w := newTree(t)
		if err := os.Rename(w.root, w.root+"2"); err != nil {
			t.Fatal(err)
		}
		w.root += "2"
		w.configure(append(serverSettings(srv), mirrorKeys()...))
		nothingMoved(t, w.syncOK(), n)
		compareBoth(t, w)
	})
	t.Run("copied, with a file missing", func(t *testing.T) {
		w := newTree(t)
		copyTree(t, w.root, w.root+"2")
		w.root += "2"
		if err := os.Remove(files(t, w.root, "INBOX")[2]); err != nil {
			t.Fatal(err)
		}
		w.configure(append(serverSettings(srv), mirrorKeys()...))
		if a := w.syncOK(); a.Fetched != 1 || a.DeletedOnServer != 0 {
			t.Errorf("fetched %d, deleted %d there; want that the missing one comes again", a.Fetched, a.DeletedOnServer)
		}
		compareBoth(t, w)
	})
	t.Run("the host under another name", func(t *testing.T) {
		w := newTree(t)
		lines := append(serverSettings(srv), mirrorKeys()...)
		lines[0] = `host = "localhost"`
		w.configure(lines)
		nothingMoved(t, w.syncOK(), n)
		marker, err := os.ReadFile(filepath.Join(w.root, "INBOX", "mailsync.marker"))
		if err != nil || !strings.Contains(string(marker), `host "localhost"`) {
			t.Errorf("%s, %v", marker, err)
		}
		before := entries(t, w.root)
		w.syncOK()
		sameEntries(t, before, entries(t, w.root))
	})
	t.Run("another user's mail", func(t *testing.T) {
		srv.AddUser("eve")
		put(t, srv.LogIn("eve"), "INBOX", small(49, 5))
		w := newTree(t)
		w.configure(append(serverSettings(srv), `user = "eve"`))
		before := entries(t, w.root)
		o := w.sync()
		o.want(t, 8)
		if !strings.Contains(o.Stderr, "--moved") {
			t.Errorf("stderr %q", o.Stderr)
		}
		sameEntries(t, before, entries(t, w.root))
		remove(t, filepath.Join(w.root, ".mailsync"))
		o = w.sync()
		o.want(t, 8)
		if digests := digests(t, w.root); len(digests) == 0 {
			t.Error("the mail is gone")
		}
	})
	t.Run("a Maildir within the tree", func(t *testing.T) {
		w := newTree(t)
		if err := os.Rename(filepath.Join(w.root, "Work"), filepath.Join(w.root, "Elsewhere")); err != nil {
			t.Fatal(err)
		}
		o := w.sync()
		o.want(t, 8)
		if !strings.Contains(o.Stderr, "--moved") || !strings.Contains(o.Stderr, "Elsewhere") {
			t.Errorf("stderr %q", o.Stderr)
		}
		nothingMoved(t, w.syncOK("--moved"), n)
		compare(t, client, "Work", w.root, "Elsewhere")
		nothingMoved(t, w.syncOK(), n)
	})
	t.Run("a copy of a Maildir", func(t *testing.T) {
		w := newTree(t)
		copyTree(t, filepath.Join(w.root, "Work"), filepath.Join(w.root, "Copy"))
		nothingMoved(t, w.syncOK("--full"), n)
		if o := w.sync("--full"); !strings.Contains(o.Stderr, `"Copy" is a copy of "Work"`) {
			t.Errorf("stderr %q", o.Stderr)
		}
		remove(t, filepath.Join(w.root, ".mailsync"))
		nothingMoved(t, w.syncOK(), n)
		compareBoth(t, w)
	})
}
