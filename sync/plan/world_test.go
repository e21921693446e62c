package plan

import (
	"fmt"
	"slices"
	"testing"

	"mailsync/internal/testkit/rows"

	"pgregory.net/rapid"

	"mailsync/state"
)

// truth is a mailbox as it really is, from which snapshots are taken.
type truth struct {
	server, disk map[state.UID]state.Flags
	base         map[state.UID]state.Record
}

const worldUIDs = 6

func randomTruth(t *rapid.T) truth {
	w := truth{map[state.UID]state.Flags{}, map[state.UID]state.Flags{}, map[state.UID]state.Record{}}
	flags := rapid.Map(rapid.IntRange(0, 63), func(n int) state.Flags { return state.Flags(n) })
	for uid := state.UID(1); uid <= worldUIDs; uid++ {
		if rapid.Bool().Draw(t, "server") {
			w.server[uid] = flags.Draw(t, "sflags")
		}
		if rapid.Bool().Draw(t, "disk") {
			w.disk[uid] = flags.Draw(t, "dflags")
		}
		if rapid.Bool().Draw(t, "base") {
			w.base[uid] = state.Record{UID: uid, Variant: 1,
				Status: state.Status(rapid.IntRange(0, int(state.Lacking)).Draw(t, "status")),
				Seen:   flags.Draw(t, "seen"), Agreed: flags.Draw(t, "agreed"), Size: rows.Size, Date: rows.Date}
		}
	}
	return w
}

func randomPolicy(t *rapid.T) Policy {
	p := Policy{FlagsToDisk: rapid.Bool().Draw(t, "toDisk"), MaxDelete: 100, Refetch: rapid.Bool().Draw(t, "refetch")}
	p.FlagsToServer = p.FlagsToDisk && rapid.Bool().Draw(t, "toServer")
	if rapid.Bool().Draw(t, "sdel") {
		p.OnServerDelete = Delete
	}
	if rapid.Bool().Draw(t, "ddel") {
		p.OnDiskDelete = Delete
	}
	return p
}

// look takes snapshots of the truth, as good as the scan was.
func (w truth) look(p Policy, all, complete, diskComplete, proves bool) World {
	world := World{Policy: p, DiskProves: proves,
		Server: &state.ServerSnapshot{All: all, Complete: complete, ReadOnly: true},
		Disk:   &state.DiskSnapshot{Scanned: true, Complete: diskComplete, Can: state.System}}
	for uid := state.UID(1); uid <= worldUIDs; uid++ {
		if rec, ok := w.base[uid]; ok {
			world.Base = append(world.Base, rec)
		}
		_, there := w.server[uid]
		rec, known := w.base[uid]
		switch {
		case there && (all || !known || rec.Seen != w.server[uid] || !rec.Status.OnServer()):
			world.Server.Messages = append(world.Server.Messages, state.OnServer{UID: uid, Flags: w.server[uid], Size: rows.Size, Date: rows.Date})
		case !there && !all && known && rec.Status.OnServer():
			world.Server.Gone = append(world.Server.Gone, uid)
		}
		if f, ok := w.disk[uid]; ok {
			world.Disk.Messages = append(world.Disk.Messages, state.OnDisk{UID: uid, Variant: 1, Flags: f, Size: rows.Size, Name: uint32(len(world.Disk.Names))})
			world.Disk.Names = append(world.Disk.Names, fmt.Sprintf("cur/%d\x00", uid)...)
		}
	}
	return world
}

// do carries out a plan on the truth, as the executor would if nothing failed.
func (w truth) do(ops []Op) {
	for _, o := range ops {
		rec := w.base[o.UID]
		if rec.UID == 0 {
			rec = state.Record{UID: o.UID, Variant: 1, Size: rows.Size, Date: rows.Date}
		}
		switch o.Kind {
		case OpFetch:
			file, here := w.disk[o.UID]
			if !here {
				file = o.Flags &^ state.Deleted
				w.disk[o.UID] = file
			}
			rec.Status, rec.Seen = state.Live, o.Flags
			rec.Agreed = Agreement(rec.Agreed, o.Flags, file)
		case OpFlagServer:
			w.server[o.UID] = o.Flags
			rec.Seen, rec.Agreed = o.Flags, Agreement(rec.Agreed, o.Flags, o.Disk)
		case OpFlagDisk:
			w.disk[o.UID] = o.Flags
			rec.Agreed = Agreement(rec.Agreed, o.Server, o.Flags)
		case OpAgree:
			rec.Status, rec.Agreed = o.Status, o.Flags
		case OpRelease, OpExpunge:
			delete(w.server, o.UID)
			rec.Status = state.OnlyHere
			if o.Kind == OpExpunge {
				rec.Status = state.Gone
			}
		case OpFileAway:
			delete(w.disk, o.UID)
		case OpRemove:
			delete(w.disk, o.UID)
			rec.Status = state.Gone
		case OpForget:
			delete(w.base, o.UID)
			continue
		}
		w.base[o.UID] = rec
	}
}

// learned replaces the base by what Learn makes of it.
func (w truth) learned(world World) {
	put := Learn(world)
	clear(w.base)
	for _, r := range Apply(world.Base, put, nil) {
		w.base[r.UID] = r
	}
}

// After a plan was carried out there is nothing left to do, however it was scanned.
func TestPlanningAgainGivesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, p := randomTruth(t), randomPolicy(t)
		world := w.look(p, rapid.Bool().Draw(t, "all"), true, true, true)
		w.learned(world)
		world.Base = w.look(p, true, true, true, true).Base
		w.do(Plan(world))
		for range 2 { // what a fetch compares, or an expunge leaves, needs a second look
			again := w.look(p, true, true, true, true)
			w.learned(again)
			again.Base = w.look(p, true, true, true, true).Base
			w.do(Plan(again))
		}
		p.Refetch = false
		last := w.look(p, true, true, true, true)
		if ops := Plan(last); len(ops) > 0 {
			t.Fatalf("still to do: %s\nbase %v", spell(ops), last.Base)
		}
	})
}

// What a name does not say never reaches the server, whatever was agreed on.
func TestSilentNamesStoreNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, p := randomTruth(t), randomPolicy(t)
		world := w.look(p, rapid.Bool().Draw(t, "all"), true, true, rapid.Bool().Draw(t, "proves"))
		for i := range world.Disk.Messages {
			m := &world.Disk.Messages[i]
			m.Flags, m.Silent, m.Hidden = 0, true, true
		}
		world.Base = Apply(world.Base, Learn(world), nil)
		for _, o := range Plan(world) {
			if o.Kind == OpFlagServer {
				t.Fatalf("%v, base %v", o, w.base[o.UID])
			}
		}
	})
}

// What Learn committed is enough: a run that is interrupted right after it plans the same
// again without looking at the server, and what the snapshot showed need not be kept any longer.
func TestLearnedIsAsGoodAsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, p := randomTruth(t), randomPolicy(t)
		seen := w.look(p, rapid.Bool().Draw(t, "all"), true, true, true)
		put := Learn(seen)
		seen.Base = Apply(seen.Base, put, nil)
		blind, less := seen, seen
		blind.Server, less.Server = nil, seen.Server.Learned()
		a, b, c := Plan(seen), Plan(blind), Plan(less)
		if spell(a) != spell(b) || !slices.Equal(a, c) {
			t.Fatalf("with the snapshot %q\nfrom the base %q\nwithout messages %q", spell(a), spell(b), spell(c))
		}
	})
}

// No copy is taken away on the word of a snapshot that is not complete, or because of a
// file that is missing in a copied tree; and no message that only one side has is ever
// taken away there unless the base knows that both had it.
func TestNothingIsDestroyedWithoutProof(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, p := randomTruth(t), randomPolicy(t)
		complete, diskComplete := rapid.Bool().Draw(t, "complete"), rapid.Bool().Draw(t, "diskComplete")
		proves := rapid.Bool().Draw(t, "proves")
		world := w.look(p, rapid.Bool().Draw(t, "all"), complete, diskComplete, proves)
		if !complete || !diskComplete { // parts of both sides were not seen
			world.Server.Messages = slices.DeleteFunc(world.Server.Messages, func(state.OnServer) bool { return !complete && rapid.Bool().Draw(t, "unseen") })
			world.Disk.Messages = slices.DeleteFunc(world.Disk.Messages, func(state.OnDisk) bool { return !diskComplete && rapid.Bool().Draw(t, "unread") })
		}
		for _, o := range Plan(world) {
			rec, known := w.base[o.UID]
			_, onServer := w.server[o.UID]
			_, onDisk := w.disk[o.UID]
			switch o.Kind {
			case OpRemove:
				if onServer && !(known && rec.Status == state.Gone) || !known || rec.Status == state.OnlyHere || p.OnServerDelete != Delete {
					t.Fatalf("%v, base %v, on the server %v", o, rec, onServer)
				}
			case OpExpunge:
				if onDisk || !known || rec.Status != state.Live || !diskComplete || !proves || p.OnDiskDelete != Delete {
					t.Fatalf("%v, base %v, on disk %v", o, rec, onDisk)
				}
			case OpForget:
				if onDisk && rec.Status.HasFile() {
					t.Fatalf("%v forgets a file that is there: %v", o, rec)
				}
			}
		}
	})
}

func TestMergeLetsTheChangedSideWin(t *testing.T) {
	for base := range state.Flags(2) {
		for a := range state.Flags(2) {
			for b := range state.Flags(2) {
				want := a
				if a == base {
					want = b
				}
				if got := state.Merge(base, a, b); got != want {
					t.Errorf("Merge(%d, %d, %d) = %d, want %d", base, a, b, got, want)
				}
			}
		}
	}
}

func TestBrake(t *testing.T) {
	live := func(n int) (recs []state.Record) {
		for i := range n {
			recs = append(recs, state.Record{UID: state.UID(i + 1), Status: state.Live})
		}
		return recs
	}
	some := func(o Op, n int) (ops []Op) {
		for i := range n {
			o.UID = state.UID(i + 1)
			ops = append(ops, o)
		}
		return append([]Op{{Kind: OpFetch, UID: 900}}, ops...)
	}
	kept := Op{Kind: OpAgree, Status: state.KeptAway}
	for _, c := range []struct {
		name   string
		op     Op
		n, all int
		held   int
	}{
		{"few removals", Op{Kind: OpRemove}, 5, 50, 0},
		{"as many as allowed", Op{Kind: OpRemove}, 20, 50, 0},
		{"one too many", Op{Kind: OpRemove}, 21, 50, 21},
		{"all of more than ten", Op{Kind: OpExpunge}, 11, 11, 11},
		{"all of ten", Op{Kind: OpExpunge}, 10, 10, 0},
		{"vanished files are not kept away", kept, 21, 50, 21},
		{"agreements are no deletions", Op{Kind: OpAgree, Status: state.OnlyHere}, 50, 50, 0},
		{"archive is no concern of the brake", Op{Kind: OpRelease}, 50, 50, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			ops := some(c.op, c.n)
			left, now := Brake(ops, live(c.all), Policy{MaxDelete: 20}, state.Held{})
			if held := now.OnServer + now.OnDisk; held != c.held || len(left) != len(ops)-c.held {
				t.Errorf("held %v, left %d of %d; want held %d", now, len(left), len(ops), c.held)
			}
		})
	}
	all := some(Op{Kind: OpRemove}, 15)
	if _, held := Brake(all, live(15), Policy{MaxDelete: 20, Meant: true}, state.Held{OnServer: 15}); held != (state.Held{}) {
		t.Errorf("emptying a mailbox was meant, and %v are held", held)
	}
	ops := append(some(Op{Kind: OpRemove}, 21), some(Op{Kind: OpExpunge}, 3)...)
	if _, held := Brake(ops, live(50), Policy{MaxDelete: 20}, state.Held{}); held != (state.Held{OnServer: 21}) {
		t.Errorf("each side has its own brake: held %v, want 21", held)
	}
	// New mail came into a mailbox whose 15 files vanished.
	gone := some(Op{Kind: OpExpunge}, 15)
	for n, want := range map[int]int{15: 15, 8: 8, 7: 0} {
		if _, held := Brake(gone[:n+1], live(40), Policy{MaxDelete: 20}, state.Held{OnDisk: 15}); held.OnDisk != want {
			t.Errorf("a brake that held 15 is asked for %d: held %v, want %d", n, held, want)
		}
	}
}
