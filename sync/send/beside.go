package send

import (
	"context"
	"errors"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// HoldBeside begins to note what mailboxes hold that are not views, by their bytes; without views, nothing is noted.
func (r *Run) HoldBeside(views bool) {
	if views {
		r.beside = map[[state.DigestSize]byte]bool{}
	}
}

// Beside reports whether it is noted what mailboxes hold.
func (r *Run) Beside() bool { return r.beside != nil }

// Holds notes that a mailbox, a view or not, holds a message, or will at the end of the run.
func (r *Run) Holds(view bool, digest [state.DigestSize]byte) {
	if r.beside != nil && !view {
		r.Mu.Lock()
		defer r.Mu.Unlock()
		r.beside[digest] = true
	}
}

// HoldsProven notes what a mailbox holds of which that is proven.
func (r *Run) HoldsProven(b *mailbox.Box, proofs map[state.UID]state.Proof) {
	for uid, p := range proofs {
		if b.Record(uid).Status.OnServer() {
			r.Holds(b.IsView(), p.Digest)
		}
	}
}

// Shows reports whether a mailbox is a view that shows a message which another mailbox holds.
func (r *Run) Shows(view bool, digest [state.DigestSize]byte) bool {
	r.Mu.Lock()
	defer r.Mu.Unlock()
	return view && r.beside[digest]
}

// LookAtView has a view listed again, now that what it shows may have come back.
func (r *Run) LookAtView(ctx context.Context, b *mailbox.Box) error {
	req := b.ScanRequest(false)
	req.Anew = true
	sn, err := r.Server.Scan(ctx, req)
	if err != nil {
		return err
	}
	if !sn.Complete || !plan.SameNumbers(b.Gen(), sn.Mark) {
		return errors.New("the mailbox cannot be listed again")
	}
	_, err = r.TakeIn(ctx, b, sn, true)
	return err
}
