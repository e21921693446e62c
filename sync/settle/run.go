// Package settle ends a run: it records what is finished, with the times of its directories.
package settle

import (
	"mailsync/sync/bind"
	"mailsync/sync/mailbox"
)

// Run is the end of a run.
type Run struct {
	*mailbox.Run
	bind *bind.Run
}

// New returns the end of a run.
func New(r *mailbox.Run, b *bind.Run) *Run { return &Run{Run: r, bind: b} }
