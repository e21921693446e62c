package destroy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Remove carries deletions on the server over to the disk: a file is durable in the
// trash, and durably gone from its Maildir, before its record is dropped.
func (r *Run) Remove(ctx context.Context, b *mailbox.Box, ops []plan.Op) error {
	for batch := range slices.Chunk(ops, mailbox.FlagBatch) {
		var forget []state.UID
		for _, o := range batch {
			if err := r.Step("trash %s uid %d", b.Name, o.UID); err != nil {
				return err
			}
			b.Wrote = true
			err := b.MD.Trash(o.Name)
			if errors.Is(err, fs.ErrNotExist) {
				b.Leave(mailbox.Disturbed) // renamed or removed meanwhile: the next run sees which
				continue
			}
			if err != nil {
				return fmt.Errorf("move uid %d to the trash: %w", o.UID, err)
			}
			forget = append(forget, o.UID)
		}
		if err := r.SyncDirs(b); err != nil {
			return err
		}
		for _, uid := range forget {
			r.Did(b, port.DeletedHere, uid, 0)
		}
		if err := r.Commit(ctx, b, state.Commit{Forget: forget}); err != nil {
			return err
		}
	}
	return nil
}

// Forget drops records of what is on neither side any more. First it makes durable that their files are
// gone: an earlier run may have been interrupted before it did, and a file that is back after a power cut,
// without a record, would be taken for the last copy.
func (r *Run) Forget(ctx context.Context, b *mailbox.Box, ops []plan.Op) error {
	if b.MD != nil {
		if err := r.Step("sync directories of %s", b.Name); err != nil {
			return err
		}
		if err := b.MD.Sync(); err != nil {
			return err
		}
	}
	c := state.Commit{Forget: mailbox.UIDsOf(ops)}
	var err error
	if c.Leave, err = r.lastDepartures(ctx, b, c.Forget); err != nil {
		return err
	}
	for _, uid := range c.Forget {
		r.Did(b, port.Forgotten, uid, 0)
	}
	return r.Commit(ctx, b, c)
}

// EmptyTrash removes permanently what is in the trash for longer than it has to be. Without
// a clock that can be trusted nothing is old.
func (r *Run) EmptyTrash(context.Context) error {
	if r.DryRun || !r.AgesCount || r.TrashKeep == nil {
		return nil
	}
	if err := r.Step("empty the trash"); err != nil {
		return err
	}
	n, err := r.Tree.EmptyTrash(*r.TrashKeep)
	if n > 0 {
		r.Infof("", "%d files removed from the trash, where they were longer than %v", n, *r.TrashKeep)
	}
	if err != nil {
		return r.Problem("", 0, err)
	}
	return nil
}

// lastDepartures keeps, of messages that are to be forgotten, one departure of the last archive run
// that took one: so an undo knows of this run, and does not undo the one before in its place.
func (r *Run) lastDepartures(ctx context.Context, b *mailbox.Box, uids []state.UID) ([]state.Departure, error) {
	var meant map[state.UID]state.Departure
	var last state.Departure
	for _, uid := range uids {
		if b.Record(uid).Status != state.OnlyHere {
			continue
		}
		if meant == nil {
			var err error
			if meant, err = r.folder.Departures(ctx, b); err != nil {
				return nil, err
			}
		}
		if d := meant[uid]; d.Run > last.Run {
			last = state.Departure{UID: d.UID, Run: d.Run}
		}
	}
	if last.Run == 0 {
		return nil, nil
	}
	return []state.Departure{last}, nil
}
