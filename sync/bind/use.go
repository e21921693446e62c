package bind

import (
	"mailsync/state"
	"mailsync/sync/mailbox"
)

// recallUse takes the use that a marker tells of over into a box's row, where the server told none of
// any mailbox and the base, older than the marker or lost, knows none.
func (r *Run) recallUse(b *mailbox.Box, m state.Marker) {
	if !r.Can.Uses && b.Row.Use == "" && m.Use != "" {
		b.Row.Use, b.UseTold = m.Use, true
	}
}

// takeUse takes the use that the server told over into a box's row. Until the base has it too,
// the box has something to do.
func (r *Run) takeUse(b *mailbox.Box) {
	if told := b.Listed.Role; r.Can.Uses && told != b.Row.Use {
		b.Row.Use, b.UseTold = told, true
	}
}
