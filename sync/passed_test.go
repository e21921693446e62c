package sync_test

import (
	"strings"
	"testing"

	"mailsync/sync/port"
)

// What a mail program put into a Maildir whose files go to the server, and what no server wants as it lies there, is
// named in each run and keeps nothing else: a folder with messages, a link, a compressed file. An empty folder is nothing.
func TestAppendNamesWhatIsNoMessage(t *testing.T) {
	l := appender(t)
	synced(t, l)
	for _, dir := range []string{"INBOX/cur/3e", "INBOX/cur/empty"} {
		if err := l.disk.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	l.drop(t, "INBOX/cur/3e/x", "Subject: nested\n\nlocal\n")
	l.drop(t, "INBOX/cur/packed:2,SZ", "\x1f\x8b\x08\x00 as gzip begins")
	l.drop(t, "INBOX/cur/plain:2,S", "Subject: plain\n\nlocal\n")
	before := len(l.onServer("INBOX"))
	for run := range 3 {
		said := &notes{}
		l.change = func(a *port.Account) { a.Watch = said }
		res := l.run(l.disk, nil)
		var told []string
		for _, p := range res.Problems {
			told = append(told, p.Err.Error())
		}
		all := strings.Join(told, "\n")
		if len(told) != 2 || !strings.Contains(all, "INBOX/cur/3e is not sent: a folder with a file in it") ||
			!strings.Contains(all, `"cur/packed:2,SZ": the file is compressed (gzip)`) {
			t.Errorf("run %d tells %q", run, told)
		}
		if got := len(l.onServer("INBOX")); got != before+1 {
			t.Errorf("run %d: %d more on the server, want the plain one", run, got-before)
		}
	}
}
