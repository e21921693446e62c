// Package repair fetches again what verify found missing or damaged.
package repair

import (
	"mailsync/sync/list"
	"mailsync/sync/mailbox"
)

// Run is the repairing of a run.
type Run struct {
	*mailbox.Run
	list *list.Run
}

// New returns the repairing of a run.
func New(r *mailbox.Run, l *list.Run) *Run { return &Run{Run: r, list: l} }
