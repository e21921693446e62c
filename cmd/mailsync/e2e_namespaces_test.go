//go:build unix

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mailsync/backends/servers"
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
	w := twoAccounts(t, build(t), from, to)
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
