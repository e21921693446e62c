// Package bind finds out which Maildir and which generation a mailbox has: it reads both sides, asks package plan,
// and makes marker and base what was chosen.
package bind

import (
	"context"
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

// Bind gives every box its row. The folders of mailboxes that the server renamed are renamed; nothing else is
// changed before both sides were looked at.
func (r *Run) Bind(ctx context.Context) error {
	if err := r.renamed(ctx); err != nil {
		return err
	}
	walked, err := r.place(ctx)
	if err != nil {
		return err
	}
	if err := r.sameServer(ctx); err != nil || !walked && !r.Full {
		return err
	}
	return r.reportCopies(ctx)
}
