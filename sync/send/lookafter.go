package send

import (
	"context"
	"errors"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// LookAfter looks at the mailbox again after something was appended, for what a server
// confirms is not always there: a message whose UID it did not tell is found by what it is,
// and one that is not listed is reported. What an older session knew may be old, so nothing
// is missing before a new one lacks it. failed is what else went wrong.
func (r *Run) LookAfter(ctx context.Context, b *mailbox.Box, failed error) error {
	if len(b.Sent.Keys) == 0 || port.Ends(failed) {
		return failed
	}
	return errors.Join(failed, r.listAgain(ctx, b))
}

func (r *Run) listAgain(ctx context.Context, b *mailbox.Box) error {
	for _, anew := range []bool{false, true} {
		req := b.ScanRequest(false)
		req.Anew = anew
		sn, err := r.Server.Scan(ctx, req)
		if err != nil || !sn.Complete || !plan.SameNumbers(b.Gen(), sn.Mark) {
			b.Leave(mailbox.Unsure)
			return nil // the next run looks
		}
		if !anew && b.Sent.Lacks(sn) {
			continue
		}
		if missing, err := r.TakeIn(ctx, b, sn, anew); err != nil || missing == 0 {
			return err
		}
	}
	return nil
}

// TakeIn learns what a later listing shows, and settles what was appended or moved by it. It returns how
// many of those messages are missing, as resolve does.
func (r *Run) TakeIn(ctx context.Context, b *mailbox.Box, sn *state.ServerSnapshot, final bool) (missing int, err error) {
	b.Server, b.Tie.Tied = sn, nil
	if err := r.ReadDisk(ctx, b); err != nil {
		return 0, err
	}
	if err := r.Learn(ctx, b); err != nil {
		return 0, err
	}
	return r.Resolve(ctx, b, final)
}
