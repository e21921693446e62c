package archive

import (
	"context"
	"errors"
	"fmt"

	"mailsync/state"
	"mailsync/sync/folder"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// fileAway gives files their place in the archive, where they have one: written, fsynced,
// linked, and read again. What is in an archive already is found there. It returns the messages that may
// leave the server; the release of the others is withdrawn.
func (r *Run) fileAway(ctx context.Context, b *mailbox.Box, all []*mailbox.Departing) (filed []*mailbox.Departing, err error) {
	used := map[port.Maildir]bool{}
	for _, d := range all {
		if d.To.Root == "" {
			filed = append(filed, d)
			continue
		}
		if err := r.file(ctx, b, d); err != nil {
			return nil, err
		}
		used[d.Folder] = true
		if err := keepFlags(d, b.KW); err != nil {
			b.Spoil(d.Op.UID)
			if err := r.Problem(b.Name, d.Op.UID, fmt.Errorf("file it away: %w; it stays on the server", err)); err != nil {
				return nil, err
			}
			if err := r.withdraw(ctx, b, []*mailbox.Departing{d}); err != nil {
				return nil, err
			}
			d.Folder = nil
		}
	}
	for md := range used {
		if err := r.Step("sync an archive of %s", b.Name); err != nil {
			return nil, err
		}
		if err := md.Sync(); err != nil {
			return nil, err
		}
	}
	for _, d := range all {
		if d.Folder == nil {
			continue
		}
		got, err := d.Folder.Inspect(d.There.Name, &d.Proof)
		if err != nil {
			return nil, err
		}
		if !d.Proof.Proves(&got) {
			return nil, state.Faultf(state.Storage, "the archive %s/%s gave back other bytes than were written", d.To.Root, d.To.Path)
		}
		filed = append(filed, d)
	}
	return filed, nil
}

// keepFlags makes sure that the file in the archive has every flag of the one in the mailbox: a
// keyword that got no letter at first is tried once more.
func keepFlags(d *mailbox.Departing, kw *state.Keywords) error {
	lost := d.File.Flags &^ d.There.Flags
	if lost == 0 {
		return nil
	}
	placed, err := d.Folder.Flag(d.There.Name, lost, lost, kw)
	if err != nil {
		return err
	}
	d.There.Name, d.There.Flags = placed.Name, placed.Flags
	if d.File.Flags&^placed.Flags != 0 {
		return state.Faultf(state.Other, "its keywords find no letter in the archive any more").
			WithHint(`let each mailbox have an archive of its own: put {mailbox} into "into"`)
	}
	return nil
}

// file writes one file into its archive.
func (r *Run) file(ctx context.Context, b *mailbox.Box, d *mailbox.Departing) error {
	md, err := r.folder.Open(ctx, b, d.To, true)
	if err != nil {
		return err
	}
	if err := r.Step("file away %s uid %d", b.Name, d.Op.UID); err != nil {
		return err
	}
	as := state.Incoming{UID: d.Op.UID, Variant: d.Rec.Variant, Token: b.Gen().Token, Flags: d.File.Flags, Date: d.Rec.Date, Size: d.Proof.Bytes}
	if d.There, err = folder.Copy(b.MD, d.Name, d.File, md, as, b.KW); err != nil {
		return fmt.Errorf("copy uid %d into its archive: %w", d.Op.UID, err)
	}
	d.Folder = md
	return nil
}

// Finish ends the move into their archive of files that are not on the server any more.
func (r *Run) Finish(ctx context.Context, b *mailbox.Box, ops []plan.Op) error {
	if r.Release == nil {
		b.Leave(mailbox.PutOff)
		return nil
	}
	meant, err := r.folder.Departures(ctx, b)
	if err != nil {
		return err
	}
	proofs, err := r.Base.Proofs(ctx, b.Gen().ID, mailbox.UIDsOf(ops))
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	var put []state.Record
	for _, o := range ops {
		d := &mailbox.Departing{Op: o, Rec: b.Record(o.UID), Proof: proofs[o.UID], Name: o.Name, To: meant[o.UID]}
		if d.File, err = b.MD.Inspect(o.Name, &d.Proof); err != nil {
			return err
		}
		// Where no archive is known, or it is another file by now, it stays where it is.
		stays := d.To.Root == "" || d.Proof.UID != 0 && d.File.Digest != d.Proof.Digest
		if !stays {
			d.Proof.Digest, d.Proof.Bytes = d.File.Digest, d.File.Bytes
			d.File.Flags = state.FlagsByName(d.File.Silent, d.File.Flags, d.Rec.Agreed)
			filed, err := r.fileAway(ctx, b, []*mailbox.Departing{d})
			if err != nil {
				return err
			}
			stays = len(filed) == 0
		}
		if stays {
			d.Rec.Status = state.OnlyHere
			put = append(put, d.Rec)
			continue
		}
		if err := r.Step("trash %s uid %d", b.Name, o.UID); err != nil {
			return err
		}
		b.Wrote = true
		if err := b.MD.Trash(o.Name); err != nil {
			return err
		}
	}
	return errors.Join(r.SyncDirs(b), r.Commit(ctx, b, state.Commit{Put: put}))
}
