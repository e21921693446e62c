package tie

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// TrashReplaced moves replaced files to the trash, and settles the intents of those that it moved.
func (r *Run) TrashReplaced(ctx context.Context, b *mailbox.Box, names []string, notes []state.Intent) error {
	if len(names) == 0 {
		return nil
	}
	for _, name := range names {
		if err := r.Step("trash %s", name); err != nil {
			return err
		}
		err := b.MD.Trash(name)
		if errors.Is(err, fs.ErrNotExist) { // renamed meanwhile, perhaps: the next run finds out
			b.Leave(mailbox.Disturbed)
			notes = slices.DeleteFunc(slices.Clone(notes), func(in state.Intent) bool { return in.Key == plan.ReplacedKey(name) })
			continue
		}
		if err != nil {
			return err
		}
	}
	if err := r.SyncDirs(b); err != nil {
		return err
	}
	return r.Commit(ctx, b, plan.Settling(notes))
}

// dropReplaced moves those files to the trash that an earlier run replaced before it was interrupted. Flags
// that a reader gave them meanwhile are given to the files in their places.
func (r *Run) dropReplaced(ctx context.Context, b *mailbox.Box) error {
	if r.DryRun || b.Gen() == nil || b.Gen().Clean {
		return nil
	}
	intents, err := r.Intents(ctx, b, state.Replacing)
	if err != nil {
		return err
	}
	var names []string
	if len(intents) > 0 && !b.Disk.Still {
		b.Leave(mailbox.Disturbed) // a mail program renames files: the next run finds out which are there
		return nil
	}
	for _, in := range intents {
		name, ok, err := r.stillBeside(b, in)
		if err != nil {
			return err
		}
		if ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return r.Commit(ctx, b, plan.Settling(intents))
	}
	b.Wrote = true
	if err := r.TrashReplaced(ctx, b, names, intents); err != nil {
		return err
	}
	b.Disk, err = b.MD.Scan(ctx, b.Gen().Token, nil, b.KW)
	return err
}

// stillBeside finds a file that was replaced and is still beside the one that took its place.
func (r *Run) stillBeside(b *mailbox.Box, in state.Intent) (name string, there bool, err error) {
	rec := b.Record(in.UID)
	if !rec.Status.HasFile() {
		return "", false, nil
	}
	kept, there := plan.NameIn(b.Disk, in.UID, max(1, rec.Variant))
	if !there {
		return "", false, nil
	}
	var has, old state.Flags
	for _, m := range plan.FilesOf(b.Disk, in.UID) {
		switch at := b.Disk.NameAt(m.Name); {
		case at == kept:
			has = m.Flags
		case plan.Bare(at) == in.Key.Name:
			name, old = at, m.Flags
		}
	}
	if more := old &^ has &^ in.Flags; name != "" && more != 0 {
		if err := r.Step("flag %s", kept); err != nil {
			return "", false, err
		}
		b.Wrote = true
		_, err = b.MD.Flag(kept, more, more, b.KW)
	}
	return name, name != "", err
}
