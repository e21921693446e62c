package sync

import (
	"slices"

	"mailsync/state"
)

// An item is what one command fetches. Its bounds keep what has to be done again after
// a failure small, and a connection busy enough that round trips do not show.
const (
	itemBytes = 4 << 20
	itemUIDs  = 200
)

// queue is the fetching that is left to do in one mailbox: operations in UID order, and
// parts of items that failed and are tried again in smaller pieces.
type queue struct {
	box   *box
	ops   []Op
	again [][]Op
	bytes int64 // announced sizes of ops
	tried map[state.UID]int
	blank []state.UID // asked for alone, and the command brought nothing
}

func newQueue(b *box) *queue {
	ops := b.fetches()
	q := &queue{box: b, ops: ops[:len(ops)-b.waiting], tried: map[state.UID]int{}}
	for _, o := range q.ops {
		q.bytes += max(0, o.Size)
	}
	return q
}

// fetches is the part of a plan that fetches: operations are sorted by kind, and it comes
// first.
func (b *box) fetches() []Op {
	n := slices.IndexFunc(b.ops, func(o Op) bool { return o.Kind != OpFetch })
	if n < 0 {
		n = len(b.ops)
	}
	return b.ops[:n:n]
}

func (q *queue) empty() bool { return len(q.ops) == 0 && len(q.again) == 0 }

// leaveOut takes operations off the queue, and returns them.
func (q *queue) leaveOut(which func(Op) bool) (out []Op) {
	var ops []Op // the box's plan keeps its own
	for _, o := range q.ops {
		if which(o) {
			out = append(out, o)
			q.bytes -= max(0, o.Size)
		} else {
			ops = append(ops, o)
		}
	}
	q.ops = ops
	return out
}

// cut takes the next item's operations off the queue.
func (q *queue) cut() []Op {
	if len(q.ops) == 0 {
		ops := q.again[0]
		q.again = q.again[1:]
		return ops
	}
	var bytes int64
	n := 0
	for n < len(q.ops) && n < itemUIDs && (n == 0 || bytes+q.ops[n].Size <= itemBytes) {
		bytes += max(0, q.ops[n].Size)
		n++
	}
	ops := q.ops[:n]
	q.ops, q.bytes = q.ops[n:], q.bytes-bytes
	return ops
}

// halve puts an item that failed back, in two halves, so that one bad message is found
// in a few steps. An item of one message cannot be halved: it is the bad one.
func (q *queue) halve(ops []Op) bool {
	if len(ops) < 2 {
		return false
	}
	mid := len(ops) / 2
	q.again = append(q.again, ops[:mid], ops[mid:])
	return true
}

// singly puts operations back one by one.
func (q *queue) singly(ops []Op) {
	for o := range slices.Chunk(ops, 1) {
		q.again = append(q.again, o)
	}
}

func uidsOf(ops []Op) []state.UID {
	uids := make([]state.UID, len(ops))
	for i, o := range ops {
		uids[i] = o.UID
	}
	return uids
}
