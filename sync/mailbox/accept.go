package mailbox

import (
	"slices"

	"mailsync/state"
)

// Accepted are the messages of a mailbox that the user accepts as they are.
func (r *Run) Accepted(b *Box) (uids []state.UID) {
	for _, m := range r.Accept {
		if state.SameName(m.Mailbox, b.Name) {
			uids = append(uids, m.UID)
		}
	}
	return uids
}

// Accepts reports whether the user accepts a message as it is.
func (r *Run) Accepts(b *Box, uid state.UID) bool { return slices.Contains(r.Accepted(b), uid) }
