package sync_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
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

// heldBase waits in its second commit.
type heldBase struct {
	port.Base
	commits atomic.Int64
	wait    func()
}

func (h *heldBase) Commit(ctx context.Context, c state.Commit) error {
	if h.commits.Add(1) == 2 {
		h.wait()
	}
	return h.Base.Commit(ctx, c)
}

// Items that arrive in a mailbox while another one of it is made durable are made durable together.
func TestItemsOfAMailboxAreRecordedTogether(t *testing.T) {
	const items = 10
	l := newLab()
	l.server.Create("INBOX")
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for i := range items {
			m.Add(fmt.Sprintf("Subject: number %03d\r\n\r\n%s", i, strings.Repeat("text\r\n", 20_000)), 1700000000)
		}
	})
	view := disktest.FailAt(l.disk, 0, nil)
	calls := func(prefix string) (n int) {
		for _, call := range view.Log() {
			if strings.HasPrefix(call, prefix) {
				n++
			}
		}
		return n
	}
	base := &heldBase{wait: func() {
		for calls("sync INBOX/tmp/") < items+1 { // the marker and every body
			runtime.Gosched()
		}
		for range 10_000 { // those that have a body wait for this one
			runtime.Gosched()
		}
	}}
	l.change = func(a *port.Account) {
		base.Base = a.Base
		a.Base = base
	}
	if r := l.run(view, nil); r.Status() != "ok" || r.Fetched != items {
		t.Fatalf("%+v", r)
	}
	if n := base.commits.Load(); n > 8 { // learned; the first item; the others; settled
		t.Errorf("%d commits", n)
	}
	if n := calls("syncdir INBOX/"); n > 8 {
		t.Errorf("%d folders were made durable: %q", n, view.Log())
	}
}
