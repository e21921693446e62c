//go:build unix

package main_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailsync/bench/corpus"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// onDisk counts the messages of a tree, and the files they are in.
func onDisk(t *testing.T, root string) (names, files int) {
	t.Helper()
	seen := map[uint64]bool{}
	for _, rel := range maildirs(t, root) {
		for _, dir := range []string{"new", "cur"} {
			all, err := os.ReadDir(filepath.Join(root, rel, dir))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range all {
				info, err := os.Stat(filepath.Join(root, rel, dir, e.Name()))
				if err != nil {
					t.Fatal(err)
				}
				names++
				seen[info.Sys().(*syscall.Stat_t).Ino] = true
			}
		}
	}
	return names, len(seen)
}

// What Cyrus calls one message, by its EMAILID, is fetched once and lies in one file, and
// each of its mailboxes has its own flags.
func TestCopiesOnARealServer(t *testing.T) {
	t.Parallel()
	srv := servers.Cyrus(t)
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	do(t, client, "CREATE Work")
	do(t, client, "CREATE Lists")
	n, octets := 0, int64(0)
	for m := range corpus.Messages(41, 40) {
		if err := client.Append("INBOX", m.Flags, m.Date, m.Raw); err != nil {
			t.Fatal(err)
		}
		n, octets = n+1, octets+int64(len(m.Raw))
	}
	do(t, client, "SELECT INBOX")
	do(t, client, "UID COPY 1:* Work")
	do(t, client, "UID COPY 1:20 Lists")
	do(t, client, `UID STORE 1:5 +FLAGS (\Flagged)`)
	do(t, client, "EXAMINE INBOX")
	w := newWorld(t, program.Path(t), srv, mirrorKeys()...)
	a := w.syncOK()
	all := 2*n + 20
	if a.Fetched != all || a.Here != all || a.FetchedBytes > octets*5/4 {
		t.Errorf("%d of %d messages are new here, %d octets came of %d that differ", a.Fetched, all, a.FetchedBytes, octets)
	}
	if names, files := onDisk(t, w.root); names != all || files > n+n/4 {
		t.Errorf("%d messages lie in %d files, of %d that differ", names, files, n)
	}
	same := func(inbox, work, lists int) {
		t.Helper()
		for mailbox, want := range map[string]int{"INBOX": inbox, "Work": work, "Lists": lists} {
			if got := compare(t, client, mailbox, w.root, mailbox); got != want {
				t.Errorf("%s has %d messages, want %d", mailbox, got, want)
			}
		}
	}
	same(n, n, 20)
	idle(t, w)

	// One more mailbox for some, one less for others, and a flag in one.
	do(t, client, "SELECT INBOX")
	do(t, client, "UID COPY 25:29 Lists")
	do(t, client, `UID STORE 1:3 +FLAGS (\Deleted)`)
	do(t, client, "UID EXPUNGE 1:3")
	do(t, client, `UID STORE 6 +FLAGS (\Answered)`)
	do(t, client, "EXAMINE INBOX")
	if a := w.syncOK(); a.Fetched != 5 || a.FetchedBytes > 5*4096 && a.FetchedBytes > octets/8 || a.DeletedOnDisk != 3 {
		t.Errorf("%+v", a)
	}
	same(n-3, n, 25)
	w.run("verify").want(t, 0)
	w.syncOK()
	idle(t, w)
	if again := w.syncOK("--full"); again.Fetched+again.DeletedOnDisk+again.FlagsToDisk+again.FlagsToServer != 0 {
		t.Errorf("a full comparison did something: %+v", again)
	}
}

// gmail is a server with labels: All Mail has everything, and each other mailbox a part.
func gmail(n int) (acct *script.Account, octets int64) {
	acct = script.NewAccount()
	acct.Caps = "IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN ENABLE ID NAMESPACE UNSELECT UIDPLUS CONDSTORE ESEARCH LIST-STATUS LIST-EXTENDED SPECIAL-USE X-GM-EXT-1"
	all := acct.Add("[Gmail]/All Mail")
	all.Attrs = `\All`
	work := acct.Add("Work")
	for i := range n {
		body := fmt.Sprintf("Message-ID: <%d@mail.example.org>\r\nSubject: number %d\r\n\r\n%s", i, i, strings.Repeat("0123456789\r\n", 400+i%7))
		octets += int64(len(body))
		date := time.Date(2024, 3, 1, 0, 0, i, 0, time.UTC)
		for _, m := range []*script.Mailbox{all, acct.Mailbox("INBOX"), work} {
			if m == all || m == work && i%3 == 0 || m != work && i%2 == 0 {
				msg := m.Append(body, `\Seen`)
				msg.Date, msg.ID = date, fmt.Sprint(1278455344230334865+i)
			}
		}
	}
	return acct, octets
}

func TestLabelsOfGmail(t *testing.T) {
	t.Parallel()
	const n = 300
	acct, octets := gmail(n)
	srv := script.Every(t, script.Healthy(acct, nil))
	w := &world{t: t, bin: program.Path(t), dir: t.TempDir()}
	w.root, w.config = filepath.Join(w.dir, "mail"), filepath.Join(w.dir, "config.toml")
	w.configure(append(plain(srv.Addr()), mirrorKeys()...))
	a := w.syncOK()
	if a.Fetched != n+n/2+n/3 || a.FetchedBytes != octets {
		t.Errorf("%d messages are new here and %d octets came, want %d of %d", a.Fetched, a.FetchedBytes, n+n/2+n/3, octets)
	}
	if names, files := onDisk(t, w.root); names != n+n/2+n/3 || files != n {
		t.Errorf("%d messages in %d files, want %d", names, files, n)
	}
	idle(t, w)

	acct.Lock()
	some := acct.Mailbox("[Gmail]/All Mail").Messages[1]
	msg := acct.Mailbox("Work").Append(some.Body, `\Seen`)
	msg.Date, msg.ID = some.Date, some.ID
	acct.Unlock()
	before := len(srv.Commands())
	if a := w.syncOK(); a.Fetched != 1 || a.FetchedBytes != 0 {
		t.Errorf("a label more: %d messages, %d octets", a.Fetched, a.FetchedBytes)
	}
	t.Logf("a label more takes\n%s", strings.Join(srv.Commands()[before:], "\n"))
	if names, files := onDisk(t, w.root); names != n+n/2+n/3+1 || files != n {
		t.Errorf("%d messages in %d files, want %d", names, files, n)
	}
	// A mail program writes over its file in one mailbox: verify says so of each.
	var spoilt string
	_ = filepath.WalkDir(filepath.Join(w.root, "Work"), func(p string, e fs.DirEntry, _ error) error {
		if e.Type().IsRegular() && strings.Contains(e.Name(), ".mailsync,") {
			spoilt = p
		}
		return nil
	})
	f, err := os.OpenFile(spoilt, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("spoilt"), 100); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	w.run("verify").want(t, 7)
	w.run("verify", "--repair").want(t, 0)
	w.run("verify").want(t, 0)
}
