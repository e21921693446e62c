package tie

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// foldTwins takes away the second names of files that an earlier run tied and could not
// unlink any more. Flags that a reader gave the second name go to the first.
func (r *Run) foldTwins(ctx context.Context, b *mailbox.Box) error {
	if r.DryRun || b.Gen().Clean {
		return nil
	}
	flags := map[string]state.Flags{}
	var names []string
	moving, err := r.movingNames(ctx, b)
	if err != nil {
		return err
	}
	for _, f := range b.Disk.Foreign {
		if r.mayBe(b, f.Token) {
			names = append(names, f.Name)
			if flags[f.Name] = f.Flags; moving[plan.Bare(f.Name)] { // its letters are of the Maildir that it came from
				flags[f.Name] &= state.System
			}
		}
	}
	strays := map[string]state.UID{}
	for _, m := range leftovers(b) {
		name := b.Disk.NameAt(m.Name)
		names, flags[name], strays[name] = append(names, name), m.Flags, m.UID
	}
	if len(names) == 0 {
		return nil
	}
	twins, err := b.MD.Twins(names)
	if err != nil || len(twins) == 0 {
		return err
	}
	seconds := map[string][]string{} // by the name to be kept
	for _, name := range names {
		if kept := twins[name]; kept != "" {
			seconds[kept] = append(seconds[kept], name)
		}
	}
	for _, m := range b.Disk.Messages {
		kept := b.Disk.NameAt(m.Name)
		for _, name := range seconds[kept] {
			if stray := strays[name]; stray != 0 && !brokenOff(b, stray, m.UID) {
				continue
			}
			if kept, err = r.foldTwin(b, name, kept, m.Flags, flags[name]); err != nil {
				return err
			}
			delete(twins, name)
		}
	}
	if err := r.foldOlder(b, twins, flags); err != nil {
		return err
	}
	if !b.Wrote {
		return nil
	}
	if err := r.SyncDirs(b); err != nil {
		return err
	}
	b.Disk, err = b.MD.Scan(ctx, b.Gen().Token, nil, b.KW)
	return err
}

// movingNames are the bare names of files that a run was about to move a message for.
func (r *Run) movingNames(ctx context.Context, b *mailbox.Box) (map[string]bool, error) {
	if b.Gen().ID == 0 || len(b.Disk.Foreign) == 0 {
		return nil, nil
	}
	intents, err := r.Base.Intents(ctx, b.Gen().ID)
	if err != nil {
		return nil, port.Wrap("read state", err)
	}
	names := map[string]bool{}
	for _, in := range intents {
		if plan.Moved(in.Key) {
			names[plan.Bare(plan.FileOf(in.Key))] = true
		}
	}
	return names, nil
}

// foldOlder takes away one of two names of one file that are both none of this
// generation's: a run broke off, and since then the numbers changed again. At least one of
// them is a name that we gave; two of a user's own are none of our business.
func (r *Run) foldOlder(b *mailbox.Box, twins map[string]string, flags map[string]state.Flags) error {
	tokens := map[string]string{}
	for _, f := range b.Disk.Foreign {
		tokens[f.Name] = f.Token
	}
	for _, name := range slices.Sorted(maps.Keys(twins)) {
		kept, there := twins[name], twins[twins[name]] == name
		if !there || tokens[kept] == "" {
			continue
		}
		if _, err := r.foldTwin(b, name, kept, flags[kept], flags[name]); err != nil {
			return err
		}
		delete(twins, kept) // it is single now
	}
	return nil
}

// foldTwin takes one second name away and returns the name that the file has then.
func (r *Run) foldTwin(b *mailbox.Box, name, kept string, has, gets state.Flags) (string, error) {
	b.Wrote = true
	if more := gets &^ has; more != 0 {
		if err := r.Step("flag %s", kept); err != nil {
			return "", err
		}
		placed, err := b.MD.Flag(kept, gets, more, b.KW)
		if err != nil {
			return "", err
		}
		kept = placed.Name
	}
	if err := r.Step("unlink %s in %s", name, b.Name); err != nil {
		return "", err
	}
	return kept, b.MD.Unlink(name, b.Row.Path, kept)
}

// retagged is a snapshot in which files have the identities they were given since it was
// taken; placed is nil where that was only planned.
func retagged(d *state.DiskSnapshot, files []mailbox.NewName, placed []state.Placed) *state.DiskSnapshot {
	if len(files) == 0 {
		return d
	}
	now := *d
	now.Messages, now.Names = slices.Clone(d.Messages), slices.Clone(d.Names)
	old := map[string]bool{}
	for i, f := range files {
		old[f.Name] = true
		name, flags := f.Name, f.As.Flags
		if placed != nil {
			name, flags = placed[i].Name, placed[i].Flags
		}
		now.Messages = append(now.Messages, state.OnDisk{UID: f.As.UID, Variant: f.As.Variant, New: name[:4] == "new/",
			Flags: flags, Name: uint32(len(now.Names)), Size: f.As.Bytes})
		now.Names = append(append(now.Names, name...), 0)
	}
	slices.SortStableFunc(now.Messages, func(x, y state.OnDisk) int {
		return cmp.Or(cmp.Compare(x.UID, y.UID), cmp.Compare(x.Variant, y.Variant))
	})
	now.Foreign = slices.DeleteFunc(slices.Clone(d.Foreign), func(f state.Foreign) bool { return old[f.Name] })
	return &now
}
