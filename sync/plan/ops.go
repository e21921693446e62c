package plan

import (
	"cmp"
	"iter"
	"slices"

	"mailsync/state"
)

// Ops are operations in the order of execution. The fetch of a message of which nothing is here has nothing that is
// not in its record, and a first pull has one for every message: of such a fetch only the place of the record is kept.
// Until it is fetched, nothing else changes that record. The zero value has no operations.
type Ops struct {
	base   []state.Record
	plain  []uint32 // places of records in base
	others []Op
}

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
func (l *Ops) Len() int { return len(l.plain) + len(l.others) }

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
		of.base, of.plain = l.base, l.plain
	}
	return of.All()
}

// Fetches is the part of the list that is of kind OpFetch, the first one.
func (l *Ops) Fetches() Ops {
	n, _ := slices.BinarySearchFunc(l.others, OpFetch+1, byKind)
	return Ops{base: l.base, plain: l.plain, others: l.others[:n:n]}
}

// Clone is a list of the same operations, which is changed by itself.
func (l *Ops) Clone() Ops {
	return Ops{base: l.base, plain: slices.Clone(l.plain), others: slices.Clone(l.others)}
}

func byKind(o Op, kind OpKind) int { return cmp.Compare(o.Kind, kind) }

// Past reports whether there are any of a later kind.
func (l *Ops) Past(kind OpKind) bool {
	n := len(l.others)
	return n > 0 && l.others[n-1].Kind > kind || len(l.plain) > 0 && kind < OpFetch
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
	if len(l.plain) > 0 {
		o = plainFetch(l.base[l.plain[0]])
		if len(l.others) == 0 || compareOps(o, l.others[0]) <= 0 {
			l.plain = l.plain[1:]
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
	l.base, l.plain = base, append(l.plain, uint32(place))
}

// Without leaves out operations, and returns how many.
func (l *Ops) Without(out func(Op) bool) int {
	n := l.Len()
	l.plain = slices.DeleteFunc(l.plain, func(i uint32) bool { return out(plainFetch(l.base[i])) })
	if len(l.plain) == 0 { // the places take no more room, and the records none by themselves
		l.base, l.plain = nil, nil
	}
	l.others = slices.DeleteFunc(l.others, out)
	return n - l.Len()
}

// Sort puts the operations in the order of execution.
func (l *Ops) Sort() {
	if !slices.IsSorted(l.plain) {
		slices.Sort(l.plain)
	}
	SortOps(l.others)
}
