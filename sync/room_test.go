package sync_test

import (
	"strings"
	"testing"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// limited is a tree on a disk of so much free space.
type limited struct {
	port.Tree
	free int64
}

func (l limited) Free() (int64, error) { return l.free, nil }

// What the other accounts of a run will write to the same disk is not free. The error says how much is needed and free, and where.
func TestRoomThatOthersNeed(t *testing.T) {
	const free = 3 << 20
	for _, others := range []int64{0, 2 << 20} {
		l := filled()
		var claims []int64
		l.change = func(a *port.Account) {
			a.Tree, a.Root = limited{a.Tree, free}, "/home/ada/Mail"
			a.Claim = func(octets int64) int64 {
				claims = append(claims, octets)
				return others
			}
		}
		r := l.run(nil, nil)
		if last := len(claims) - 1; last < 0 || claims[0] < 1<<20 || claims[last] != 0 {
			t.Fatalf("claimed %v: what is needed first, and nothing at the end", claims)
		}
		if others == 0 {
			if r.Fatal != nil || len(claims) < 3 || claims[1] >= claims[0] {
				t.Errorf("%v; claimed %v, want less after each item", r.Fatal, claims)
			}
			continue
		}
		text := ""
		if r.Fatal != nil {
			text = r.Fatal.Error()
		}
		if state.KindOf(r.Fatal) != state.Storage || len(l.files(t)) > 0 || !strings.HasPrefix(text, state.Size(claims[0])+" of disk space are needed for ") ||
			!strings.Contains(text, "3.0 MiB are free at /home/ada/Mail, of which other accounts of this run need 2.0 MiB") {
			t.Errorf("%q, %d files", text, len(l.files(t)))
		}
	}
}

// A dry run says that there is no room, and shows what it would do nevertheless.
func TestRoomInADryRun(t *testing.T) {
	l := filled()
	said := &foretold{adding: adding{mu: newMutex()}}
	l.change = func(a *port.Account) { a.Tree, a.DryRun, a.Watch = limited{a.Tree, 100_000}, true, said }
	r := l.run(nil, nil)
	if r.Fatal != nil || len(r.Problems) != 1 || state.KindOf(r.Problems[0].Err) != state.Storage {
		t.Errorf("%v, %v", r.Fatal, r.Problems)
	}
	if said.ops == 0 {
		t.Error("it does not show what it would do")
	}
}

type foretold struct {
	adding
	ops int
}

func (f *foretold) Op(string, plan.Op) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops++
}
