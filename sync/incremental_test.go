package sync_test

import (
	"fmt"
	"strings"
	"testing"

	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
)

// What a run costs that fetches a few messages and changes flags on both sides: each commit and each fsync of a
// folder waits for the disk, so their number is that of the kinds of work, not of the messages.
func TestWhatAnIncrementalRunCosts(t *testing.T) {
	const there, flags, fresh = 300, 40, 20
	l := newLab()
	l.server.Create("INBOX")
	add := func(from, to int) {
		l.server.Change("INBOX", func(m *mem.Mailbox) {
			for i := from; i < to; i++ {
				m.Add(fmt.Sprintf("Subject: number %03d\r\n\r\n", i), 1700000000)
			}
		})
	}
	add(0, there)
	l.clean(t)
	l.idle(t)

	add(there, there+fresh)
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for i := range flags {
			m.Flag(state.UID(1+i), `\Flagged`, true)
		}
	})
	for i := range flags {
		l.rename(t, fmt.Sprintf("number %03d\r", there-1-i), "S")
	}
	base := &countingBase{}
	l.change = func(a *port.Account) {
		base.Base, base.asked = a.Base, nil
		a.Base = base
	}
	view := disktest.FailAt(l.disk, 0, nil)
	r := l.run(view, nil)
	if r.Status() != "ok" || r.Fetched != fresh || r.FlagsToDisk != flags || r.FlagsToServer != flags {
		t.Fatalf("%+v", r)
	}
	commits := 0
	for _, asked := range base.asked {
		if strings.HasPrefix(asked, "commit ") {
			commits++
		}
	}
	// Learned; fetched; flags there; flags here; settled.
	if commits > 5 {
		t.Errorf("%d commits: %q", commits, base.asked)
	}
	folders := 0
	for _, call := range view.Log() {
		if strings.HasPrefix(call, "syncdir ") {
			folders++
		}
	}
	// What the scan found, in new and cur; what was fetched; what was renamed from new to cur.
	if folders > 5 {
		t.Errorf("%d folders were made durable: %q", folders, view.Log())
	}
	l.clean(t) // our own STORE raised MODSEQ
	l.idle(t)
}
