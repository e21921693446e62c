package sync

import (
	"context"
	"fmt"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// unaccepted reports messages that were to be accepted and are not outstanding:
// the user has mistaken one for another.
func (r *run) unaccepted(ctx context.Context) error {
	for _, m := range r.Accept {
		why := "no such mailbox is included in this run"
		for _, b := range r.Boxes {
			if !state.SameName(m.Mailbox, b.Name) {
				continue
			}
			var err error
			if why, err = r.whyNot(ctx, b, m.UID); err != nil {
				return err
			}
		}
		if why == "" {
			continue
		}
		err := state.Faultf(state.Other, "cannot accept %v: %s", m, why).
			WithHint("only a message that is outstanding, or in doubt for its length, can be accepted; name the mailbox as the report does, and the message by its uid")
		if err := r.Problem(m.Mailbox, m.UID, err); err != nil {
			return err
		}
	}
	return nil
}

// whyNot returns why a message of a mailbox is not accepted by this run, "" if it is.
func (r *run) whyNot(ctx context.Context, b *mailbox.Box, uid state.UID) (string, error) {
	if b.Failed {
		return "", nil // that is reported already, and nothing is known of the message
	}
	records := b.Records
	if g := b.Gen(); records == nil && g != nil && g.ID != 0 {
		var err error
		if records, err = r.Base.Records(ctx, g.ID); err != nil {
			return "", fmt.Errorf("read state: %w", err)
		}
	}
	for _, rec := range records {
		if rec.UID != uid {
			continue
		}
		for o := range b.Ops.Of(plan.OpAgree) {
			if o.UID == uid && (o.Status == state.Accepted || plan.InDoubt(rec)) {
				return "", nil
			}
		}
		if rec.Status == state.Accepted || rec.Status == state.Live && rec.Tries == plan.LengthAccepted {
			return "", nil
		}
		return fmt.Sprintf("it is neither outstanding nor in doubt (%v)", rec.Status), nil
	}
	return "the server has no message of that uid", nil
}
