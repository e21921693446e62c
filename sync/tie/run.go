// Package tie says which file is which message: by its name, by what it holds, and by what the base remembers.
package tie

import (
	"mailsync/sync/mailbox"
)

// Run ties the files of a run to messages.
type Run struct{ *mailbox.Run }

// New returns the tying of a run.
func New(r *mailbox.Run) *Run { return &Run{Run: r} }
