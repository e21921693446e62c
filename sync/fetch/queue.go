package fetch

import (
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// queue is the fetching that is left to do in one mailbox: operations in UID order, and
// parts of items that failed and are tried again in smaller pieces.
type queue struct {
	box   *mailbox.Box
	ops   []plan.Op
	again [][]plan.Op
	bytes int64 // announced sizes of ops
	tried map[state.UID]int
	blank []state.UID // asked for alone, and the command brought nothing
}

func newQueue(b *mailbox.Box) *queue {
	q := &queue{box: b, ops: b.Fetches(), tried: map[state.UID]int{}}
	for _, o := range q.ops {
		q.bytes += max(0, o.Size)
	}
	return q
}

func (q *queue) empty() bool { return len(q.ops) == 0 && len(q.again) == 0 }

// leaveOut takes operations off the queue, and returns them.
func (q *queue) leaveOut(which func(plan.Op) bool) (out []plan.Op) {
	q.ops = slices.DeleteFunc(slices.Clone(q.ops), func(o plan.Op) bool { // the box's plan keeps its own
		if !which(o) {
			return false
		}
		out = append(out, o)
		q.bytes -= max(0, o.Size)
		return true
	})
	return out
}

// cut takes the next item's operations off the queue.
func (q *queue) cut() []plan.Op {
	if len(q.ops) == 0 {
		ops := q.again[0]
		q.again = q.again[1:]
		return ops
	}
	var bytes int64
	n := 0
	for n < len(q.ops) && n < port.ItemUIDs && (n == 0 || bytes+q.ops[n].Size <= port.ItemBytes) {
		bytes += max(0, q.ops[n].Size)
		n++
	}
	ops := q.ops[:n]
	q.ops, q.bytes = q.ops[n:], q.bytes-bytes
	return ops
}

// singly puts operations back one by one.
func (q *queue) singly(ops []plan.Op) {
	q.again = slices.AppendSeq(q.again, slices.Chunk(ops, 1))
}
