package sync

import (
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// leaveBox adds to a mailbox's plan what lets messages go from it.
func (r *run) leaveBox(b *mailbox.Box, w plan.World, ops []plan.Op) []plan.Op {
	if r.Release == nil {
		return ops
	}
	ops, putOff := plan.Leave(w, ops, b.Leaving.Uids, r.Release.Alone)
	if putOff > 0 {
		b.Leave(mailbox.PutOff)
	}
	return ops
}
