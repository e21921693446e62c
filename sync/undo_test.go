package sync_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/backends/maildir/disk"
	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
	"mailsync/sync"
	"mailsync/sync/port"
)

// undo runs "archive --undo".
func (l *lab) undo(under disk.FS, step func(string) error) *port.Result {
	if under == nil {
		under = l.disk
	}
	a := l.account(under)
	a.Step = step
	a.Release = &port.Release{}
	l.shelve(a, under)
	return sync.Undo(context.Background(), a)
}

// told is every message on the server with flags and date, but for its UID.
func (l *lab) told() (all []string) {
	for _, raw := range []string{"INBOX", "Lists/Go"} {
		l.server.Change(raw, func(m *mem.Mailbox) {
			for _, msg := range m.Messages {
				all = append(all, fmt.Sprintln(raw, msg.Date, slices.Sorted(maps.Keys(msg.Flags)), msg.Body))
			}
		})
	}
	slices.Sort(all)
	return all
}

// undone expects that everything is on the server as it was, and here once, and that a
// sync has nothing to fetch or append.
func (l *lab) undone(t testing.TB, want, here []string, when string) {
	t.Helper()
	if got := l.told(); !slices.Equal(got, want) {
		t.Fatalf("%s: on the server\n%s\nwant\n%s", when, strings.Join(got, ""), strings.Join(want, ""))
	}
	l.change = func(a *port.Account) {
		a.Release = &port.Release{}
		l.shelve(a, l.disk)
	}
	for range 2 {
		if r := l.clean(t); r.Fetched+r.Appended+r.DeletedOnServer+r.FlagsToServer+r.FlagsToDisk > 0 {
			t.Fatalf("%s: the sync after it did something: %+v", when, r)
		}
	}
	l.idle(t)
	if got := l.bodies(t); !slices.Equal(got, here) {
		t.Fatalf("%s: on disk\n%.3000q\nwant\n%.3000q", when, got, here)
	}
	if got := l.told(); !slices.Equal(got, want) {
		t.Fatalf("%s: after the sync\n%s", when, strings.Join(got, ""))
	}
}

// archivedOnce is old, archived, with what was on the server and here before.
func archivedOnce(t testing.TB, mod func(*port.Account)) (l *lab, server, here []string) {
	t.Helper()
	l = old(t)
	l.clean(t)
	server, here = l.told(), l.bodies(t)
	l.archived(t, mod)
	return l, server, here
}

// TestUndo puts back what the last archive run took, once, and not what the one before took.
func TestUndo(t *testing.T) {
	for _, c := range archiveWays {
		t.Run(c.name, func(t *testing.T) {
			l, server, here := archivedOnce(t, c.mod)
			if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != 5 {
				t.Fatalf("%s: %+v %v %v", r.Status(), r, r.Problems, r.Fatal)
			}
			l.undone(t, server, here, "undone")
			if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != 0 {
				t.Fatalf("undone again: %+v %v", r, r.Problems)
			}
			l.undone(t, server, here, "undone again")
			// Then they can be archived anew: they are fetched and compared first.
			if r := l.archived(t, c.mod); r.Released.Deleted != 5 || r.Fetched != 5 {
				t.Errorf("archived anew: %+v of it %+v", r, r.Released)
			}
			if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != 5 {
				t.Fatalf("%s: %+v %v %v", r.Status(), r, r.Problems, r.Fatal)
			}
			l.undone(t, server, here, "undone anew")
		})
	}
}

// A run that was interrupted and the one that finished it are one.
func TestUndoOfABrokenRun(t *testing.T) {
	l := old(t)
	l.clean(t)
	server, here := l.told(), l.bodies(t)
	l.archive(nil, func(s string) error {
		if strings.HasPrefix(s, "expunge") && strings.Contains(s, "Lists") {
			return errTestCut
		}
		return nil
	}, nil)
	l.archived(t, nil)
	if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != 5 {
		t.Fatalf("%+v %v", r, r.Problems)
	}
	l.undone(t, server, here, "undone")
}

// TestUndoCutAtEveryStep breaks an undo off at every step; the next one ends it.
func TestUndoCutAtEveryStep(t *testing.T) {
	for _, c := range archiveWays {
		for _, between := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, sync between %t", c.name, between), func(t *testing.T) {
				t.Parallel()
				for n := 1; ; n += stride(t) {
					l, server, here := archivedOnce(t, c.mod)
					step, reached := cutAt(n)
					l.undo(nil, step)
					if !reached() {
						break
					}
					l.nothingIsLost(t, here, fmt.Sprint("cut at step ", n))
					if between {
						l.change = func(a *port.Account) {
							a.Release = &port.Release{}
							l.shelve(a, l.disk)
						}
						l.clean(t)
						l.change = nil
					}
					if r := l.undo(nil, nil); r.Status() != "ok" {
						t.Fatalf("cut at step %d, then: %v %v", n, r.Fatal, r.Problems)
					}
					l.undone(t, server, here, fmt.Sprint("cut at step ", n))
				}
			})
		}
	}
}

// TestUndoPowerLoss cuts the power at every change of the disk.
func TestUndoPowerLoss(t *testing.T) {
	t.Parallel()
	for n := 1; ; n += stride(t) {
		l, server, here := archivedOnce(t, nil)
		cut := disktest.CutAt(l.disk, n)
		l.undo(cut, nil)
		if cut.Changes() < n {
			break
		}
		l.disk = l.disk.Crash(rand.New(rand.NewPCG(uint64(n), 11)))
		l.disk.Wait(t.Context(), time.Hour)
		l.nothingIsLost(t, here, fmt.Sprint("power cut at change ", n))
		if r := l.undo(nil, nil); r.Status() != "ok" {
			t.Fatalf("power cut at change %d, then: %v %v", n, r.Fatal, r.Problems)
		}
		l.undone(t, server, here, fmt.Sprintf("power cut at change %d (%s)", n, last(cut.Log())))
	}
}
