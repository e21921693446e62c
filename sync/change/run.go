// Package change changes flags on both sides, and records what they agree on.
package change

import (
	"mailsync/sync/mailbox"
)

// Run is the changes of a run.
type Run struct{ *mailbox.Run }

// New returns the changes of a run.
func New(r *mailbox.Run) *Run { return &Run{Run: r} }
