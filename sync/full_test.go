package sync_test

import (
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
)

// A UID that is another message by now, which only a full comparison sees.
func TestAnotherMessageUnderAKnownUID(t *testing.T) {
	l := filled()
	l.clean(t)
	l.rename(t, "number 1\r", "F")
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Find(2).Body = "another message\r\n"
		m.Find(2).Flags = map[string]bool{`\Seen`: true}
	})
	l.change = func(a *port.Account) { a.Full = true }
	l.clean(t)
	l.change = nil
	l.clean(t)
	l.idle(t)
	flags := map[string]string{}
	for _, f := range l.files(t) {
		flags[f.body] = f.flags
	}
	if got, ok := flags["another message\r\n"]; !ok || got != "S" {
		t.Errorf("the new message has flags %q (%v), want those of the server", got, ok)
	}
	if got, ok := flags[body(1)]; !ok || got != "F" {
		t.Errorf("the old file has flags %q (%v), want those the user gave it", got, ok)
	}
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		if m.Find(2).Flags[`\Flagged`] {
			t.Error("a flag of the old message went to the new one")
		}
	})
	if rec := l.record(t, "INBOX", 2); rec.Status != state.Live || rec.Variant != 2 {
		t.Errorf("it is %v, variant %d", rec.Status, rec.Variant)
	}
}

// A size or date that changed with the same bytes is corrected, and flags go on.
func TestSizeOrDateIsCorrected(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*mem.Message)
		is     state.Status
	}{
		{"date", func(m *mem.Message) { m.Date += 3600 }, state.Live},
		{"size that is wrong now", func(m *mem.Message) { m.Size = 7 }, state.Longer},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := filled()
			l.clean(t)
			l.rename(t, "number 1\r", "F")
			before := len(l.files(t))
			l.server.Change("INBOX", func(m *mem.Mailbox) { c.change(m.Find(2)) })
			l.change = func(a *port.Account) { a.Full = true }
			if r := l.clean(t); r.Fetched != 1 {
				t.Errorf("fetched %d, want the one to be looked at", r.Fetched)
			}
			l.change = nil
			l.clean(t)
			l.clean(t) // learns what its own change did to MODSEQ
			l.idle(t)
			if n := len(l.files(t)); n != before {
				t.Errorf("%d files, want %d", n, before)
			}
			if rec := l.record(t, "INBOX", 2); rec.Status != c.is || rec.Variant != 1 {
				t.Errorf("it is %v, variant %d", rec.Status, rec.Variant)
			}
			l.server.Change("INBOX", func(m *mem.Mailbox) {
				if !m.Find(2).Flags[`\Flagged`] {
					t.Error("the user's flag did not reach the server")
				}
			})
		})
	}
}

// What was kept away was the message that the UID was before.
func TestKeptAwayUIDIsAnotherMessage(t *testing.T) {
	l := filled()
	l.clean(t)
	l.remove(t, "number 1\r")
	l.clean(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Body = "another message\r\n" })
	l.change = func(a *port.Account) { a.Full = true }
	l.clean(t)
	if all := strings.Join(l.bodies(t), "\n"); !strings.Contains(all, "another message") {
		t.Errorf("it is not here: %.500s", all)
	}
	l.change = nil
	l.clean(t)
	l.idle(t)
}

// Everything is compared once a week without being asked to.
func TestWeeklyComparison(t *testing.T) {
	l := filled()
	l.clean(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Body = "another message\r\n" })
	for range 2 {
		l.disk.Wait(t.Context(), 3*24*time.Hour)
		l.idle(t)
	}
	l.disk.Wait(t.Context(), 24*time.Hour)
	if r := l.clean(t); r.Fetched != 1 {
		t.Errorf("fetched %d after a week, want the one that changed", r.Fetched)
	}
	l.clean(t)
	l.idle(t)
}
