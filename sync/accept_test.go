package sync_test

import (
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// accepting makes an account accept messages.
func accepting(messages ...plan.Message) func(*port.Account) {
	return func(a *port.Account) { a.Accept = messages }
}

// brokenThree is a lab in which INBOX's third message never comes whole, after a run.
func brokenThree(t testing.TB) *lab {
	l := filled()
	l.server.Body = bad(3, func([]byte) ([]byte, error) { return nil, nil })
	if r := l.run(nil, nil); r.Fatal != nil || r.Outstanding != 1 {
		t.Fatalf("%d outstanding: %v", r.Outstanding, r.Fatal)
	}
	return l
}

// A message that is accepted is no failure any more, costs nothing, and comes back with
// Refetch once it can be had.
func TestAccept(t *testing.T) {
	l := brokenThree(t)
	l.change = accepting(plan.Message{Mailbox: "inbox", UID: 3})
	r := l.clean(t)
	if r.Outstanding != 0 || r.Accepted() != 1 || r.Here != 11 || r.OnServer != 12 {
		t.Errorf("%d here of %d, %d outstanding, %d accepted", r.Here, r.OnServer, r.Outstanding, r.Accepted())
	}
	l.clean(t) // accepted again: nothing to say
	l.change = nil
	l.idle(t)
	if rec := l.record(t, "INBOX", 3); rec.Status != state.Accepted {
		t.Errorf("it is %v", rec.Status)
	}
	l.server.Body = nil
	l.policy.Refetch = true
	l.clean(t)
	if n := len(l.files(t)); n != 12 {
		t.Errorf("%d files after a refetch, want 12", n)
	}
}

// Only what is outstanding can be accepted.
func TestAcceptTheWrongOne(t *testing.T) {
	l := brokenThree(t)
	l.server.Body = nil
	l.clean(t)
	for m, want := range map[plan.Message]string{
		{Mailbox: "INBOX", UID: 1}:     "neither outstanding nor in doubt (live)",
		{Mailbox: "INBOX", UID: 999}:   "no message of that uid",
		{Mailbox: "archive", UID: 1}:   "no such mailbox",
		{Mailbox: "Archive/x", UID: 1}: "no such mailbox",
	} {
		l.change = accepting(m)
		if got := l.failing(t); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", m, got, want)
		}
	}
}

// A run that is cut while it accepts goes on, and ends where an unbroken one does.
func TestCutWhileAccepting(t *testing.T) {
	for n := 1; ; n++ {
		l := brokenThree(t)
		l.change = accepting(plan.Message{Mailbox: "INBOX", UID: 3})
		step, reached := cutAt(n)
		l.run(nil, step)
		l.clean(t)
		if rec := l.record(t, "INBOX", 3); rec.Status != state.Accepted {
			t.Fatalf("cut at step %d: it is %v", n, rec.Status)
		}
		l.change = nil
		l.idle(t)
		if !reached() {
			return
		}
	}
}

// pull is a policy that a backup has.
func pull(a *port.Account) {
	wider := a.Policy
	a.Policy, a.Wider = wider.PullOnly(), &wider
}

// A run that only pulls leaves the server alone, is idle when there is nothing to pull, and
// leaves to the next run that does more what that has to do.
func TestPullOnly(t *testing.T) {
	l := filled()
	l.change = pull
	l.clean(t)
	l.idle(t)
	l.change = nil
	l.idle(t)

	l.rename(t, "number 1\r", "F")
	l.server.Change("Archive", func(m *mem.Mailbox) { m.Flag(1, `\Flagged`, true) })
	l.change = pull
	if r := l.clean(t); r.FlagsToServer != 0 || r.FlagsToDisk != 1 {
		t.Errorf("%d flagged on the server, %d here", r.FlagsToServer, r.FlagsToDisk)
	}
	l.change = nil
	if r := l.clean(t); r.FlagsToServer != 1 || r.Unchanged != 2 {
		t.Errorf("then %d flagged on the server, %d mailboxes unchanged", r.FlagsToServer, r.Unchanged)
	}
	l.clean(t) // it sees what the flag did to MODSEQ
	l.idle(t)
}

// A run that only pulls carries over no deletion, and takes none for settled: the next run that
// may carry them over does. Until then they count as what they are.
func TestPullOnlyLeavesDeletions(t *testing.T) {
	begin := func() *lab {
		l := filled()
		mirror(&l.policy)
		l.clean(t)
		l.clean(t)
		l.remove(t, "number 1\r")
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1); m.Add(body(70), 1700000070) })
		return l
	}
	pulls := func(l *lab) {
		t.Helper()
		l.change = pull
		for n := range 3 {
			if r := l.clean(t); r.DeletedOnDisk+r.DeletedOnServer != 0 || r.Fetched != 1-min(n, 1) ||
				r.OnServer != 12 || r.Here != 11 || r.KeptAway != 1 || r.Outstanding != 0 {
				t.Errorf("pull %d: %+v", n, r)
			}
		}
		l.change = nil
	}
	l := begin()
	before := len(l.files(t))
	pulls(l)
	if n := len(l.files(t)); n != before+1 {
		t.Errorf("%d files after it, %d before", n, before)
	}
	if r := l.clean(t); r.DeletedOnDisk != 1 || r.DeletedOnServer != 1 || r.Fetched != 0 {
		t.Errorf("then %+v", r)
	}
	l.clean(t)
	l.idle(t)
	want := l.dump(t)

	for n := 1; ; n += stride(t) { // a pull that is interrupted leaves them too
		l := begin()
		l.change = pull
		step, reached := cutAt(n)
		l.run(nil, step)
		if !reached() {
			break
		}
		if r := l.clean(t); r.DeletedOnDisk+r.DeletedOnServer != 0 {
			t.Fatalf("cut at step %d: %+v", n, r)
		}
		l.change = nil
		l.clean(t)
		l.clean(t)
		l.idle(t)
		if got := l.dump(t); got != want {
			t.Fatalf("cut at step %d\n got %s\nwant %s", n, got, want)
		}
	}
}

// What a run is not about stays as it is, and is not taken for settled under a policy
// that it never saw.
func TestLimitedRun(t *testing.T) {
	l := filled()
	l.clean(t)
	l.rename(t, "long", "F") // in Archive
	l.policy.FlagsToServer = false
	l.clean(t)
	l.idle(t)

	l.policy.FlagsToServer = true
	l.change = func(a *port.Account) { a.Include = func(m state.Listed) bool { return m.Raw == "INBOX" } }
	if r := l.clean(t); r.Mailboxes != 1 || r.FlagsToServer != 0 || r.Excluded.Mailboxes != 2 {
		t.Errorf("%+v", r)
	}
	l.change = nil
	if r := l.clean(t); r.FlagsToServer != 1 {
		t.Errorf("%d flagged on the server after a full run, want 1", r.FlagsToServer)
	}
}

// A mailbox that failed in the run that came to know a copied state file proves nothing
// in the next one either.
func TestFailedMailboxOfACopiedState(t *testing.T) {
	l := filled()
	l.clean(t)
	l.remove(t, "number 1\r")
	l.server.Command = func(name, raw string) error {
		if raw == "INBOX" && name != "LIST" {
			return state.Faultf(state.Other, "server answered NO")
		}
		return nil
	}
	l.change = func(a *port.Account) { a.StateMoved = true; a.Full = true }
	l.failing(t)
	l.server.Command, l.change = nil, nil
	if r := l.clean(t); r.Fetched != 1 {
		t.Errorf("fetched %d, want the one that is missing; it is %v", r.Fetched, l.record(t, "INBOX", 2).Status)
	}
}

// Census counts what is excluded.
func TestCensus(t *testing.T) {
	l := filled()
	l.change = func(a *port.Account) {
		a.Include = func(m state.Listed) bool { return m.Raw != "Archive" }
		a.Census = true
	}
	if r := l.clean(t); r.Excluded != (port.Excluded{Mailboxes: 1, Messages: 3}) || r.OnServer != 9 {
		t.Errorf("%+v", r)
	}
}
