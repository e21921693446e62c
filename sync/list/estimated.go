package list

import (
	"context"
	"fmt"

	"mailsync/state"
	"mailsync/sync/plan"
)

// learnSizes looks whether the sizes that the server announces are estimates, by what is known of its
// messages, and remembers it.
func (r *Run) learnSizes(ctx context.Context, rows []state.MailboxRow) error {
	if r.Row.EstimatedSizes || !plan.Estimates(rows) {
		return nil
	}
	r.Row.EstimatedSizes = true
	if r.DryRun {
		return nil
	}
	return r.SaveAccount(ctx)
}

// Compared looks at the sizes of what this very run tied or fetched: where they are estimates, it
// fetches nothing once more for them and counts nothing as doubtful.
func (r *Run) Compared(ctx context.Context) error {
	misfits := 0
	for _, b := range r.Boxes {
		if b.Looked {
			misfits += plan.MisfitsIn(b.Records)
		}
	}
	if r.DryRun || !r.Saved || r.Row.EstimatedSizes || misfits < plan.EnoughMisfits {
		return nil
	}
	rows, err := r.Base.Mailboxes(ctx)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	return r.learnSizes(ctx, rows)
}
