package sync

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"mailsync/state"
)

// foldTwins takes away the second names of files that an earlier run tied and could not
// unlink any more. Flags that a reader gave the second name go to the first.
func (r *run) foldTwins(ctx context.Context, b *box) error {
	if r.DryRun || b.gen().Clean {
		return nil
	}
	flags := map[string]state.Flags{}
	var names []string
	moving, err := r.movingNames(ctx, b)
	if err != nil {
		return err
	}
	for _, f := range b.disk.Foreign {
		if r.mayBe(b, f.Token) {
			names = append(names, f.Name)
			if flags[f.Name] = f.Flags; moving[bare(f.Name)] { // its letters are of the Maildir that it came from
				flags[f.Name] &= state.System
			}
		}
	}
	strays := map[string]state.UID{}
	for _, m := range b.leftovers() {
		name := b.disk.NameAt(m.Name)
		names, flags[name], strays[name] = append(names, name), m.Flags, m.UID
	}
	if len(names) == 0 {
		return nil
	}
	twins, err := b.md.Twins(names)
	if err != nil || len(twins) == 0 {
		return err
	}
	seconds := map[string][]string{} // by the name to be kept
	for _, name := range names {
		if kept := twins[name]; kept != "" {
			seconds[kept] = append(seconds[kept], name)
		}
	}
	for _, m := range b.disk.Messages {
		kept := b.disk.NameAt(m.Name)
		for _, name := range seconds[kept] {
			if stray := strays[name]; stray != 0 && !b.brokenOff(stray, m.UID) {
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
	if !b.wrote {
		return nil
	}
	if err := r.syncDirs(b); err != nil {
		return err
	}
	b.disk, err = b.md.Scan(ctx, b.gen().Token, nil, b.kw)
	return err
}

// movingNames are the bare names of files that a run was about to move a message for.
func (r *run) movingNames(ctx context.Context, b *box) (map[string]bool, error) {
	if b.gen().ID == 0 || len(b.disk.Foreign) == 0 {
		return nil, nil
	}
	intents, err := r.Base.Intents(ctx, b.gen().ID)
	if err != nil {
		return nil, wrap("read state", err)
	}
	names := map[string]bool{}
	for _, in := range intents {
		if moved(in.Key) {
			names[bare(fileOf(in.Key))] = true
		}
	}
	return names, nil
}

// foldOlder takes away one of two names of one file that are both none of this
// generation's: a run broke off, and since then the numbers changed again. At least one of
// them is a name that we gave; two of a user's own are none of our business.
func (r *run) foldOlder(b *box, twins map[string]string, flags map[string]state.Flags) error {
	tokens := map[string]string{}
	for _, f := range b.disk.Foreign {
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
func (r *run) foldTwin(b *box, name, kept string, has, gets state.Flags) (string, error) {
	b.wrote = true
	if more := gets &^ has; more != 0 {
		if err := r.step("flag %s", kept); err != nil {
			return "", err
		}
		placed, err := b.md.Flag(kept, gets, more, b.kw)
		if err != nil {
			return "", err
		}
		kept = placed.Name
	}
	if err := r.step("unlink %s in %s", name, b.name); err != nil {
		return "", err
	}
	return kept, b.md.Unlink(name, b.row.Path, kept)
}

// withoutTwins takes those out of the files to be appended that still are second names of
// others: a mail program was renaming one of the two while they were to be folded. Their
// messages are on the server; the next run folds them.
func (b *box) withoutTwins(ops []Op) ([]Op, error) {
	plain := map[string]bool{} // files of another program, whose messages nobody knows
	for _, f := range b.disk.Foreign {
		if f.Token == "" {
			plain[f.Name] = true
		}
	}
	var names []string
	for _, o := range ops {
		if plain[o.Name] {
			names = append(names, o.Name)
		}
	}
	if len(names) == 0 {
		return ops, nil
	}
	twins, err := b.md.Twins(names)
	if err != nil || len(twins) == 0 {
		return ops, err
	}
	return slices.DeleteFunc(ops, func(o Op) bool {
		kept := twins[o.Name]
		twin := kept != "" && !plain[kept] // two of a user's own names are two messages
		b.undone = b.undone || twin
		return twin
	}), nil
}

// retagged is a snapshot in which files have the identities they were given since it was
// taken; placed is nil where that was only planned.
func retagged(d *state.DiskSnapshot, files []newName, placed []state.Placed) *state.DiskSnapshot {
	if len(files) == 0 {
		return d
	}
	now := *d
	now.Messages, now.Names = slices.Clone(d.Messages), slices.Clone(d.Names)
	old := map[string]bool{}
	for i, f := range files {
		old[f.name] = true
		name, flags := f.name, f.as.Flags
		if placed != nil {
			name, flags = placed[i].Name, placed[i].Flags
		}
		now.Messages = append(now.Messages, state.OnDisk{UID: f.as.UID, Variant: f.as.Variant, New: name[:4] == "new/",
			Flags: flags, Name: uint32(len(now.Names)), Size: f.as.Bytes})
		now.Names = append(append(now.Names, name...), 0)
	}
	slices.SortStableFunc(now.Messages, func(x, y state.OnDisk) int {
		return cmp.Or(cmp.Compare(x.UID, y.UID), cmp.Compare(x.Variant, y.Variant))
	})
	now.Foreign = slices.DeleteFunc(slices.Clone(d.Foreign), func(f state.Foreign) bool { return old[f.Name] })
	return &now
}
