package mailbox

import (
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
)

// Accepts reports whether the user accepts a message as it is.
func (r *Run) Accepts(b *Box, uid state.UID) bool {
	return slices.ContainsFunc(r.Accept, func(m plan.Message) bool { return m.UID == uid && state.SameName(m.Mailbox, b.Name) })
}

// AcceptsIn reports whether a message of a mailbox is to be accepted.
func (r *Run) AcceptsIn(b *Box) bool {
	return slices.ContainsFunc(r.Accept, func(m plan.Message) bool { return state.SameName(m.Mailbox, b.Name) })
}
