package maildir

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"

	"mailsync/state"
)

// lostFound is the system's own folder at the root of a file system; a user cannot read
// it, and there is no Maildir in it.
const lostFound = "lost+found"

// Find walks the root and returns every Maildir with a marker of ours, sorted by path.
// A marker that cannot be read is in the list with its error. Symbolic links are not
// followed. An error means that the list is not whole, and there is none.
func (t *Tree) Find(ctx context.Context) ([]state.Found, error) {
	if err := t.readForeign(); err != nil {
		return nil, err
	}
	var found []state.Found
	if err := t.walk(ctx, ".", &found); err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b state.Found) int {
		switch {
		case a.Path < b.Path:
			return -1
		case a.Path > b.Path:
			return 1
		}
		return 0
	})
	return found, nil
}

func (t *Tree) walk(ctx context.Context, dir string, found *[]state.Found) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	names, err := t.fs.Names(dir)
	if dir == lostFound && errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return fault(err, "walk %s", dir)
	}
	for _, name := range names {
		switch name {
		case dirCur, dirNew, dirTmp, t.opts.Layout.StateDir():
			continue
		case markerFile:
			mk, err := readMarker(t.fs, dir)
			if isNotExist(err) {
				continue // removed since the folder was read
			}
			*found = append(*found, state.Found{Path: dir, Marker: mk, Err: err})
			t.remember(dir)
			continue
		}
		if err := t.descend(ctx, path.Join(dir, name), found); err != nil {
			return err
		}
	}
	return nil
}

// descend walks a name if it is a folder. One that vanishes meanwhile has no Maildir.
func (t *Tree) descend(ctx context.Context, name string, found *[]state.Found) error {
	if !fs.ValidPath(name) {
		return nil // not UTF-8: not of our making
	}
	info, err := t.fs.Lstat(name)
	if isNotExist(err) || err == nil && !info.IsDir() {
		return nil
	}
	if err != nil {
		return fault(err, "walk %s", name)
	}
	err = t.walk(ctx, name, found)
	if isNotExist(err) {
		return nil
	}
	return err
}
