package send

import (
	"context"
	"errors"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// beside is what mailboxes hold that are no views, by their bytes; nil where there is no view.
type beside map[[state.DigestSize]byte]bool

// HoldBeside begins to note what mailboxes hold that are no views.
func (r *Run) HoldBeside() {
	if slices.ContainsFunc(r.Boxes, (*mailbox.Box).IsView) {
		r.Beside = beside{}
	}
}

// Holds notes that a mailbox holds a message, or will once the run is through.
func (r *Run) Holds(b *mailbox.Box, digest [state.DigestSize]byte) {
	if r.Beside != nil && !b.IsView() {
		r.Beside[digest] = true
	}
}

// HoldsProven notes what a mailbox holds of which that is proven.
func (r *Run) HoldsProven(b *mailbox.Box, proofs map[state.UID]state.Proof) {
	for uid, p := range proofs {
		if b.Record(uid).Status.OnServer() {
			r.Holds(b, p.Digest)
		}
	}
}

// Shows reports whether a mailbox shows a message that another one holds.
func (r *Run) Shows(b *mailbox.Box, digest [state.DigestSize]byte) bool {
	return b.IsView() && r.Beside[digest]
}

// LookAtView has a view listed again, now that what it shows may have come back.
func (r *Run) LookAtView(ctx context.Context, b *mailbox.Box) error {
	req := b.ScanRequest(false)
	req.Anew = true
	sn, err := r.Server.Scan(ctx, req)
	if err != nil {
		return err
	}
	if !sn.Complete || plan.Compare(b.Gen(), sn.Mark) != plan.SameNumbers {
		return errors.New("the mailbox cannot be listed again")
	}
	_, err = r.TakeIn(ctx, b, sn, true)
	return err
}
