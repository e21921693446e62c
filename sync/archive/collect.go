package archive

import (
	"context"
	"fmt"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// This file is what collecting mail on POP3 adds to a release (spec 6.3).

// fix finds the messages of a mailbox that may not be deleted from a POP3 server: those
// that nothing lasting distinguishes from others, and those that it reported as deleted and shows
// again. They would be deleted again in every run.
func (r *Run) fix(ctx context.Context, b *mailbox.Box) error {
	fixed := map[state.UID]bool{}
	if b.Server != nil {
		for _, uid := range b.Server.Nameless {
			fixed[uid] = false
		}
	}
	if b.Gen().ID != 0 {
		meant, err := r.folder.Departures(ctx, b)
		if err != nil {
			return err
		}
		for uid := range meant {
			if rec := b.Record(uid); rec.Status.OnServer() && rec.Status != state.Released {
				fixed[uid] = true
			}
		}
	}
	b.Leaving.Fixed = fixed
	return nil
}

// undeletable counts messages that are to be deleted and cannot be, and reports why.
func (r *Run) undeletable(all []plan.Resident, stay []int) {
	r.Result.Undeletable += len(stay)
	back, nameless := map[*mailbox.Box]int{}, map[*mailbox.Box]int{}
	for _, i := range stay {
		if b := r.Boxes[all[i].Box]; b.Leaving.Fixed[all[i].UID] {
			back[b]++
		} else {
			nameless[b]++
		}
	}
	for b, n := range back {
		r.Note(b.Name, fmt.Sprintf("the server shows %d messages that it reported as deleted; they are not deleted again", n),
			"what POP3 does to messages is set in the provider's web pages (Gmail: Forwarding and POP/IMAP); or use IMAP")
	}
	for b, n := range nameless {
		r.Note(b.Name, fmt.Sprintf("the server gives no unique-id of their own to %d of the messages that are to be deleted; they stay there", n),
			"nothing distinguishes them from others in a later session; use IMAP, or delete them on the server yourself")
	}
}

// unchosen withdraws releases of an earlier run that this one's configuration does not
// ask for, and returns the other operations. On POP3 a release is a permission for its run alone.
func (r *Run) unchosen(ctx context.Context, b *mailbox.Box, ops []plan.Op) ([]plan.Op, error) {
	var kept []plan.Op
	var back []*mailbox.Departing
	for _, o := range ops {
		if _, leaves := b.Leaving.UIDs[o.UID]; leaves {
			kept = append(kept, o)
		} else {
			back = append(back, &mailbox.Departing{Op: o})
		}
	}
	return kept, r.withdraw(ctx, b, back)
}
