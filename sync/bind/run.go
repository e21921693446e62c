// Package bind says which Maildir and which generation a mailbox has: it reads both sides, asks package plan,
// and claims, renames, or begins anew.
package bind

import (
	"sync"

	"mailsync/sync/mailbox"
)

// Run binds the mailboxes of a run to Maildirs and generations.
type Run struct {
	*mailbox.Run
	walking sync.Mutex // guards Found
}

// New returns the binding of a run.
func New(r *mailbox.Run) *Run { return &Run{Run: r} }
