package maildir

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"

	"mailsync/state"
)

// Unmarked walks the root and returns every Maildir without a marker, in the order of their
// paths, but for those that were there before the tree was ours. One that no mailbox can be
// made of, for where it lies or because it is a symbolic link, has no levels. An error means
// that the list is not whole, and there is none.
func (t *Tree) Unmarked(ctx context.Context) ([]state.Unmarked, error) {
	if err := t.readForeign(); err != nil {
		return nil, err
	}
	var found []state.Unmarked
	err := t.strange(ctx, ".", func(s strange) error {
		if !s.whole || t.leftAlone(s.path) || t.wasForeign(s.path) {
			return nil
		}
		u := state.Unmarked{Path: s.path}
		if !s.link {
			u.Levels, _ = t.opts.Layout.Read(s.path)
		}
		found = append(found, u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// strange is a folder without a marker that looks like a Maildir.
type strange struct {
	path  string
	whole bool // it has both cur and new
	link  bool // it is a symbolic link to one
}

// strange walks the tree below a folder and tells of every Maildir without a marker.
func (t *Tree) strange(ctx context.Context, dir string, found func(strange) error) error {
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
	if s, ok := strangeOf(dir, names); ok {
		if err := found(s); err != nil {
			return err
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
		if isNotExist(err) || err == nil && !info.IsDir() && info.Type != fs.ModeSymlink {
			continue
		}
		if err != nil {
			return fault(err, "walk %s", below)
		}
		if info.IsDir() {
			err = t.strange(ctx, below, found)
		} else if names, nerr := t.namesBeyond(below); nerr == nil { // else it leads to no folder
			if s, ok := strangeOf(below, names); ok {
				s.link = true
				err = found(s)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// strangeOf judges a folder by the names in it.
func strangeOf(dir string, names []string) (strange, bool) {
	cur, fresh := slices.Contains(names, dirCur), slices.Contains(names, dirNew)
	return strange{path: dir, whole: cur && fresh}, (cur || fresh) && !slices.Contains(names, markerFile)
}
