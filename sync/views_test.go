package sync_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync"
	"mailsync/sync/match"
	"mailsync/sync/port"
)

// viewed is three mailboxes and one of all mail, on a server that has no words for copies.
func viewed(l *lab) {
	l.server.Create("All")
	l.server.Create("Drafts")
	l.server.Create("Work")
	l.server.Change("All", func(m *mem.Mailbox) { m.Role = "all" })
	l.server.Change("Drafts", func(m *mem.Mailbox) { m.Role = "drafts" })
	for n, raw := range []string{"INBOX", "Work", "INBOX", "Work", "Drafts"} {
		for _, where := range []string{raw, "All"} {
			l.server.Change(where, func(m *mem.Mailbox) { m.Add(body(n), 1_600_000_000+int64(n), `\Seen`) })
		}
	}
}

// withoutDrafts leaves them out, as an archive does.
func withoutDrafts(a *port.Account) {
	a.Include = func(l state.Listed) bool { return l.Role != "drafts" }
	a.Release.Into = nil
}

// What a view shows counts and is freed once with what it shows, stays if that is kept, and stays where it is in
// a mailbox that the run is not about. What is put back is put back where it was.
func TestArchiveOfWhatViewsShow(t *testing.T) {
	l := newLab()
	viewed(l)
	l.clean(t)
	l.rename(t, "number 2\r", "FS") // in INBOX and All, on disk alone
	for _, f := range l.files(t) {
		if f.box == "All" && f.body == body(2) {
			l.policy.FlagsToServer = false // nobody else is told
		}
	}
	size := int64(len(body(0)) + len(body(1)) + len(body(3)))
	said := &notes{}
	r := l.archive(nil, nil, func(a *port.Account) { withoutDrafts(a); a.Watch = said })
	if r.Status() != "ok" || r.Released == nil {
		t.Fatalf("%s: %v %v", r.Status(), r.Fatal, r.Problems)
	}
	if got := *r.Released; got.Messages != 3 || got.Bytes != size || got.Deleted != 3 || got.Freed != size {
		t.Errorf("released %+v, want %d octets", got, size)
	}
	there := func(want string) {
		t.Helper()
		var all []string
		for _, raw := range []string{"INBOX", "Work", "Drafts", "All"} {
			l.server.Change(raw, func(m *mem.Mailbox) {
				for _, msg := range m.Messages {
					_, subject, _ := strings.Cut(string(msg.Body), "number ")
					n, _, _ := strings.Cut(subject, "\r")
					all = append(all, raw+" "+n)
				}
			})
		}
		if got := strings.Join(all, ", "); got != want {
			t.Errorf("on the server %s, want %s", got, want)
		}
	}
	there("INBOX 2, Drafts 4, All 2, All 4")
	if !slices.ContainsFunc(said.said, func(s string) bool {
		return strings.Contains(s, "1 of its messages stay on the server: they are copies out of")
	}) {
		t.Errorf("it said %q", said.said)
	}
	if r := sync.Undo(context.Background(), l.account(l.disk)); r.Status() != "ok" || r.Appended != 3 {
		t.Errorf("undo is %s, %d appended: %v %v", r.Status(), r.Appended, r.Fatal, r.Problems)
	}
	there("INBOX 2, INBOX 0, Work 1, Work 3, Drafts 4, All 2, All 4")
}

// While a mailbox could not be looked at, nothing goes that a view shows: it may be that mailbox's.
func TestViewsStayWhileAMailboxIsDark(t *testing.T) {
	l := newLab()
	viewed(l)
	l.clean(t)
	l.server.Change("Work", func(m *mem.Mailbox) { m.Flag(1, `\Answered`, true) }) // it is looked at
	l.server.Command = func(name, raw string) error {
		if name == "SCAN" && raw == "Work" {
			return fmt.Errorf("the server answered NO")
		}
		return nil
	}
	r := l.archive(nil, nil, withoutDrafts)
	l.server.Change("All", func(m *mem.Mailbox) {
		if len(m.Messages) != 5 {
			t.Errorf("of All, %d messages are left; %+v", len(m.Messages), r.Released)
		}
	})
}

// Nor does anything that a view shows, or that may be what it shows, while the server does not say which of them are one.
func TestViewsStayWhereTheServerTellsNoMessageID(t *testing.T) {
	l := newLab()
	viewed(l)
	l.clean(t)
	l.server.Mute = true
	r := l.archive(nil, nil, withoutDrafts)
	for _, raw := range []string{"All", "INBOX", "Work"} {
		l.server.Change(raw, func(m *mem.Mailbox) {
			if want := map[string]int{"All": 5}[raw]; len(m.Messages) != max(2, want) {
				t.Errorf("of %s, %d messages are left; %+v", raw, len(m.Messages), r.Released)
			}
		})
	}
}

func TestShown(t *testing.T) {
	rec := func(uid state.UID, size, date int64) state.Record {
		return state.Record{UID: uid, Size: size, Date: date, Status: state.Live}
	}
	gone := rec(9, 10, 1)
	gone.Status = state.OnlyHere
	got := match.Shown([][]state.Record{
		{rec(1, 10, 1), rec(2, 10, 2), rec(3, 10, state.NoDate), gone},
		{rec(1, 10, 1), rec(2, 20, 1)},
		{rec(5, 10, 1), rec(6, 30, 1), rec(7, 10, 2), rec(8, 10, state.NoDate)},
	}, []bool{false, false, true})
	var all []string
	for _, g := range got {
		all = append(all, fmt.Sprint(g))
	}
	slices.Sort(all)
	if want := []string{"map[0:[1] 1:[1] 2:[5]]", "map[0:[2] 2:[7]]"}; !slices.Equal(all, want) {
		t.Errorf("%q, want %q", all, want)
	}
	if got := match.Shown([][]state.Record{{rec(1, 10, 1)}, {rec(1, 10, 1)}}, []bool{false, false}); len(got) != 0 {
		t.Errorf("without a view: %v", got)
	}
}

// counted is how often each of the first messages is in each mailbox of the server.
func (l *lab) counted() string {
	var all []string
	for _, raw := range []string{"INBOX", "Work", "Drafts", "All"} {
		n := [5]int{}
		l.server.Change(raw, func(m *mem.Mailbox) {
			for _, msg := range m.Messages {
				for i := range n {
					if msg.Body == body(i) {
						n[i]++
					}
				}
			}
		})
		all = append(all, fmt.Sprint(raw, n))
	}
	return strings.Join(all, " ")
}

// An undo of what views showed, interrupted at every step, puts each message back once, where it was.
func TestUndoOfViewsCutAtEveryStep(t *testing.T) {
	for n := 1; ; n += stride(t) {
		l := newLab()
		viewed(l)
		l.clean(t)
		l.archive(nil, nil, withoutDrafts)
		if got, want := l.counted(), "INBOX[0 0 0 0 0] Work[0 0 0 0 0] Drafts[0 0 0 0 1] All[0 0 0 0 1]"; got != want {
			t.Fatalf("archived: %s, want %s", got, want)
		}
		step, reached := cutAt(n)
		a := l.account(l.disk)
		a.Step = step
		sync.Undo(context.Background(), a)
		if r := sync.Undo(context.Background(), l.account(l.disk)); r.Status() != "ok" {
			t.Fatalf("cut at step %d, then: %v %v", n, r.Fatal, r.Problems)
		}
		if got, want := l.counted(), "INBOX[1 0 1 0 0] Work[0 1 0 1 0] Drafts[0 0 0 0 1] All[0 0 0 0 1]"; got != want {
			t.Fatalf("cut at step %d: %s, want %s", n, got, want)
		}
		if !reached() {
			break
		}
	}
}

// So does a restore to a server that has lost all.
func TestRestoreHomeOfViewsCutAtEveryStep(t *testing.T) {
	for n := 1; ; n += stride(t) {
		l := newLab()
		viewed(l)
		l.clean(t)
		for _, raw := range []string{"INBOX", "Work", "Drafts", "All"} {
			l.server.Change(raw, func(m *mem.Mailbox) {
				for len(m.Messages) > 0 {
					m.Expunge(m.Messages[0].UID)
				}
			})
		}
		step, reached := cutAt(n)
		l.home(nil, step)
		if r := l.home(nil, nil); r.Fatal != nil || len(r.Problems) > 0 {
			t.Fatalf("cut at step %d, then: %v %v", n, r.Fatal, r.Problems)
		}
		if got, want := l.counted(), "INBOX[1 0 1 0 0] Work[0 1 0 1 0] Drafts[0 0 0 0 1] All[0 0 0 0 0]"; got != want {
			t.Fatalf("cut at step %d: %s, want %s", n, got, want)
		}
		if !reached() {
			break
		}
	}
}
