// Package list finds out whose account this is, and which mailboxes it has: on the server, on disk, and in the base.
package list

import (
	"mailsync/sync/bind"
	"mailsync/sync/mailbox"
)

// Run is the listing of a run.
type Run struct {
	*mailbox.Run
	bind *bind.Run
}

// New returns the listing of a run.
func New(r *mailbox.Run, b *bind.Run) *Run { return &Run{Run: r, bind: b} }
