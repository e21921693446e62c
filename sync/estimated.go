package sync

import (
	"context"
	"fmt"

	"mailsync/state"
)

// learnSizes looks whether the sizes that the server announces are estimates, by what is known of its
// messages, and remembers it.
func (r *run) learnSizes(ctx context.Context, rows []state.MailboxRow) error {
	if r.row.EstimatedSizes || !estimates(rows) {
		return nil
	}
	r.row.EstimatedSizes = true
	if r.DryRun {
		return nil
	}
	return r.saveAccount(ctx)
}

// compared looks at the sizes of what this very run tied or fetched: where they are estimates, it
// fetches nothing once more for them and counts nothing as doubtful.
func (r *run) compared(ctx context.Context) error {
	misfits := 0
	for _, b := range r.boxes {
		if b.looked {
			misfits += misfitsIn(b.records)
		}
	}
	if r.DryRun || !r.saved || r.row.EstimatedSizes || misfits < enoughMisfits {
		return nil
	}
	rows, err := r.Base.Mailboxes(ctx)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	return r.learnSizes(ctx, rows)
}

func misfitsIn(records []state.Record) (n int) {
	for _, rec := range records {
		if rec.Status.Misfit() {
			n++
		}
	}
	return n
}
