package mailbox

import (
	"context"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
)

// Batch is how all operations of one kind are done in a mailbox.
type Batch struct {
	Kind plan.OpKind
	Do   func(context.Context, *Box, []plan.Op) error
}

// Take returns the operations of one kind whose message had no failure yet: an
// operation that failed cancels the later ones of its UID.
func (b *Box) Take(kind plan.OpKind) []plan.Op {
	var ops []plan.Op
	for _, o := range b.Ops {
		if o.Kind != kind {
			continue
		}
		if b.Spoilt[o.UID] {
			b.Leave(Refused)
			continue
		}
		ops = append(ops, o)
	}
	return ops
}

// FlagBatch is how many renamed files are made durable and committed at once.
const FlagBatch = 512

// Fetches is the part of a plan that fetches: operations are sorted by kind, and it comes
// first.
func (b *Box) Fetches() []plan.Op {
	n := slices.IndexFunc(b.Ops, func(o plan.Op) bool { return o.Kind != plan.OpFetch })
	if n < 0 {
		n = len(b.Ops)
	}
	return b.Ops[:n:n]
}

// UIDsOf are the UIDs of operations, in their order.
func UIDsOf(ops []plan.Op) []state.UID {
	uids := make([]state.UID, len(ops))
	for i, o := range ops {
		uids[i] = o.UID
	}
	return uids
}
