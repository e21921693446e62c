package plan

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mailsync/state"
)

// firstPull is a mailbox of n messages, none of which is here.
func firstPull(n int) World {
	sn := &state.ServerSnapshot{All: true, Complete: true, Messages: make([]state.OnServer, n)}
	for i := range sn.Messages {
		sn.Messages[i] = state.OnServer{UID: state.UID(i + 1), Flags: state.Seen, Size: 4000, Date: int64(1_700_000_000 + i)}
	}
	return World{Server: sn, Disk: &state.DiskSnapshot{Scanned: true, Complete: true, Can: state.System}}
}

// allHere is the same mailbox once everything was fetched.
func allHere(n int) World {
	w := firstPull(n)
	w.Base = Learn(w)
	w.Disk.Messages = make([]state.OnDisk, n)
	for i := range w.Base {
		w.Base[i].Status, w.Base[i].Variant, w.Base[i].Agreed = state.Live, 1, state.Seen
		w.Disk.Messages[i] = state.OnDisk{UID: w.Base[i].UID, Variant: 1, Hashed: true, Flags: state.Seen, Size: 4000}
	}
	return w
}

// allocated is what f allocates: octets and objects for each of n messages, and octets that are held in the end.
func allocated[T any](n int, f func() T) (octets, objects, held float64) {
	var before, after, end runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	result := f()
	runtime.ReadMemStats(&after)
	runtime.GC()
	runtime.ReadMemStats(&end)
	runtime.KeepAlive(result)
	each := func(a, b uint64) float64 { return (float64(a) - float64(b)) / float64(n) }
	return each(after.TotalAlloc, before.TotalAlloc), each(after.Mallocs, before.Mallocs), each(end.HeapAlloc, before.HeapAlloc)
}

// Of a large mailbox, what is held of each message is its record, and what of it the server or the disk shows. What is made of these
// has to be next to nothing: of a million messages 8 octets are 8 MB.
func TestWhatAMessageTakes(t *testing.T) {
	const n = 100_000
	first, learned, settled := firstPull(n), firstPull(n), allHere(n)
	learned.Base = Learn(learned)
	for _, c := range []struct {
		what            string
		f               func() any
		octets, objects float64 // allocated for a message, at most
		held            float64 // octets that are held of it, at most
	}{
		// A record, which is 40 octets; the base of an empty mailbox is what is learned.
		{"learn", func() any { return Apply(first.Base, Learn(first), nil) }, 42, 0.01, 42},
		{"plan a first pull", func() any { return Make(Task{World: learned}) }, 0.1, 0.01, 0.1},
		{"plan where everything is here", func() any { return Make(Task{World: settled}) }, 1, 0.01, 1},
		{"see that everything is done", func() any { return Done(settled, nil) }, 1, 0.01, 1},
		{"learn nothing", func() any { return Apply(settled.Base, Learn(settled), nil) }, 1, 0.01, 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			octets, objects, held := allocated(n, c.f)
			if octets > c.octets || objects > c.objects || held > c.held {
				t.Errorf("a message takes %.2f octets in %.3f objects, and %.2f are held; at most %v in %v, and %v", octets, objects, held, c.octets, c.objects, c.held)
			}
		})
	}
	if made := Make(Task{World: learned}); made.Ops.Len() != n {
		t.Errorf("%d operations", made.Ops.Len())
	}
}

// A list of operations is the same whether the fetches among them are kept by their records or not.
func TestOpsAreOneList(t *testing.T) {
	base := []state.Record{{UID: 2, Size: 20, Date: 2, Seen: state.Seen}, {UID: 4, Variant: 2, Size: 40, Date: 4}, {UID: 5, Size: 50, Date: 5}}
	file := Op{Kind: OpFetch, UID: 3, Variant: 1, Size: 30, Name: "cur/x"}
	make := func() (l Ops) {
		for i := range base {
			l.addFetch(base, i)
		}
		l.Add(Op{Kind: OpAgree, UID: 1}, file, Op{Kind: OpExpunge, UID: 9})
		l.Sort()
		return l
	}
	uids := func(ops []Op) (uids []state.UID) {
		for _, o := range ops {
			uids = append(uids, o.UID)
		}
		return uids
	}
	all := make()
	same := func(what string, got []Op, want ...state.UID) {
		t.Helper()
		if !slices.Equal(uids(got), want) {
			t.Errorf("%s: %v, want %v", what, uids(got), want)
		}
	}
	same("all", slices.Collect(all.All()), 2, 3, 4, 5, 1, 9)
	same("fetches", slices.Collect(all.Of(OpFetch)), 2, 3, 4, 5)
	same("agreements", slices.Collect(all.Of(OpAgree)), 1)
	same("links", slices.Collect(all.Of(OpLink)))
	if o, ok := all.First(); !ok || o != (Op{Kind: OpFetch, UID: 2, Variant: 1, Size: 20, Date: 2, Flags: state.Seen}) {
		t.Errorf("the first one is %+v", o)
	}
	if !all.Past(OpAgree) || all.Past(OpExpunge) {
		t.Error("it does not know its last kind")
	}
	fetches := all.Fetches()
	same("taken", fetches.Shift(func(o Op) bool { return o.UID < 4 }), 2, 3)
	same("not taken", slices.Collect(fetches.All()), 4, 5)
	same("the list they are of", slices.Collect(all.All()), 2, 3, 4, 5, 1, 9)
	mine := all.Clone()
	if n := mine.Without(func(o Op) bool { return o.UID == 4 || o == file }); n != 2 {
		t.Errorf("%d are left out", n)
	}
	same("left", slices.Collect(mine.All()), 2, 5, 1, 9)
	same("the list they were copied from", slices.Collect(all.All()), 2, 3, 4, 5, 1, 9)
	for o := range all.All() {
		if o.UID == 3 {
			break // it can be left
		}
	}
}

// A list of operations is the same whatever is done with it, however the fetches among them are kept, and so are those that
// were copied from it.
func TestOpsAreAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var base []state.Record
		for i := range rapid.IntRange(1, 12).Draw(t, "records") {
			base = append(base, state.Record{UID: state.UID(10 * i), Status: state.Outstanding, Size: int64(i)})
		}
		var list Ops
		var model []Op
		for _, i := range rapid.Permutation(base).Draw(t, "order") {
			place, _ := PlaceOf(base, i.UID)
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
			case 1:
				o := Op{Kind: OpKind(rapid.IntRange(int(OpLink), int(OpAgree)).Draw(t, "kind")), UID: i.UID + 1}
				list.Add(o)
				model = append(model, o)
			default:
				list.addFetch(base, place)
				model = append(model, plainFetch(i))
			}
		}
		list.Sort()
		SortOps(model)
		odd := func(o Op) bool { return o.UID/10%2 == 1 }
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			if i := rapid.IntRange(0, 3).Draw(t, "step"); i == 0 {
				n := rapid.IntRange(0, 4).Draw(t, "taken")
				taken := list.Shift(func(Op) bool { n--; return n >= 0 })
				if !slices.Equal(taken, model[:len(taken)]) {
					t.Fatalf("%v were taken of %v", taken, model)
				}
				model = model[len(taken):]
			} else if i == 1 {
				other := list.Clone()
				other.Without(odd)
				other.Shift(func(Op) bool { return true })
			} else if i == 2 {
				most := state.UID(rapid.IntRange(0, 130).Draw(t, "most"))
				n := list.Without(func(o Op) bool { return odd(o) && o.UID < most })
				left := slices.DeleteFunc(slices.Clone(model), func(o Op) bool { return odd(o) && o.UID < most })
				if n != len(model)-len(left) {
					t.Fatalf("%d were left out of %v", n, model)
				}
				model = left
			} else {
				list.Sort()
			}
			first, any := list.First()
			if got := slices.Collect(list.All()); !slices.Equal(got, model) || list.Len() != len(model) || any != (len(model) > 0) || any && first != model[0] {
				t.Fatalf("%v, want %v", got, model)
			}
			fetches := list.Fetches()
			for kind := OpFetch; kind <= OpAgree; kind++ {
				of := slices.DeleteFunc(slices.Clone(model), func(o Op) bool { return o.Kind != kind })
				past := slices.ContainsFunc(model, func(o Op) bool { return o.Kind > kind })
				if got := slices.Collect(list.Of(kind)); !slices.Equal(got, of) || list.Past(kind) != past || kind == OpFetch && !slices.Equal(slices.Collect(fetches.All()), of) {
					t.Fatalf("of %v: %v, want %v", kind, got, of)
				}
			}
		}
	})
}

func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		first, settled := firstPull(n), allHere(n)
		learned := first
		learned.Base = Learn(first)
		gone := settled
		gone.Server = &state.ServerSnapshot{All: true, Complete: true, Messages: settled.Server.Messages[n/2:]}
		leaving := map[state.UID]bool{}
		for i := range n {
			leaving[state.UID(i+1)] = false
		}
		for what, f := range map[string]func(){
			"learn":     func() { Learn(first) },
			"firstpull": func() { Make(Task{World: learned}) },
			"settled":   func() { Make(Task{World: settled}) },
			"half-gone": func() { Make(Task{World: gone}) },
			"archive":   func() { Make(Task{World: settled, Release: true, Leaving: leaving}) },
		} {
			b.Run(fmt.Sprintf("%s/%d", what, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					f()
				}
			})
		}
	}
}
