//go:build unix

package main_test

import (
	"errors"
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

// mirrorKeys make the Maildirs here and the mailboxes there the same.
func mirrorKeys() settings {
	return settings{`on_server_delete = "delete"`, `on_disk_delete = "delete"`}
}

// files returns the paths of the messages of a Maildir by UID.
func files(t *testing.T, root, rel string) map[uint32]string {
	t.Helper()
	paths := map[uint32]string{}
	for uid, f := range readMaildir(t, root, rel) {
		paths[uid] = filepath.Join(root, f.path)
	}
	return paths
}

// What one side deletes goes on the other, on every server.
func TestMirror(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, c := range []struct {
		name  string
		begin func(t testing.TB, opts ...servers.Option) *servers.Server
		opts  []servers.Option
	}{
		{"Dovecot", servers.Dovecot, nil},
		{"Cyrus", servers.Cyrus, nil},
		{"Cyrus without CONDSTORE", servers.Cyrus, []servers.Option{servers.Hide("CONDSTORE", "QRESYNC", "OBJECTID", "LIST-STATUS", "MOVE")}},
		{"Courier", servers.Courier, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := c.begin(t, c.opts...)
			srv.AddUser("ada")
			client := srv.LogIn("ada")
			for m := range corpus.Messages(30, 20) {
				if err := client.Append("INBOX", m.Flags, m.Date, m.Raw); err != nil {
					t.Fatal(err)
				}
			}
			w := newWorld(t, bin, srv, mirrorKeys()...)
			w.syncOK()
			all := files(t, w.root, "INBOX")
			for _, uid := range []uint32{2, 3, 5} {
				if err := os.Remove(all[uid]); err != nil {
					t.Fatal(err)
				}
			}
			do(t, client, "SELECT INBOX")
			do(t, client, `UID STORE 5,7,9 +FLAGS (\Deleted \Flagged)`)
			do(t, client, "UID EXPUNGE 7,9")
			do(t, client, `UID STORE 11 +FLAGS (\Deleted)`)
			do(t, client, "EXAMINE INBOX")
			a := w.syncOK()
			if a.DeletedOnServer != 3 || a.DeletedOnDisk != 2 {
				t.Errorf("deleted %d on the server and %d here, want 3 and 2", a.DeletedOnServer, a.DeletedOnDisk)
			}
			if n := compare(t, client, "INBOX", w.root, "INBOX"); n != 15 {
				t.Errorf("%d messages are left, want 15", n)
			}
			trash, err := os.ReadDir(filepath.Join(w.root, ".mailsync", "trash"))
			if err != nil || len(trash) != 2 {
				t.Errorf("%d files in the trash, %v", len(trash), err)
			}
			if f := readMaildir(t, w.root, "INBOX")[11]; !slices.Contains(f.flags, `\Deleted`) {
				t.Errorf("UID 11 has %v on disk", f.flags)
			}
			if b := w.syncOK(); b.Fetched+b.FlagsToDisk+b.FlagsToServer+b.DeletedOnDisk+b.DeletedOnServer != 0 {
				t.Errorf("another run did something: %+v", b)
			}
		})
	}
}

// What a mail program puts here goes to the server, what it moves here moves there, and
// what another client moves there moves here: all of it once, on every server.
func TestAppendAndMove(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, c := range []struct {
		name  string
		begin func(t testing.TB, opts ...servers.Option) *servers.Server
		opts  []servers.Option
		work  string // "Work" as the server spells it
	}{
		{"Dovecot", servers.Dovecot, nil, "Work"},
		{"Dovecot without UIDPLUS and MOVE", servers.Dovecot, []servers.Option{servers.Hide("UIDPLUS", "MOVE")}, "Work"},
		{"Cyrus", servers.Cyrus, nil, "Work"},
		{"Courier", servers.Courier, nil, "INBOX.Work"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := c.begin(t, c.opts...)
			srv.AddUser("ada")
			client := srv.LogIn("ada")
			do(t, client, "CREATE "+c.work)
			for m := range corpus.Messages(31, 12) {
				if err := client.Append("INBOX", m.Flags, m.Date, m.Raw); err != nil {
					t.Fatal(err)
				}
			}
			plain := c.name != "Dovecot without UIDPLUS and MOVE"
			keys := append(mirrorKeys(), "append = true")
			w := newWorld(t, bin, srv, keys...)
			w.syncOK()
			w.syncOK()

			all := files(t, w.root, "INBOX")
			date := time.Unix(1600000000, 0)
			for name, text := range map[string]string{
				"INBOX/new/1600000000.M1P1.host":     "Message-ID: <fresh@x>\nSubject: fresh\n\nHello\n",
				"Work/cur/1600000001.M1P1.host:2,FS": "Subject: no id\n\nHello\n",
				"Work/cur/twin1:2,S":                 "Message-ID: <twin@x>\nSubject: twin\n\nHello\n",
				"Work/cur/twin2:2,":                  "Message-ID: <twin@x>\nSubject: twin\n\nHello\n",
			} {
				path := filepath.Join(w.root, filepath.FromSlash(name))
				if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, date, date)); err != nil {
					t.Fatal(err)
				}
			}
			moved := 0
			if plain {
				for _, uid := range []uint32{2, 3} {
					base, letters, _ := strings.Cut(filepath.Base(all[uid]), ":2,")
					if err := os.Rename(all[uid], filepath.Join(w.root, "Work", "cur", base+":2,"+letters)); err != nil {
						t.Fatal(err)
					}
				}
				do(t, client, "SELECT INBOX")
				do(t, client, "UID COPY 5:6 "+c.work)
				do(t, client, `UID STORE 5:6 +FLAGS (\Deleted)`)
				do(t, client, "UID EXPUNGE 5:6")
				do(t, client, "EXAMINE INBOX")
				moved = 4
			}
			a := w.syncOK()
			if a.Appended != 4 || a.Fetched != 0 {
				t.Errorf("appended %d and fetched %d, want 4 and 0", a.Appended, a.Fetched)
			}
			for range 2 {
				if a := w.syncOK(); a.Appended+a.Fetched+a.DeletedOnDisk+a.DeletedOnServer != 0 {
					t.Errorf("another run did something: %+v", a)
				}
			}
			if n := compare(t, client, "INBOX", w.root, "INBOX"); n != 13-moved {
				t.Errorf("INBOX has %d messages, want %d", n, 13-moved)
			}
			if n := compare(t, client, c.work, w.root, "Work"); n != 3+moved {
				t.Errorf("Work has %d messages, want %d", n, 3+moved)
			}
		})
	}
}

// A Maildir that a mail program makes becomes a mailbox, spelled as the server spells it.
func TestNewMaildir(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, c := range []struct {
		name  string
		begin func(t testing.TB, opts ...servers.Option) *servers.Server
		made  string
	}{
		{"Dovecot", servers.Dovecot, "Neu/2024"},
		{"Courier", servers.Courier, "INBOX.Neu.2024"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := c.begin(t)
			srv.AddUser("ada")
			client := srv.LogIn("ada")
			w := newWorld(t, bin, srv, "append = true")
			w.syncOK()
			dir := filepath.Join(w.root, "Neu", "2024")
			for _, sub := range []string{"cur", "new", "tmp"} {
				if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			file, date := filepath.Join(dir, "cur", "x:2,S"), time.Unix(1600000000, 0)
			if err := errors.Join(os.WriteFile(file, []byte("Subject: new\n\nplace\n"), 0o600), os.Chtimes(file, date, date)); err != nil {
				t.Fatal(err)
			}
			if a := w.syncOK(); a.Appended != 1 {
				t.Errorf("appended %d, want 1", a.Appended)
			}
			if a := w.syncOK(); a.Appended+a.Fetched != 0 {
				t.Errorf("another run did something: %+v", a)
			}
			if n := compare(t, client, c.made, w.root, filepath.Join("Neu", "2024")); n != 1 {
				t.Errorf("%d messages in %s, want 1", n, c.made)
			}
		})
	}
}
