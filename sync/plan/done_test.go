package plan

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mailsync/state"
)

// Whether nothing is to be done shows in files that are judged one by one as it does in all of them at once, also where a message
// has files of several variants, where its number is the highest, and where nothing knows of it.
func TestSettledFilesNeedNotBeKept(t *testing.T) {
	both := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		w, p := randomTruth(t), randomPolicy(t)
		if rapid.Bool().Draw(t, "almost settled") {
			p.OnServerDelete, p.OnDiskDelete = Wait, Wait
			for uid, rec := range w.base {
				rec.Status = state.Status(rapid.SampledFrom([]int{int(state.Live), int(state.KeptAway), int(state.OnlyHere)}).Draw(t, "status"))
				w.base[uid] = rec
				if w.disk[uid] = rec.Agreed; !rec.Status.HasFile() {
					delete(w.disk, uid)
				}
			}
			for uid := range w.disk {
				if _, known := w.base[uid]; !known {
					delete(w.disk, uid)
				}
			}
		}
		world := w.look(p, true, true, rapid.Bool().Draw(t, "complete"), rapid.Bool().Draw(t, "proves"))
		world.Server = nil
		for i := range world.Base {
			world.Base[i].Variant = uint8(rapid.IntRange(0, 2).Draw(t, "variant"))
		}
		for _, f := range slices.Clone(world.Disk.Messages) {
			if f.Variant = 2; rapid.Bool().Draw(t, "two variants") {
				world.Disk.Messages = append(world.Disk.Messages, f)
			}
		}
		const last = ^state.UID(0)
		if n := len(world.Base); n > 0 && rapid.Bool().Draw(t, "highest") {
			was := world.Base[n-1].UID
			world.Base[n-1].UID = last
			for i := range world.Disk.Messages {
				if f := &world.Disk.Messages[i]; f.UID == was {
					f.UID = last
				}
			}
		}
		slices.SortStableFunc(world.Disk.Messages, func(a, b state.OnDisk) int {
			return cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.Variant, b.Variant))
		})
		want := Done(world, nil)

		disk := *world.Disk
		disk.Messages = nil
		settled, left := NewSettled(world), state.UIDSet{}
		for _, f := range world.Disk.Messages {
			f.Name = 0
			if settled.Has(f, disk.Can) {
				left.Add(f.UID)
			} else {
				disk.Messages = append(disk.Messages, f)
			}
		}
		disk.Names = []byte{0}
		world.Disk = &disk
		if got := Done(world, left); got != want {
			t.Errorf("all at once: %v, one by one: %v; left out: %v, not: %v, base: %v", want, got, left, disk.Messages, world.Base)
		}
		if len(left) > 0 {
			both[want]++
		}
	})
	if both[true] == 0 || both[false] == 0 {
		t.Errorf("nothing was tried where files are left out: %v", both)
	}
}

// To judge a file takes no memory.
func TestSettledTakesNothing(t *testing.T) {
	const n = 10_000
	w := allHere(n)
	settled := NewSettled(w)
	octets, _, _ := allocated(n, func() int {
		for _, f := range w.Disk.Messages {
			if !settled.Has(f, state.System) {
				t.Fatalf("%+v is not settled", f)
			}
		}
		return n
	})
	if octets > 1 {
		t.Errorf("%.1f octets for each file", octets)
	}
}
