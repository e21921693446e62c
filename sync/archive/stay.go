package archive

import (
	"context"
	"fmt"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Stay withdraws the releases of a mailbox: what an archive run let go and did not take stays on
// the server, and a copy that went ahead leaves the archive. Only what the server has by a
// listing that is complete, or because it says that nothing changed, and whose file is here, is
// settled so; of the rest the next run finds out what it is.
func (r *Run) Stay(ctx context.Context, b *mailbox.Box) error {
	var all []*mailbox.Departing
	if b.Server != nil && !b.Server.Complete {
		return nil
	}
	for _, rec := range b.Records {
		name, here := plan.NameIn(b.Disk, rec.UID, max(1, rec.Variant))
		if rec.Status == state.Released && here {
			all = append(all, &mailbox.Departing{Op: plan.Op{UID: rec.UID}, Rec: rec, Name: name})
		}
	}
	if len(all) == 0 {
		return nil
	}
	meant, err := r.shelf.Meant(ctx, b)
	if err != nil {
		return err
	}
	var held []*mailbox.Departing
	for _, d := range all {
		d.To = meant[d.Op.UID]
		if err := r.filedAhead(ctx, b, d); err != nil {
			if err := r.Problem(b.Name, d.Op.UID, fmt.Errorf("withdraw its release: %w", err)); err != nil {
				return err
			}
			continue
		}
		held = append(held, d)
	}
	if err := r.withdraw(ctx, b, held); err != nil || len(held) == 0 {
		return err
	}
	r.Note(b.Name, fmt.Sprintf("of its messages, %d that an archive run let go and did not take stay on the server", len(held)), "")
	return nil
}

// filedAhead finds the copy in its archive of a message that is to stay, where it has one. The
// file in the mailbox has to have the same bytes.
func (r *Run) filedAhead(ctx context.Context, b *mailbox.Box, d *mailbox.Departing) error {
	if d.To.Root == "" {
		return nil
	}
	md, err := r.shelf.Shelf(ctx, b, d.To, false)
	if err != nil {
		return port.Ignore(err)
	}
	name, there := plan.NameIn(md.Disk, d.Op.UID, max(1, d.Rec.Variant))
	if !there {
		return nil
	}
	got, err := b.MD.Inspect(d.Name, nil)
	if err != nil {
		return err
	}
	d.Shelf, d.There = md, state.Placed{Name: name}
	d.Proof = state.Proof{UID: d.Op.UID, Digest: got.Digest, Bytes: got.Bytes}
	return nil
}
