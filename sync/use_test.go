package sync_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
)

// remembered spells the special uses that base and markers know, one line a mailbox that has one
// in either.
func (l *lab) remembered(t testing.TB) string {
	t.Helper()
	rows, err := l.base.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	base := map[string]string{}
	for _, row := range rows {
		base[row.Raw] = row.Use
	}
	found, err := l.verify().Tree.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	markers := map[string]string{}
	for _, f := range found {
		if f.Err != nil {
			t.Fatal(f.Err)
		}
		markers[f.Marker.Raw] = f.Marker.Use
		if _, ok := base[f.Marker.Raw]; !ok {
			base[f.Marker.Raw] = ""
		}
	}
	var lines []string
	for _, raw := range slices.Sorted(maps.Keys(base)) {
		switch b, m := base[raw], markers[raw]; {
		case b != m:
			lines = append(lines, fmt.Sprintf("%s %s, in its marker %s", raw, b, m))
		case b != "":
			lines = append(lines, raw+" "+b)
		}
	}
	return strings.Join(lines, "; ")
}

func (l *lab) wantUses(t testing.TB, want string) {
	t.Helper()
	if got := l.remembered(t); got != want {
		t.Fatalf("remembered is %q, want %q", got, want)
	}
}

// give makes the server tell that a mailbox has a special use, "" none.
func (l *lab) give(raw, use string) {
	l.server.Change(raw, func(m *mem.Mailbox) { m.Role = use })
}

// roled is a lab with a mailbox for sent mail, one for drafts and one without a use.
func roled() *lab {
	l := newLab()
	for _, raw := range []string{"Ausgang", "Entwürfe", "Work"} {
		l.server.Create(raw)
		l.server.Change(raw, func(m *mem.Mailbox) { m.Add("Subject: "+raw+"\r\n\r\n", 1700000000) })
	}
	l.give("Ausgang", "sent")
	l.give("Entwürfe", "drafts")
	return l
}

func TestWhatTheServerSaidOfUsesIsRemembered(t *testing.T) {
	l := roled()
	l.clean(t)
	l.wantUses(t, "Ausgang sent; Entwürfe drafts")
	l.idle(t)

	// The use goes to another mailbox. Nothing is asked of the server but its listing.
	l.give("Ausgang", "")
	l.give("Work", "sent")
	before := l.server.Commands()
	if r := l.clean(t); r.Unchanged != r.Mailboxes || r.Fetched > 0 {
		t.Errorf("another use is work for the user: %+v", r)
	}
	if n := l.server.Commands() - before; n != 1 {
		t.Errorf("another use cost %d commands, want one", n)
	}
	l.wantUses(t, "Entwürfe drafts; Work sent")
	l.idle(t)

	// A server that tells no uses says nothing about them; one that tells them, and none of these, does.
	l.server.NoUses = true
	l.idle(t)
	l.wantUses(t, "Entwürfe drafts; Work sent")
	l.server.Change("Work", func(m *mem.Mailbox) { m.Add("Subject: new\r\n\r\n", 1700000001) })
	l.clean(t)
	l.wantUses(t, "Entwürfe drafts; Work sent")
	l.server.NoUses = false
	l.give("Work", "")
	l.clean(t)
	l.wantUses(t, "Entwürfe drafts")
	l.idle(t)
}

// A base and markers that were written before uses were kept learn them in one run.
func TestUsesAreLearnedOfMailboxesThatAreKnown(t *testing.T) {
	l := roled()
	l.server.NoUses = true
	l.clean(t)
	l.wantUses(t, "")
	l.idle(t)
	l.server.NoUses = false
	l.change = func(a *port.Account) { a.DryRun = true }
	l.run(nil, func(s string) error { t.Errorf("a dry run does %q", s); return nil })
	l.wantUses(t, "")
	l.change = nil
	l.clean(t)
	l.wantUses(t, "Ausgang sent; Entwürfe drafts")
	l.idle(t)
}

func TestUsesAreKnownWithoutTheState(t *testing.T) {
	l := roled()
	l.clean(t)
	l.base = mem.NewBase()
	l.server.NoUses = true
	var asked []string
	l.change = func(a *port.Account) {
		a.Include = func(m state.Listed) bool {
			asked = append(asked, m.Raw+"="+m.Role)
			return true
		}
	}
	if r := l.clean(t); r.Fetched > 0 {
		t.Errorf("fetched %d", r.Fetched)
	}
	l.wantUses(t, "Ausgang sent; Entwürfe drafts")
	// Patterns by role match what is remembered, with the state and without.
	l.clean(t)
	for _, m := range asked {
		if slices.Contains([]string{"Ausgang=", "Entwürfe=", "Work=sent"}, m) {
			t.Errorf("included is asked with %q", m)
		}
	}
	if !slices.Contains(asked, "Ausgang=sent") {
		t.Errorf("included was asked with %q", asked)
	}
	l.change = nil

	// What the server says now counts, not what an old marker says.
	l.base = mem.NewBase()
	l.server.NoUses = false
	l.give("Ausgang", "")
	l.give("Work", "sent")
	l.clean(t)
	l.wantUses(t, "Entwürfe drafts; Work sent")
	l.clean(t)
	l.idle(t)
}

// A mailbox that is renamed and gets a use at once, a Maildir that lost its marker, and new numbers: the
// marker that is written for another reason knows the use too.
func TestUsesStayWhateverElseHappens(t *testing.T) {
	for name, happens := range map[string]func(t *testing.T, l *lab) string{
		"renamed": func(t *testing.T, l *lab) string {
			l.server.Rename("Ausgang", "Sent")
			return "Entwürfe drafts; Sent sent"
		},
		"renamed, and another use": func(t *testing.T, l *lab) string {
			l.server.Rename("Ausgang", "Old")
			l.give("Old", "archive")
			return "Entwürfe drafts; Old archive"
		},
		"the marker is gone": func(t *testing.T, l *lab) string {
			if err := l.disk.Remove("Ausgang/mailsync.marker"); err != nil {
				t.Fatal(err)
			}
			return "Ausgang sent; Entwürfe drafts"
		},
		"the marker is gone, and another use": func(t *testing.T, l *lab) string {
			if err := l.disk.Remove("Ausgang/mailsync.marker"); err != nil {
				t.Fatal(err)
			}
			l.give("Ausgang", "junk")
			return "Ausgang junk; Entwürfe drafts"
		},
		"new numbers": func(t *testing.T, l *lab) string {
			l.server.Change("Ausgang", func(m *mem.Mailbox) { m.UIDValidity += 100 })
			l.give("Ausgang", "archive")
			return "Ausgang archive; Entwürfe drafts"
		},
		"an older base, and a server that tells none": func(t *testing.T, l *lab) string {
			rows, err := l.base.Mailboxes(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				row.Use = ""
				if err := l.base.SaveMailbox(t.Context(), &row); err != nil {
					t.Fatal(err)
				}
			}
			l.server.NoUses = true
			l.server.Change("Ausgang", func(m *mem.Mailbox) { m.Add("Subject: new\r\n\r\n", 1700000001) })
			l.clean(t)
			l.wantUses(t, "Ausgang sent; Entwürfe , in its marker drafts") // one that was not looked at
			l.server.NoUses = false
			return "Ausgang sent; Entwürfe drafts"
		},
		"the mailbox is gone": func(t *testing.T, l *lab) string {
			l.server.Drop("Ausgang")
			return "Ausgang sent; Entwürfe drafts"
		},
		"a run about another mailbox": func(t *testing.T, l *lab) string {
			l.give("Ausgang", "")
			l.give("Work", "sent")
			l.change = func(a *port.Account) {
				a.Partial, a.Include = true, func(m state.Listed) bool { return m.Raw == "Work" }
			}
			l.clean(t)
			l.wantUses(t, "Ausgang sent; Entwürfe drafts; Work sent")
			l.change = nil
			return "Entwürfe drafts; Work sent"
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := roled()
			l.clean(t)
			want := happens(t, l)
			l.clean(t)
			l.wantUses(t, want)
			l.clean(t)
			l.idle(t)
		})
	}
}

// Wherever a run that learns of another use is cut, the next one ends where an unbroken one does.
func TestAUseThatChangesCutAtEveryStep(t *testing.T) {
	for _, back := range []bool{false, true} { // the user takes it back before the next run
		for n := 1; ; n++ {
			l := roled()
			l.clean(t)
			l.give("Ausgang", "")
			l.give("Work", "sent")
			step, reached := cutAt(n)
			l.run(nil, step)
			want := "Entwürfe drafts; Work sent"
			if back {
				l.give("Ausgang", "sent")
				l.give("Work", "")
				want = "Ausgang sent; Entwürfe drafts"
			}
			l.clean(t)
			l.wantUses(t, want)
			l.idle(t)
			if !reached() {
				if n < 5 {
					t.Fatalf("there were only %d steps to cut at", n-1)
				}
				break
			}
		}
	}
}

// So it is where the power goes: each marker is the old one or the new one, whole.
func TestAUseThatChangesPowerLoss(t *testing.T) {
	for n := 1; ; n++ {
		l := roled()
		l.clean(t)
		l.clean(t)
		l.give("Ausgang", "")
		l.give("Work", "sent")
		cut := disktest.CutAt(l.disk, n)
		l.run(cut, nil)
		if cut.Changes() < n {
			if n < 5 {
				t.Fatalf("there were only %d changes to cut at", n-1)
			}
			return
		}
		l.disk = l.disk.Crash(rand.New(rand.NewPCG(uint64(n), 11)))
		l.disk.Wait(t.Context(), time.Hour)
		l.torn = true
		if got := l.remembered(t); strings.Count(got, "drafts") != 1 {
			t.Errorf("power cut at change %d: %q", n, got)
		}
		l.clean(t)
		l.wantUses(t, "Entwürfe drafts; Work sent")
		l.clean(t)
		l.idle(t)
		if len(l.files(t)) != 3 {
			t.Fatalf("power cut at change %d: the files are %v", n, l.files(t))
		}
	}
}

// A look at the mailboxes of one use is about those that had it when they were last synced, and, of those
// that are not here, about those that have it now.
func TestVerifyByUse(t *testing.T) {
	l := roled()
	l.clean(t)
	v := l.verify()
	v.Server = l.server
	v.Only = func(row state.MailboxRow) bool { return row.Use == "sent" }
	v.OnlyThere = func(m state.Listed) bool { return m.Role == "sent" }
	if got := l.verified(t, v, ""); got.Mailboxes != 1 || got.Files != 1 {
		t.Errorf("looked at %d mailboxes, %d files", got.Mailboxes, got.Files)
	}
	l.give("Ausgang", "")
	l.give("Work", "sent")
	l.verified(t, v, "")
	for raw, role := range map[string]string{"New": "sent", "Other": "junk"} {
		l.server.Create(raw).Role = role
		l.server.Change(raw, func(m *mem.Mailbox) { m.Add("Subject: new\r\n\r\n", 1700000001) })
	}
	l.verified(t, v, "not_here New 0 all of the mailbox; messages: 1")
}
