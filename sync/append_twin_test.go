package sync_test

import (
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
)

// While a file goes to the server it has its own name, then two, then one of ours. A mail
// program may rename either at any moment, of that run, of one that was interrupted, and of the
// next, and it stays one message.
func TestAFileOfTwoNamesIsOneMessage(t *testing.T) {
	for _, first := range []string{"own", "ours"} {
		for _, cut := range []bool{false, true} {
			for n, whole := 1, false; !whole; n++ {
				for _, second := range []string{"own", "ours"} {
					for m, last := 1, false; !last; m++ {
						l := newLab()
						l.policy.Append = true
						l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(1), 1700000001) })
						l.clean(t)
						l.drop(t, "INBOX/new/x", "Subject: one\n\ntwo names\n")
						// The run itself may fail, where a name goes while it looks at it.
						reached := l.renaming(t, first, n, cut)
						whole = !reached
						last = !l.renaming(t, second, m, false)
						for range 3 {
							l.clean(t)
						}
						if s, d := len(l.onServer("INBOX")), len(l.files(t)); s != 2 || d != 2 {
							t.Fatalf("%s name changed at step %d (cut there: %v), %s at step %d of the next run: %d on the server, %d here, want 2 and 2",
								first, n, cut, second, m, s, d)
						}
					}
				}
			}
		}
	}
}

// renaming is a run beside a mail program that renames files at the n-th step; with cut it
// is interrupted right after. It reports whether it came so far.
func (l *lab) renaming(t testing.TB, which string, n int, cut bool) (reached bool) {
	count := 0
	l.run(nil, func(string) error {
		count++
		if count == n {
			l.toggle(t, "two names", which)
		}
		if cut && count > n {
			return errTestCut
		}
		return nil
	})
	return count >= n
}

// toggle plays a mail program that flags a message under its own name or under ours, or
// takes that flag away.
func (l *lab) toggle(t testing.TB, text, which string) {
	t.Helper()
	for _, dir := range []string{"INBOX/cur", "INBOX/new"} {
		names, err := l.disk.Names(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			p := path.Join(dir, name)
			ours := strings.Contains(name, ".mailsync")
			if which == "own" && ours || which == "ours" && !ours || !strings.Contains(l.rebuilt(t, p), text) {
				continue
			}
			base, letters, _ := strings.Cut(name, ":2,")
			next := "F"
			if letters == "F" {
				next = ""
			}
			if err := l.disk.Rename(p, "INBOX/cur/"+base+":2,"+next); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A file that is renamed from new to cur between the reads of the two is seen in both, and
// within one tick of the clock no time stamp tells of it. It is appended once.
func TestAppendOfAFileThatIsSeenTwice(t *testing.T) {
	l := filled()
	l.disk = disktest.NewMem(disktest.MemOptions{Grain: 2 * time.Second})
	l.policy.Append = true
	l.clean(t)
	l.drop(t, "INBOX/new/x", "Subject: one\n\nseen twice\n")
	renamed := false
	l.run(disktest.FailWhen(l.disk, func(_ int, call string) error {
		if call == "names INBOX/cur" && l.holds("INBOX/new/x") {
			renamed = true
			return l.disk.Rename("INBOX/new/x", "INBOX/cur/x:2,S")
		}
		return nil
	}), nil)
	if !renamed {
		t.Fatal("it was not renamed")
	}
	for range 3 {
		l.clean(t)
	}
	if s, d := l.copies(t, "seen twice"); s != 1 || d != 1 {
		t.Errorf("%d times on the server, %d times here", s, d)
	}
}

// The same between any two calls of the disk, with servers that tell no UIDs too, and in runs
// that break off.
func TestAFileThatIsRenamedAllTheTimeIsOneMessage(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 7))
		l := newLab()
		l.disk = disktest.NewMem(disktest.MemOptions{Grain: 4 * time.Millisecond})
		mirror(&l.policy)
		l.policy.Append = true
		l.server.NoUIDPlus = seed%3 == 0
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(1), 1700000001) })
		l.clean(t)
		l.drop(t, []string{"INBOX/new/x", "INBOX/cur/x:2,"}[rng.IntN(2)], "Subject: one\n\ntwo names\n")
		every := []int{5, 20, 60}[rng.IntN(3)]
		for range 3 {
			steps, last := 0, rng.IntN(60)
			l.run(disktest.FailWhen(l.disk, func(int, string) error {
				if rng.IntN(every) == 0 {
					l.toggle(t, "two names", []string{"own", "ours"}[rng.IntN(2)])
				}
				return nil
			}), func(string) error {
				if steps++; steps > last {
					return errTestCut
				}
				return nil
			})
		}
		for range 4 {
			l.run(nil, nil)
		}
		l.clean(t)
		if s, d := len(l.onServer("INBOX")), len(l.files(t)); s != 2 || d != 2 {
			t.Fatalf("seed %d: %d on the server, %d here, want 2 and 2", seed, s, d)
		}
	}
}
