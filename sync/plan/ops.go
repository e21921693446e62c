package plan

import (
	"cmp"
	"iter"
	"slices"

	"mailsync/state"
)

// Ops are operations in the order of execution. The fetch of a message of which nothing is here has nothing that is
// not in its record, and a first pull has one for every message: of such fetches only the places of the records are kept.
// Until it is fetched, nothing else changes that record. The zero value has no operations.
type Ops struct {
	base   []state.Record
	plain  []span // of base
	past   uint32 // how many records of the first of plain were taken off the list
	fetch  int    // how many are left of plain
	others []Op
}

// span is records that follow each other: their places from the first to before the last.
type span struct{ from, to uint32 }

// OpsOf returns operations, in the order of execution.
func OpsOf(ops ...Op) Ops {
	SortOps(ops)
	return Ops{others: ops}
}

// plainFetch is the fetch of a message by its record alone.
func plainFetch(rec state.Record) Op {
	return Op{Kind: OpFetch, UID: rec.UID, Variant: max(1, rec.Variant), Flags: rec.Seen, Size: rec.Size, Date: rec.Date}
}

// Len is how many there are.
func (l *Ops) Len() int { return l.fetch + len(l.others) }

// All are all of them.
func (l *Ops) All() iter.Seq[Op] {
	rest := *l
	return func(yield func(Op) bool) {
		for rest := rest; rest.Len() > 0; {
			if !yield(rest.shift()) {
				return
			}
		}
	}
}

// Of are those of one kind.
func (l *Ops) Of(kind OpKind) iter.Seq[Op] {
	from, _ := slices.BinarySearchFunc(l.others, kind, byKind)
	to, _ := slices.BinarySearchFunc(l.others, kind+1, byKind)
	of := Ops{others: l.others[from:to:to]}
	if kind == OpFetch {
		of = l.Fetches()
	}
	return of.All()
}

// Fetches is the part of the list that is of kind OpFetch, the first one.
func (l *Ops) Fetches() Ops {
	n, _ := slices.BinarySearchFunc(l.others, OpFetch+1, byKind)
	fetches := *l
	fetches.others = l.others[:n:n]
	return fetches
}

// Clone is a list of the same operations, which is changed by itself.
func (l *Ops) Clone() Ops {
	other := *l
	other.plain, other.others = slices.Clone(l.plain), slices.Clone(l.others)
	return other
}

func byKind(o Op, kind OpKind) int { return cmp.Compare(o.Kind, kind) }

// Past reports whether there are any of a later kind.
func (l *Ops) Past(kind OpKind) bool {
	n := len(l.others)
	return n > 0 && l.others[n-1].Kind > kind || l.fetch > 0 && kind < OpFetch
}

// First is the first one, if there is any.
func (l *Ops) First() (o Op, ok bool) {
	if l.Len() == 0 {
		return o, false
	}
	rest := *l
	return rest.shift(), true
}

// Shift takes the first ones off the list, as long as they are to be taken.
func (l *Ops) Shift(take func(Op) bool) (taken []Op) {
	for {
		o, ok := l.First()
		if !ok || !take(o) {
			return taken
		}
		taken = append(taken, l.shift())
	}
}

// shift takes the first one off the list.
func (l *Ops) shift() (o Op) {
	if l.fetch > 0 {
		first := l.plain[0]
		place := first.from + l.past
		o = plainFetch(l.base[place])
		if len(l.others) == 0 || compareOps(o, l.others[0]) <= 0 {
			l.fetch, l.past = l.fetch-1, l.past+1
			if place+1 == first.to {
				l.plain, l.past = l.plain[1:], 0
			}
			return o
		}
	}
	o, l.others = l.others[0], l.others[1:]
	return o
}

// Add adds operations. They are in order once the list is sorted.
func (l *Ops) Add(ops ...Op) { l.others = append(l.others, ops...) }

// addFetch adds a fetch by the message's record, which has a place in base.
func (l *Ops) addFetch(base []state.Record, place int) {
	at := uint32(place)
	if n := len(l.plain); n > 0 && l.plain[n-1].to == at {
		l.plain[n-1].to++
	} else {
		l.plain = append(l.plain, span{at, at + 1})
	}
	l.base, l.fetch = base, l.fetch+1
}

// Without leaves out operations, and returns how many.
func (l *Ops) Without(out func(Op) bool) int {
	n := l.Len()
	l.begin()
	var kept Ops
	for _, s := range l.plain {
		for at := s.from; at < s.to; at++ {
			if !out(plainFetch(l.base[at])) {
				kept.addFetch(l.base, int(at))
			}
		}
	}
	kept.others = slices.DeleteFunc(l.others, out)
	*l = kept
	return n - l.Len()
}

// Sort puts the operations in the order of execution.
func (l *Ops) Sort() {
	l.begin()
	order := func(a, b span) int { return cmp.Compare(a.from, b.from) }
	if !slices.IsSortedFunc(l.plain, order) {
		slices.SortFunc(l.plain, order)
	}
	SortOps(l.others)
}

// begin has the first of plain begin where the list does. Other lists keep theirs.
func (l *Ops) begin() {
	if l.past > 0 {
		l.plain = slices.Clone(l.plain)
		l.plain[0].from, l.past = l.plain[0].from+l.past, 0
	}
}
