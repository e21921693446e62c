package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
)

// remove carries deletions on the server over to the disk: a file is durable in the
// trash, and gone from its Maildir for good, before its record is.
func (r *run) remove(ctx context.Context, b *box, ops []Op) error {
	for batch := range slices.Chunk(ops, flagBatch) {
		var forget []state.UID
		for _, o := range batch {
			if err := r.step("trash %s uid %d", b.name, o.UID); err != nil {
				return err
			}
			b.wrote = true
			err := b.md.Trash(o.Name)
			if errors.Is(err, fs.ErrNotExist) {
				b.undone = true // renamed or removed meanwhile: the next run sees which
				continue
			}
			if err != nil {
				return fmt.Errorf("move uid %d to the trash: %w", o.UID, err)
			}
			forget = append(forget, o.UID)
		}
		if err := r.syncDirs(b); err != nil {
			return err
		}
		r.addN(&r.result.DeletedOnDisk, len(forget))
		if err := r.commit(ctx, b, state.Commit{Forget: forget}); err != nil {
			return err
		}
	}
	return nil
}

// forget drops records that speak of nothing any more. That their files are gone is made
// durable first: an earlier run may have taken them away and broken off before it was, and a
// file that comes back without a record would be taken for the last copy.
func (r *run) forget(ctx context.Context, b *box, ops []Op) error {
	if b.md != nil {
		if err := r.step("sync directories of %s", b.name); err != nil {
			return err
		}
		if err := b.md.Sync(); err != nil {
			return err
		}
	}
	c := state.Commit{Forget: uidsOf(ops)}
	var err error
	if c.Leave, err = r.lastDepartures(ctx, b, c.Forget); err != nil {
		return err
	}
	return r.commit(ctx, b, c)
}

// emptyTrash removes for good what lies in the trash for longer than it has to. Without
// a clock to be trusted nothing is old.
func (r *run) emptyTrash(context.Context) error {
	if r.DryRun || !r.AgesCount || r.TrashKeep == nil {
		return nil
	}
	if err := r.step("empty the trash"); err != nil {
		return err
	}
	if _, err := r.Tree.EmptyTrash(*r.TrashKeep); err != nil {
		return r.problem("", 0, err)
	}
	return nil
}
