package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"mailsync/state"
)

// A file that a new one replaces goes to the trash once the base knows the new one. A run that breaks
// off between the two would leave both, and nothing about them says that they are one message. So
// what is to go is noted in the commit that records the new file.

// replacing begins the key of an intent to move a file to the trash that another took the place of.
const replacing = "replaced "

// replaced is the note that a file with those flags is to go to the trash.
func replaced(name string, uid state.UID, flags state.Flags) state.Intent {
	return state.Intent{Key: replacing + bare(name), UID: uid, Flags: flags}
}

func isReplacing(in state.Intent) bool { return strings.HasPrefix(in.Key, replacing) }

// trashReplaced moves files to the trash that others have taken the place of, by what was noted of them.
func (r *run) trashReplaced(ctx context.Context, b *box, names []string, notes []state.Intent) error {
	if len(names) == 0 {
		return nil
	}
	for _, name := range names {
		if err := r.step("trash %s", name); err != nil {
			return err
		}
		err := b.md.Trash(name)
		if errors.Is(err, fs.ErrNotExist) { // renamed meanwhile, perhaps: the next run sees
			b.undone = true
			notes = slices.DeleteFunc(slices.Clone(notes), func(in state.Intent) bool { return in.Key == replacing+bare(name) })
			continue
		}
		if err != nil {
			return err
		}
	}
	if err := r.syncDirs(b); err != nil {
		return err
	}
	return r.commit(ctx, b, settling(notes))
}

func settling(notes []state.Intent) (c state.Commit) {
	for _, in := range notes {
		c.Settle = append(c.Settle, in.Key)
	}
	return c
}

// dropReplaced moves those files to the trash that an earlier run replaced before it broke off. Flags
// that a reader gave them meanwhile go to the files in their places.
func (r *run) dropReplaced(ctx context.Context, b *box) error {
	if r.DryRun || b.gen() == nil || b.gen().Clean || b.gen().ID == 0 {
		return nil
	}
	intents, err := r.Base.Intents(ctx, b.gen().ID)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	var names []string
	intents = slices.DeleteFunc(intents, func(in state.Intent) bool { return !isReplacing(in) })
	if len(intents) > 0 && !b.disk.Still {
		b.undone = true // a mail program renames files: the next run sees which are there
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
		return r.commit(ctx, b, settling(intents))
	}
	b.wrote = true
	if err := r.trashReplaced(ctx, b, names, intents); err != nil {
		return err
	}
	b.disk, err = b.md.Scan(ctx, b.gen().Token, nil, b.kw)
	return err
}

// stillBeside finds a file that was replaced and lies beside the one that took its place.
func (r *run) stillBeside(b *box, in state.Intent) (name string, there bool, err error) {
	rec := b.record(in.UID)
	if !rec.Status.HasFile() {
		return "", false, nil
	}
	kept, there := nameIn(b.disk, in.UID, max(1, rec.Variant))
	if !there {
		return "", false, nil
	}
	var has, old state.Flags
	for _, m := range filesOf(b.disk, in.UID) {
		switch at := b.disk.NameAt(m.Name); {
		case at == kept:
			has = m.Flags
		case bare(at) == strings.TrimPrefix(in.Key, replacing):
			name, old = at, m.Flags
		}
	}
	if more := old &^ has &^ in.Flags; name != "" && more != 0 {
		if err := r.step("flag %s", kept); err != nil {
			return "", false, err
		}
		b.wrote = true
		_, err = b.md.Flag(kept, more, more, b.kw)
	}
	return name, name != "", err
}
