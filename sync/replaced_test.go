package sync_test

import (
	"path"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/sync/port"
)

// A mail program flags a file right before another takes its place: the run does not fail for it, and
// one file is left in the end, with the flag.
func TestAReaderRenamesWhatIsReplaced(t *testing.T) {
	l := inbox(3)
	l.clean(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Body, m.Find(2).Size = "X-UID: 2\r\n"+body(1), -1 })
	l.change = func(a *port.Account) { a.Full = true }
	done := false
	r := l.run(nil, func(step string) error {
		if name, ok := strings.CutPrefix(step, "trash "); ok && !done {
			done = true
			key, _, _ := strings.Cut(path.Base(name), ":2,")
			if err := l.disk.Rename("INBOX/"+name, "INBOX/cur/"+key+":2,F"); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	if !done || r.Status() != "ok" {
		t.Fatalf("%s: %v %v", r.Status(), r.Fatal, r.Problems)
	}
	l.clean(t)
	l.clean(t)
	l.eachOnce(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		if !m.Find(2).Flags[`\Flagged`] {
			t.Error("the flag is lost")
		}
	})
	l.change = nil
	l.idle(t)
}
