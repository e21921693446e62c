//go:build unix

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// A server with old mail in a namespace of its own has a Work in each: they stay two, a pattern
// means one of them, and on another server they are two again.
func TestMailboxesOfSeveralNamespaces(t *testing.T) {
	t.Parallel()
	const old = "namespace old {\n separator = /\n prefix = Old/\n location = maildir:~/OldMail\n}"
	from, to := servers.Dovecot(t, servers.Config(old)), servers.Dovecot(t)
	from.AddUser("ada")
	to.AddUser("ada")
	client, there := from.LogIn("ada"), to.LogIn("ada")
	for i, name := range []string{"Work", "Old/Work", "Old/Work"} {
		if i < 2 {
			do(t, client, "CREATE "+name)
		}
		text := fmt.Sprintf("Message-ID: <%d@example.org>\r\nSubject: %s\r\n\r\n%d\r\n", i, name, i)
		if err := client.Append(name, nil, time.Unix(1700000000+int64(i), 0), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	w := twoAccounts(t, program.Path(t), from, to)
	w.run("sync", "work", "--mailbox", "Old/*").want(t, 0)
	if _, err := os.Stat(filepath.Join(w.root, "Work")); err == nil {
		t.Error("Old/* means Work, too")
	}
	if a := w.syncOK("work"); a.OnServer != 3 || a.Here != 3 {
		t.Errorf("%+v", a)
	}
	for _, name := range []string{"Work", "Old/Work"} {
		compare(t, client, name, w.root, filepath.FromSlash(name))
	}
	w.run("restore", "work", "--to", "other").want(t, 0)
	for name, n := range map[string]int{"Work": 1, "Old/Work": 2} {
		if mails, err := there.Read(name, false); err != nil || len(mails) != n {
			t.Errorf("%s: restored %d: %v", name, len(mails), err)
		}
	}
}

// A Maildir may be called by what parts levels on the server. With append it gets a mailbox under
// another name, and stays where it is.
func TestMaildirsWithTheServersSeparator(t *testing.T) {
	t.Parallel()
	srv := servers.Dovecot(t, servers.InboxPrefix())
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	do(t, client, "CREATE INBOX.c_d") // another one, with mail
	if err := client.Append("INBOX.c_d", nil, time.Unix(1700000000, 0), []byte("Subject: theirs\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, program.Path(t), srv, "append = true")
	w.syncOK()
	for _, name := range []string{"Person K.", "a.b", "a_b", "c.d"} {
		for _, dir := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(w.root, name, dir), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(w.root, name, "cur", "1600000000.x:2,S"), []byte("Subject: in "+name+"\n\nhere\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		for name, subject := range map[string]string{"Person K_": "Person K.", "a_b_": "a.b", "a_b": "a_b", "c_d_": "c.d"} {
			mails, err := client.Read("INBOX."+name, true)
			if err != nil || len(mails) != 1 || !strings.HasPrefix(string(mails[0].Body), "Subject: in "+subject) {
				t.Errorf("%s has %d messages, %v", name, len(mails), err)
			}
		}
		if got := len(names(t, filepath.Join(w.root, "a.b", "cur"))); got != 1 {
			t.Errorf("a.b has %d files", got)
		}
	}
	w.run("sync").want(t, 0)
	check()
	w.syncOK()
	idle(t, w)
	remove(t, filepath.Join(w.root, ".mailsync"))
	w.syncOK()
	check()
	w.run("verify", "--server").want(t, 0)
}
