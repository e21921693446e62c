// Package fetch brings bodies here: it queues them, buffers small ones, delivers each durably, and links those
// that are here in another mailbox.
package fetch

import (
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/tie"
)

// Run is the fetching of a run.
type Run struct {
	*mailbox.Run
	tie *tie.Run

	groups []match.Alike           // messages that are alike, and may be in several mailboxes
	stores map[*mailbox.Box]*store // where files are that lie in mailboxes in which nothing changed
	given  map[link]bool           // messages whose files were linked into a mailbox
}

// New returns the fetching of a run.
func New(r *mailbox.Run, t *tie.Run) *Run { return &Run{Run: r, tie: t} }
