package maildir

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"

	"mailsync/state"
)

// Unmarked walks the root and returns every Maildir without a marker whose path a mailbox
// would have, in the order of their paths. Symbolic links are not followed. An error
// means that the list is not whole, and there is none.
func (t *Tree) Unmarked(ctx context.Context) ([]state.Unmarked, error) {
	var found []state.Unmarked
	if err := t.unmarked(ctx, ".", &found); err != nil {
		return nil, err
	}
	return found, nil
}

func (t *Tree) unmarked(ctx context.Context, dir string, found *[]state.Unmarked) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	names, err := t.fs.Names(dir)
	if isNotExist(err) || dir == lostFound && errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return fault(err, "walk %s", dir)
	}
	slices.Sort(names)
	if slices.Contains(names, dirCur) && slices.Contains(names, dirNew) && !slices.Contains(names, markerFile) {
		if levels, ok := t.opts.Layout.Levels(dir); ok {
			*found = append(*found, state.Unmarked{Path: dir, Levels: levels})
		}
	}
	for _, name := range names {
		switch name {
		case dirCur, dirNew, dirTmp, stateDirFS, stateDirPlusPlus, markerFile:
			continue
		}
		below := path.Join(dir, name)
		if !fs.ValidPath(below) {
			continue // not UTF-8: not of our making
		}
		info, err := t.fs.Lstat(below)
		if isNotExist(err) || err == nil && !info.IsDir() {
			continue
		}
		if err != nil {
			return fault(err, "walk %s", below)
		}
		if err := t.unmarked(ctx, below, found); err != nil {
			return err
		}
	}
	return nil
}
