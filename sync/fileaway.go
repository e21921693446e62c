package sync

import (
	"context"
	"errors"
	"fmt"

	"mailsync/state"
)

// fileAway gives files their place in the archive, where they have one: written, fsynced,
// linked, and read again. What is in an archive already is found there. It returns those of
// the messages that may go; the release of the others is withdrawn.
func (r *run) fileAway(ctx context.Context, b *box, all []*departing) (filed []*departing, err error) {
	used := map[Maildir]bool{}
	for _, d := range all {
		if d.to.Root == "" {
			continue
		}
		if err := r.file(ctx, b, d); err != nil {
			return nil, err
		}
		used[d.shelf] = true
		if err := d.keepFlags(b.kw); err != nil {
			if err := r.unfiled(ctx, b, d, err); err != nil {
				return nil, err
			}
			d.shelf = nil
		}
	}
	for md := range used {
		if err := r.step("sync an archive of %s", b.name); err != nil {
			return nil, err
		}
		if err := md.Sync(); err != nil {
			return nil, err
		}
	}
	for _, d := range all {
		if d.to.Root != "" && d.shelf == nil {
			continue
		}
		if d.shelf != nil {
			got, err := d.shelf.Inspect(d.there.Name, &d.proof)
			if err != nil {
				return nil, err
			}
			if got.Digest != d.proof.Digest || got.Bytes != d.proof.Bytes {
				return nil, state.Faultf(state.Storage, "the archive %s/%s gave back other bytes than were written", d.to.Root, d.to.Path)
			}
		}
		filed = append(filed, d)
	}
	return filed, nil
}

// keepFlags sees that the file in the archive has every flag of the one in the mailbox: a
// keyword that got no letter at first is tried once more.
func (d *departing) keepFlags(kw *state.Keywords) error {
	lost := d.file.Flags &^ d.there.Flags
	if lost == 0 {
		return nil
	}
	placed, err := d.shelf.Flag(d.there.Name, lost, lost, kw)
	if err != nil {
		return err
	}
	d.there.Name, d.there.Flags = placed.Name, placed.Flags
	if d.file.Flags&^placed.Flags != 0 {
		return state.Faultf(state.Other, "its keywords find no letter in the archive any more").
			WithHint(`let each mailbox have an archive of its own: put {mailbox} into "into"`)
	}
	return nil
}

// unfiled names a message that its archive did not take as it is, and lets it stay.
func (r *run) unfiled(ctx context.Context, b *box, d *departing, err error) error {
	b.spoil(d.op.UID)
	if err := r.problem(b.name, d.op.UID, fmt.Errorf("file it away: %w; it stays on the server", err)); err != nil {
		return err
	}
	return r.withdraw(ctx, b, []*departing{d})
}

// file writes one file into its archive.
func (r *run) file(ctx context.Context, b *box, d *departing) error {
	md, err := r.shelf(ctx, b, d.to)
	if err != nil {
		return err
	}
	if err := r.step("file away %s uid %d", b.name, d.op.UID); err != nil {
		return err
	}
	body, err := b.md.Body(d.name, d.file.Form)
	if err != nil {
		return err
	}
	got, err := md.Receive(state.Incoming{UID: d.op.UID, Variant: d.rec.Variant, Token: b.gen().Token,
		Flags: d.file.Flags, Date: d.rec.Date, Size: d.proof.Bytes}, body)
	if err = errors.Join(err, body.Close()); err != nil {
		return fmt.Errorf("copy uid %d into its archive: %w", d.op.UID, err)
	}
	if got.Digest != d.proof.Digest {
		md.Discard(got)
		return fmt.Errorf("copy uid %d into its archive: the file changed meanwhile", d.op.UID)
	}
	placed, err := md.Publish(got, b.kw)
	if err != nil {
		md.Discard(got)
		return fmt.Errorf("file uid %d away: %w", d.op.UID, err)
	}
	d.shelf, d.there = md, placed
	return nil
}

// finish ends the move of files into their archive whose server's copies are gone.
func (r *run) finish(ctx context.Context, b *box, ops []Op) error {
	if r.Release == nil {
		b.undone = true
		return nil
	}
	meant, err := r.meant(ctx, b)
	if err != nil {
		return err
	}
	proofs, err := r.Base.Proofs(ctx, b.gen().ID, uidsOf(ops))
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	var put []state.Record
	for _, o := range ops {
		d := &departing{op: o, rec: b.record(o.UID), proof: proofs[o.UID], name: o.Name, to: meant[o.UID]}
		if d.file, err = b.md.Inspect(o.Name, &d.proof); err != nil {
			return err
		}
		if d.to.Root == "" || d.proof.UID != 0 && d.file.Digest != d.proof.Digest {
			d.rec.Status = state.OnlyHere // nothing is known of an archive, or it is another file by now
			put = append(put, d.rec)
			continue
		}
		d.proof.Digest, d.proof.Bytes = d.file.Digest, d.file.Bytes
		d.file.Flags = state.Spoken(d.file.Silent, d.file.Flags, d.rec.Agreed)
		filed, err := r.fileAway(ctx, b, []*departing{d})
		if err != nil {
			return err
		}
		if len(filed) == 0 {
			d.rec.Status = state.OnlyHere // it stays where it is
			put = append(put, d.rec)
			continue
		}
		if err := r.step("trash %s uid %d", b.name, o.UID); err != nil {
			return err
		}
		b.wrote = true
		if err := b.md.Trash(o.Name); err != nil {
			return err
		}
	}
	return errors.Join(r.syncDirs(b), r.commit(ctx, b, state.Commit{Put: put}))
}
