// Package send is the one way to send messages to a mailbox of the server, and to find out what became of them.
package send

import (
	"mailsync/state"
	"mailsync/sync/mailbox"
)

// Run is the sending of a run.
type Run struct {
	*mailbox.Run
	beside map[[state.DigestSize]byte]bool // what mailboxes hold that are not views, now or at the end of the run; nil: it is not noted
}

// New returns the sending of a run.
func New(r *mailbox.Run) *Run { return &Run{Run: r} }
