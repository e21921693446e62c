package sync_test

import (
	"context"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// deaf is a server that confirms an expunge, and does nothing.
type deaf struct{ port.Server }

func (deaf) Expunge(_ context.Context, req state.ExpungeRequest) (state.Expunged, error) {
	done := state.Expunged{}
	for _, w := range req.Messages {
		done.Gone = append(done.Gone, w.UID)
	}
	return done, nil
}

// A server whose numbers are as they were still has what it confirmed that it had expunged: the mailbox is looked at, and nobody is
// told that it has one message less.
func TestIdleCountsWhatTheServerHas(t *testing.T) {
	l := newLab()
	l.policy.OnDiskDelete = plan.Delete
	l.server.Create("Archive")
	l.server.Change("Archive", func(m *mem.Mailbox) {
		for n := range 3 {
			m.Add(body(n), 1700000000)
		}
	})
	l.clean(t)
	l.idle(t)
	names, err := l.disk.Names("Archive/new")
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	if err := l.disk.Remove("Archive/new/" + names[0]); err != nil {
		t.Fatal(err)
	}
	l.change = func(a *port.Account) { a.Server = deaf{a.Server} }
	if r := l.clean(t); r.DeletedOnServer != 1 {
		t.Fatalf("%d deleted", r.DeletedOnServer)
	}
	l.change = nil
	for range 2 {
		if r := l.clean(t); r.OnServer != 3 {
			t.Errorf("%d messages seem to be on the server, which has 3", r.OnServer)
		}
	}
}

// The server's numbers are what they were in the run before, and yet there is something to do: what the configuration, the command
// line or the disk says now is another thing than it was.
func TestIdleUnless(t *testing.T) {
	remove := func(t testing.TB, l *lab) {
		l.disk.Wait(t.Context(), time.Second)
		names, err := l.disk.Names("Archive/new")
		if err != nil || len(names) < 2 {
			t.Fatal(names, err)
		}
		if err := l.disk.Remove(path.Join("Archive/new", names[0])); err != nil {
			t.Fatal(err)
		}
	}
	removed := func(t testing.TB, l *lab) {
		remove(t, l)
		l.clean(t)
		l.clean(t)
		l.idle(t)
	}
	for _, c := range []struct {
		name        string
		begin       func(*lab)
		change      func(testing.TB, *lab)
		there, here int // messages of the mailbox afterwards
	}{
		{"larger messages are wanted", func(l *lab) { l.policy.MaxSize = 200 },
			func(_ testing.TB, l *lab) { l.policy.MaxSize = 0 }, 4, 4},
		{"a file was removed", nil, remove, 4, 3},
		{"what was removed here is to be deleted there", nil,
			func(t testing.TB, l *lab) { removed(t, l); l.policy.OnDiskDelete = plan.Delete }, 4, 3},
		{"what was removed here is wanted again", nil,
			func(t testing.TB, l *lab) { removed(t, l); l.policy.Refetch = true }, 4, 4},
		{"files are to be appended", nil, func(t testing.TB, l *lab) {
			l.drop(t, "Archive/cur/other:2,S", "Subject: other\n\nother\n")
			l.clean(t)
			l.clean(t)
			l.idle(t)
			l.policy.Append = true
		}, 5, 5},
		{"flags are to travel", func(l *lab) { l.policy.FlagsToServer = false },
			func(_ testing.TB, l *lab) { l.policy.FlagsToServer = true }, 4, 4},
		{"everything is to be compared", nil,
			func(_ testing.TB, l *lab) { l.change = func(a *port.Account) { a.Full = true } }, 4, 4},
		{"the state is a copy", nil,
			func(_ testing.TB, l *lab) { l.change = func(a *port.Account) { a.StateMoved = true } }, 4, 4},
		{"the server has another name", nil,
			func(_ testing.TB, l *lab) { l.change = func(a *port.Account) { a.Host = "mail.example.org" } }, 4, 4},
		{"a week has passed", nil, func(t testing.TB, l *lab) { l.disk.Wait(t.Context(), plan.CompareEvery) }, 4, 4},
		{"the marker is gone", nil, func(t testing.TB, l *lab) {
			l.disk.Wait(t.Context(), time.Second)
			if err := l.disk.Remove("Archive/mailsync.marker"); err != nil {
				t.Fatal(err)
			}
		}, 4, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab()
			l.server.Create("Archive")
			l.server.Change("Archive", func(m *mem.Mailbox) {
				for n := range 3 {
					m.Add(body(n), 1700000000)
				}
				m.Add("Subject: large\r\n\r\n"+strings.Repeat("large\r\n", 100), 1700000000)
			})
			if c.begin != nil {
				c.begin(l)
			}
			l.clean(t)
			l.clean(t)
			l.idle(t)
			c.change(t, l)
			base := &countingBase{}
			change := l.change
			l.change = func(a *port.Account) {
				if change != nil {
					change(a)
				}
				base.Base = a.Base
				a.Base = base
			}
			l.clean(t)
			if !slices.ContainsFunc(base.asked, func(q string) bool { return strings.HasPrefix(q, "records ") }) {
				t.Errorf("it asked %q only", base.asked)
			}
			l.clean(t)
			there, here := len(l.onServer("Archive")), 0
			for _, f := range l.files(t) {
				if f.box == "Archive" {
					here++
				}
			}
			if there != c.there || here != c.here {
				t.Errorf("%d on the server, %d here", there, here)
			}
		})
	}
}
