package sync_test

import (
	"slices"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// restless is a lab on a server that gives an empty mailbox another UIDVALIDITY each time.
func restless(condstore bool) *lab {
	l := newLab()
	l.server.Restless = true
	mirror(&l.policy)
	if !condstore {
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.ModSeq = 0 })
	}
	return l
}

// numberings returns how many generations of INBOX marker and base know.
func (l *lab) numberings(t testing.TB) (marker, base int) {
	t.Helper()
	md, err := l.account(l.disk).Tree.Open("INBOX")
	if err != nil {
		t.Fatal(err)
	}
	m, err := md.Marker()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := l.base.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(m.Generations), len(rows[0].Generations)
}

// still runs the account and expects that nothing is written, here or there.
func (l *lab) still(t testing.TB) {
	t.Helper()
	var steps []string
	if r := l.run(nil, func(s string) error { steps = append(steps, s); return nil }); r.Status() != "ok" {
		t.Fatalf("%+v", r)
	}
	steps = slices.DeleteFunc(steps, func(s string) bool { return s == "tidy INBOX" })
	if len(steps) > 0 {
		t.Fatalf("an idle run did %q", steps)
	}
}

// A mailbox in which nothing is, here or there, is numbered by its first message: until that
// comes, a server that gives it another UIDVALIDITY each time makes nothing grow.
func TestEmptyMailboxOfManyNumberings(t *testing.T) {
	for _, condstore := range []bool{false, true} {
		l := restless(condstore)
		l.clean(t)
		l.clean(t)
		for range 5 {
			l.idle(t)
		}
		l.change = func(a *port.Account) { a.Full = true }
		l.clean(t)
		l.change = nil
		l.idle(t)
		if marker, base := l.numberings(t); marker != 1 || base != 1 {
			t.Errorf("%d generations in the marker, %d in the base; want the first alone", marker, base)
		}
		v := l.verify()
		v.Server = l.server
		l.verified(t, v, "")

		l.server.Change("INBOX", func(m *mem.Mailbox) { m.UIDValidity++; m.Add(body(1), 1700000001) })
		if r := l.clean(t); r.Fetched != 1 {
			t.Errorf("fetched %d, want the first message", r.Fetched)
		}
		l.clean(t)
		l.still(t)
		if marker, base := l.numberings(t); marker != 2 || base != 2 {
			t.Errorf("%d generations in the marker, %d in the base; want one for the message", marker, base)
		}

		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1) })
		for range 4 {
			l.clean(t)
		}
		for range 3 {
			l.still(t)
		}
		if marker, base := l.numberings(t); marker > 3 || base > 3 {
			t.Errorf("%d generations in the marker, %d in the base, after the mailbox was emptied", marker, base)
		}
	}
}

// A message that had a UID under numbers which were not learned never meets another's file.
func TestMessagesBetweenManyNumberings(t *testing.T) {
	l := restless(false)
	l.policy.OnServerDelete = plan.Keep
	var want []string
	for n := range 4 {
		l.clean(t)
		l.still(t)
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.UIDValidity++; m.UIDNext = 1; m.Add(body(n), 1700000000) })
		want = append(want, "INBOX "+body(n))
		l.clean(t)
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1) })
		l.clean(t)
		l.clean(t)
	}
	if got := l.bodies(t); !slices.Equal(got, want) {
		t.Errorf("on disk %q\nwant %q", got, want)
	}
}

// Cut at every step, a first message comes once, and a file goes once, whatever numbers
// were told before.
func TestEmptyMailboxOfManyNumberingsCutAtEveryStep(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(t *testing.T, l *lab)
	}{
		{"first run", func(*testing.T, *lab) {}},
		{"empty still", func(t *testing.T, l *lab) { l.clean(t) }},
		{"a message comes", func(t *testing.T, l *lab) {
			l.clean(t)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(1), 1700000001) })
		}},
		{"a message goes", func(t *testing.T, l *lab) {
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(1), 1700000001) })
			l.clean(t)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1) })
		}},
		{"a file is appended", func(t *testing.T, l *lab) {
			l.clean(t)
			l.drop(t, "INBOX/cur/a:2,S", "Subject: mine\n\nmine\n")
		}},
		{"the state is lost", func(t *testing.T, l *lab) {
			l.clean(t)
			l.base = mem.NewBase()
		}},
	} {
		for _, noUIDPlus := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				begin := func() *lab {
					l := restless(false)
					l.policy.Append, l.policy.OnServerDelete = true, plan.Keep
					l.server.NoUIDPlus = noUIDPlus
					c.before(t, l)
					return l
				}
				end := func(l *lab) (here, there []string, generations int) {
					for range 4 {
						l.clean(t)
					}
					l.still(t)
					l.verified(t, l.verify(), "")
					marker, base := l.numberings(t)
					return l.bodies(t), l.onServer("INBOX"), max(marker, base)
				}
				here, there, most := end(begin())
				for n := 1; ; n++ {
					l := begin()
					step, reached := cutAt(n)
					l.run(nil, step)
					if !reached() {
						break
					}
					gotHere, gotThere, generations := end(l)
					if !slices.Equal(gotHere, here) || !slices.Equal(gotThere, there) {
						t.Fatalf("cut at step %d: here %q, there %q; want %q and %q", n, gotHere, gotThere, here, there)
					}
					if generations > most+1 {
						t.Fatalf("cut at step %d: %d generations, unbroken %d", n, generations, most)
					}
				}
			})
		}
	}
}

// Records keep a generation from outliving its numbers: an empty listing under others does
// not say that their messages were deleted.
func TestEmptiedUnderOtherNumbersDeletesNothing(t *testing.T) {
	l := newLab()
	mirror(&l.policy)
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for n := range 3 {
			m.Add(body(n), 1700000000+int64(n))
		}
	})
	l.clean(t)
	want := l.bodies(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1, 2, 3); m.Renumber(5000, 1) })
	for range 3 {
		if r := l.clean(t); r.DeletedOnDisk+r.DeletedOnServer > 0 {
			t.Fatalf("%+v", r)
		}
	}
	if got := l.bodies(t); !slices.Equal(got, want) {
		t.Errorf("on disk %q, want %q", got, want)
	}
	if rec := l.record(t, "INBOX", 1); rec != (state.Record{}) {
		t.Errorf("%+v", rec)
	}
}
