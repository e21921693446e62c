package sync_test

import (
	"fmt"
	"slices"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
)

func (l *lab) serverFlags(raw string, uid state.UID) (all []string) {
	l.server.Change(raw, func(m *mem.Mailbox) {
		for f := range m.Find(uid).Flags {
			all = append(all, f)
		}
	})
	slices.Sort(all)
	return all
}

// stores counts STORE commands from now on.
func (l *lab) stores() *int {
	n := new(int)
	l.server.Command = func(name, _ string) error {
		if name == "STORE" {
			*n++
		}
		return nil
	}
	return n
}

// A flag that the server takes and does not keep is tried once, stays on disk, and is
// left alone until a full comparison tries again.
func TestFlagThatDoesNotStick(t *testing.T) {
	l := filled()
	l.clean(t)
	l.server.Loses = []string{`\Flagged`}
	l.rename(t, "number 1\r", "FS")
	l.clean(t)
	l.clean(t)
	l.idle(t)
	if got, want := l.serverFlags("INBOX", 2), []string{`\Seen`}; !slices.Equal(got, want) {
		t.Errorf("on the server %v, want %v", got, want)
	}
	for _, f := range l.files(t) {
		if f.body == body(1) && f.flags != "FS" {
			t.Errorf("on disk %v", f)
		}
	}
	n := l.stores()
	l.rename(t, "number 2\r", "F")
	l.clean(t)
	l.clean(t)
	if *n != 0 {
		t.Errorf("stored %d times what does not stick", *n)
	}
	l.server.Loses = nil
	l.change = func(a *port.Account) { a.Full = true }
	l.clean(t)
	l.change = nil
	l.clean(t)
	l.idle(t)
	if got, want := l.serverFlags("INBOX", 2), []string{`\Flagged`, `\Seen`}; !slices.Equal(got, want) {
		t.Errorf("after a full comparison %v, want %v", got, want)
	}
	l.rename(t, "number 3\r", "F")
	l.clean(t)
	if got, want := l.serverFlags("INBOX", 4), []string{`\Flagged`}; !slices.Equal(got, want) {
		t.Errorf("remembered as lost still: %v, want %v", got, want)
	}
}

// A flag that another client sets between scan and STORE is not overwritten, and both
// changes are everywhere in the end.
func TestFlagsChangedDuringTheRun(t *testing.T) {
	l := filled()
	l.clean(t)
	l.rename(t, "number 1\r", "F")
	l.rename(t, "number 5\r", "S") // takes Flagged away
	changed := false
	r := l.run(nil, func(step string) error {
		if !changed && step == "store flags of 2 in INBOX" {
			changed = true
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(2, `\Answered`, true); m.Flag(6, `\Draft`, true) })
		}
		return nil
	})
	if !changed || r.Status() != "ok" {
		t.Fatalf("%s: %v", r.Status(), r.Problems)
	}
	l.clean(t)
	l.clean(t)
	l.idle(t)
	for uid, want := range map[state.UID][]string{2: {`\Answered`, `\Flagged`}, 6: {`\Draft`, `\Seen`}} {
		if got := l.serverFlags("INBOX", uid); !slices.Equal(got, want) {
			t.Errorf("UID %d on the server: %v, want %v", uid, got, want)
		}
	}
	for _, f := range l.files(t) {
		if f.box == "INBOX" && (f.body == body(1) && f.flags != "FR" || f.body == body(5) && f.flags != "DS") {
			t.Errorf("on disk %v", f)
		}
	}
}

// Any number of equal changes go to the server in one request.
func TestManyEqualChangesAreOneRequest(t *testing.T) {
	l := newLab()
	const n = 300
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for i := range n {
			m.Add(fmt.Sprintf("Subject: %d\r\n\r\n", i), 1700000000)
		}
	})
	l.clean(t)
	l.rename(t, "Subject: ", "S")
	stores := l.stores()
	if r := l.clean(t); r.FlagsToServer != n || *stores != 1 {
		t.Errorf("flags of %d messages in %d requests", r.FlagsToServer, *stores)
	}
}
