//go:build unix

package main_test

import (
	"path/filepath"
	"strings"
	"testing"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// A mailbox that is full refuses every message for one reason. That is one line, whether it is met by an undo, a restore
// or a sync, and each message is in the JSON.
func TestFullMailboxIsOneLine(t *testing.T) {
	t.Parallel()
	srv := servers.Dovecot(t, servers.Quota(1<<20, 2000))
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	for _, name := range []string{"Old", "Fill"} {
		if _, err := client.Do("CREATE " + name); err != nil {
			t.Fatal(err)
		}
	}
	oldMail(t, client, "INBOX", 0, 30, 20_000)
	oldMail(t, client, "Old", 0, 10, 20_000)
	w := newWorld(t, program.Path(t), srv)
	w.syncOK()
	w.run("archive", "--older-than", "1y", "--into", filepath.Join(t.TempDir(), "archive"), "--apply").want(t, 0)
	oldMail(t, client, "Fill", 0, 9, 115_000)

	o := w.run("archive", "--undo")
	o.want(t, 1)
	want := []string{
		`mailsync: work: 40 messages not appended (30 of INBOX, 10 of Old): server answered NO [OVERQUOTA] "Quota exceeded (mailbox for user is full)"`,
		`mailsync: hint: make room there ("mailsync help archive"), or raise the quota`,
	}
	if got := strings.Split(strings.TrimSpace(o.Stderr), "\n"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("undo prints\n%s\nwant\n%s", o.Stderr, strings.Join(want, "\n"))
	}
	if o := w.run("archive", "--undo", "--json"); strings.Count(o.Stdout, `"error":`) != 40 || !strings.Contains(o.Stdout, `append \"`) {
		t.Errorf("JSON has not all of them: %s", o.Stdout)
	}
}
