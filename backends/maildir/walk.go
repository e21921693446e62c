package maildir

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"mailsync/state"
)

// lostFound is the system's own folder at the root of a file system; a user cannot read
// it, and there is no Maildir in it.
const lostFound = "lost+found"

// Find walks the root and returns every Maildir with a marker of ours, sorted by path.
// A marker that cannot be read is in the list with its error. Symbolic links are not
// followed. An error means that the list is not whole, and there is none.
func (t *Tree) Find(ctx context.Context) ([]state.Found, error) {
	if err := t.others.load(); err != nil {
		return nil, err
	}
	var found []state.Found
	err := t.walk(ctx, ".", func(dir string, names []string, link bool) error {
		if link || !slices.Contains(names, markerFile) {
			return nil
		}
		mk, err := readMarker(t.fs, dir)
		if isNotExist(err) {
			return nil // removed since the folder was read
		}
		found = append(found, state.Found{Path: dir, Marker: mk, Err: err})
		t.places.remember(dir)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b state.Found) int { return strings.Compare(a.Path, b.Path) })
	return found, nil
}

// Unmarked walks the root and returns every Maildir without a marker, in the order of their
// paths, but for those that were there before the tree was ours. One that no mailbox can be
// made of, for where it lies or because it is a symbolic link, has no levels. An error means
// that the list is not whole, and there is none.
func (t *Tree) Unmarked(ctx context.Context) ([]state.Unmarked, error) {
	if err := t.others.load(); err != nil {
		return nil, err
	}
	var found []state.Unmarked
	err := t.strange(ctx, func(s strange) error {
		if !s.whole || t.others.cover(s.path) || t.others.moved(s.path) {
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

// Foreign walks the root and returns every Maildir of other programs that LeaveAlone was never told of,
// with how many messages lie in it, in the order of their paths: it has no marker, and no file in it has
// a name that mailsync gives. A symbolic link to a Maildir is one, too; no link is followed further. One of
// cur and new is enough where there is a file in it: some backups leave out empty folders.
func (t *Tree) Foreign(ctx context.Context) ([]state.ForeignMaildir, error) {
	if err := t.others.load(); err != nil {
		return nil, err
	}
	var found []state.ForeignMaildir
	err := t.strange(ctx, func(s strange) error {
		f := state.ForeignMaildir{Path: s.path}
		for _, sub := range []string{dirCur, dirNew} {
			names, err := t.namesBeyond(path.Join(s.path, sub))
			if err != nil && !isNotExist(err) {
				return fault(err, "look into %s", path.Join(s.path, sub))
			}
			for _, name := range names {
				if partsOf(name).ours {
					return nil
				}
				if !strings.HasPrefix(name, ".") {
					f.Messages++
				}
			}
		}
		if !s.whole && f.Messages == 0 || t.others.cover(s.path) {
			return nil
		}
		if info, err := t.fs.Lstat(path.Join(s.path, dirCur)); err == nil {
			f.CurIno, f.CurBtime = info.Ino, info.Btime
		}
		found = append(found, f)
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

// strange walks the root and tells of every Maildir without a marker.
func (t *Tree) strange(ctx context.Context, found func(strange) error) error {
	return t.walk(ctx, ".", func(dir string, names []string, link bool) error {
		cur, fresh := slices.Contains(names, dirCur), slices.Contains(names, dirNew)
		if !cur && !fresh || slices.Contains(names, markerFile) {
			return nil
		}
		return found(strange{path: dir, whole: cur && fresh, link: link})
	})
}

// walk calls visit with every folder from dir on, and the names in it, but for those that Maildirs and
// our state are made of. A symbolic link to a folder is visited and not followed further. A
// folder that vanishes meanwhile is none.
func (t *Tree) walk(ctx context.Context, dir string, visit func(dir string, names []string, link bool) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	names, err := t.fs.Names(dir)
	if isNotExist(err) && dir != "." || dir == lostFound && errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return fault(err, "walk %s", dir)
	}
	slices.Sort(names)
	if err := visit(dir, names, false); err != nil {
		return err
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
		switch {
		case isNotExist(err):
		case err != nil:
			return fault(err, "walk %s", below)
		case info.IsDir():
			err = t.walk(ctx, below, visit)
		case info.Type == fs.ModeSymlink:
			if names, nerr := t.namesBeyond(below); nerr == nil { // else it leads to no folder
				err = visit(below, names, true)
			}
		}
		if err != nil && !isNotExist(err) {
			return err
		}
	}
	return nil
}

// namesBeyond lists a folder, also where a symbolic link to it leads out of the root.
func (t *Tree) namesBeyond(dir string) ([]string, error) {
	names, err := t.fs.Names(dir)
	if b, ok := t.fs.(interface {
		Beyond(string) ([]string, error)
	}); ok && err != nil && !isNotExist(err) {
		names, err = b.Beyond(dir)
	}
	return names, err
}
