package sync_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// room is an archive run that makes room, the oldest mail first.
func room(percent int, quota int64) func(*port.Account) {
	return func(a *port.Account) {
		a.Release.Cutoff = plan.Cutoff{NeverYoungerThan: 30 * 24 * time.Hour}
		a.Release.UntilQuota, a.Release.Quota, a.Release.Into = percent, quota, nil
	}
}

// heavy is a lab with ten old messages of 1000 octets, five in each of two mailboxes, the
// oldest ones in turn here and there.
func heavy(t testing.TB) *lab {
	t.Helper()
	l := newLab()
	l.server.Create("Lists/Go")
	for i := range 10 {
		raw := []string{"INBOX", "Lists/Go"}[i%2]
		l.server.Change(raw, func(m *mem.Mailbox) {
			head := body(i)
			m.Add(head+strings.Repeat("x", 998-len(head))+"\r\n", 1_500_000_000+int64(i)*86400)
		})
	}
	return l
}

func (l *lab) count(raw string) (n int) {
	l.server.Change(raw, func(m *mem.Mailbox) { n = len(m.Messages) })
	return n
}

// The oldest messages of the whole account go until there is room, as the server tells it.
func TestArchiveMakesRoom(t *testing.T) {
	l := heavy(t)
	l.server.Quotas = []state.Quota{{Root: "other", Used: 1, Limit: 100}, {Root: "user", Used: 10_000, Limit: 12_000}}
	r := l.archive(nil, at("expunge", func() { l.server.Quotas[1].Used = 6_500 }), room(60, 0))
	if r.Status() != "ok" || r.Released.Deleted != 3 || l.count("INBOX") != 3 || l.count("Lists/Go") != 4 {
		t.Fatalf("%s: %+v %v, left are %d and %d", r.Status(), r.Released, r.Problems, l.count("INBOX"), l.count("Lists/Go"))
	}
	if q := r.Released.Quota; q == nil || q.Used != 10_000 || q.Limit != 12_000 {
		t.Errorf("the quota before: %+v", q)
	}
	if q := r.Released.After; q == nil || q.Used != 6_500 { // as it is read again
		t.Errorf("the quota after: %+v", q)
	}
	if r := l.archived(t, room(60, 0)); r.Released.Deleted != 0 {
		t.Errorf("there was room, and went: %+v", r.Released)
	}
}

// Where the server has no quota, the configuration's counts, and the sum of the sizes.
func TestArchiveMakesRoomByConfiguration(t *testing.T) {
	l := heavy(t)
	r := l.archived(t, room(45, 10_000))
	if r.Released.Deleted != 6 || r.Released.Quota.Used != 10_000 || r.Released.After.Used != 4_000 {
		t.Errorf("%+v, before %+v, after %+v", r.Released, r.Released.Quota, r.Released.After)
	}
	l = heavy(t)
	if r := l.archive(nil, nil, room(50, 0)); r.Fatal == nil || !strings.Contains(state.HintOf(r.Fatal), "--quota") || l.count("INBOX") != 5 {
		t.Errorf("without any quota: %v", r.Fatal)
	}
}

// Nothing is decided by age where the clock is not trusted.
func TestArchiveWithoutClock(t *testing.T) {
	l := heavy(t)
	r := l.archived(t, func(a *port.Account) { a.AgesCount, a.Release.Into = false, nil })
	if r.Released.Messages != 0 || l.count("INBOX") != 5 {
		t.Errorf("%+v", r.Released)
	}
}

// Where a mailbox is a label, messages go by the trash, unless they are there.
func TestArchiveViaTrash(t *testing.T) {
	for _, c := range []struct {
		name   string
		labels bool
		via    port.Via
		trash  bool
		ways   []string
	}{
		{"a server as usual", false, port.ViaAuto, true, []string{"", "", ""}},
		{"labels", true, port.ViaAuto, true, []string{"Bin", "", "Bin"}},
		{"labels, but as asked", true, port.ViaExpunge, true, []string{"", "", ""}},
		{"by the trash as asked", false, port.ViaTrash, true, []string{"Bin", "", "Bin"}},
		{"no trash", true, port.ViaAuto, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := old(t)
			l.server.Labels = c.labels
			if c.trash {
				l.server.Create("Bin").Role = "trash"
				l.server.Change("Bin", func(m *mem.Mailbox) { m.Add(body(50), 1_500_000_000, `\Seen`) })
			}
			r := l.archive(nil, nil, func(a *port.Account) { a.Release.Via, a.Release.Into = c.via, nil })
			if !slices.Equal(l.server.Ways, c.ways) {
				t.Errorf("they went by %q", l.server.Ways)
			}
			if c.ways == nil && (len(r.Problems) != 2 || r.Released.Deleted != 0) {
				t.Errorf("without a trash mailbox: %+v %v", r.Released, r.Problems)
			}
		})
	}
}

// What POP3 asks for: a message goes once it is here, or has been here long enough; only
// what the run leaves here may go, and a file that is not what came keeps its message.
func TestCollectedMessagesGo(t *testing.T) {
	collect := func(l *lab, c plan.Cutoff) {
		c.Collected = true
		l.change = func(a *port.Account) {
			a.AgesCount, a.Release = true, &port.Release{Cutoff: c}
		}
	}
	l := heavy(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(strings.Repeat("long\r\n", 500), 1_500_000_000) })
	collect(l, plan.Cutoff{FetchedAge: 14 * 24 * time.Hour, BiggerThan: 2000})
	if l.clean(t); l.count("INBOX") != 5 {
		t.Fatalf("%d stay; the large one goes once it is here", l.count("INBOX"))
	}
	l.remove(t, "number 0\r")
	l.each(t, "number 2\r", func(p string) { l.overwrite(t, p, "other") })
	l.disk.Wait(t.Context(), 15*24*time.Hour)
	r := l.run(nil, nil)
	if len(r.Problems) != 1 || r.Problems[0].UID != 2 || l.count("INBOX") != 2 || l.count("Lists/Go") != 0 {
		t.Fatalf("after two weeks %d and %d stay: %v", l.count("INBOX"), l.count("Lists/Go"), r.Problems)
	}
	collect(l, plan.Cutoff{})
	l.server.Change("Lists/Go", func(m *mem.Mailbox) { m.Add(body(77), 1_500_000_000) })
	if r := l.run(nil, nil); l.count("Lists/Go") != 0 || r.Fetched != 1 {
		t.Errorf("at once: %+v", r)
	}
}
