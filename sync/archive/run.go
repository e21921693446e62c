// Package archive lets messages leave the server: it chooses them, proves what is here, deletes what is there, and
// files away.
package archive

import (
	"mailsync/sync/destroy"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/shelf"
)

// Run is the leaving of a run.
type Run struct {
	*mailbox.Run
	shelf   *shelf.Run
	destroy *destroy.Run

	copies copyTable            // messages that leave from several mailboxes
	went   map[string]*plan.Lot // of messages of which copies went: what was counted
}

// New returns the leaving of a run.
func New(r *mailbox.Run, sh *shelf.Run, d *destroy.Run) *Run {
	return &Run{Run: r, shelf: sh, destroy: d}
}
