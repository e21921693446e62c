// Package send is the one way to send messages to a mailbox of the server, and to find out what became of them.
package send

import (
	"mailsync/sync/mailbox"
)

// Run is the sending of a run.
type Run struct {
	*mailbox.Run
	Beside beside // what mailboxes hold that are no views, by now or once the run is through
}

// New returns the sending of a run.
func New(r *mailbox.Run) *Run { return &Run{Run: r} }
