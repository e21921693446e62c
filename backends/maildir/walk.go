package maildir

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"mailsync/state"
)

// lostFound is the system's own folder at the root of a file system; a user cannot read
// it, and it has no Maildirs.
const lostFound = "lost+found"

// folder is what a walk found.
type folder struct {
	path  string
	names []string // in it, sorted
	link  bool     // it is a symbolic link, which is not followed further
	err   error    // why its names are not known
}

// walk calls visit with every folder from dir on, but for those of our state. own are the names in a folder
// that are parts of it and not to be visited. What is removed meanwhile is not visited.
func (t *Tree) walk(ctx context.Context, dir string, visit func(f folder) (own []string, err error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	names, err := t.fs.Names(dir)
	if isNotExist(err) && dir != "." || dir == lostFound && errors.Is(err, fs.ErrPermission) {
		return nil
	}
	slices.Sort(names)
	own, err := visit(folder{path: dir, names: names, err: err})
	if err != nil {
		return err
	}
	own = append(own, stateDirFS, stateDirPlusPlus)
	for _, name := range names {
		if slices.Contains(own, name) {
			continue
		}
		at := path.Join(dir, name)
		info, err := t.fs.Lstat(at)
		switch {
		case isNotExist(err):
			err = nil
		case err != nil:
			_, err = visit(folder{path: at, err: err})
		case info.Type == fs.ModeSymlink:
			names, lerr := t.namesBeyond(at)
			_, err = visit(folder{path: at, names: names, link: true, err: lerr})
		case info.IsDir() && !utf8.ValidString(name):
			_, err = visit(folder{path: at, err: errNotUTF8})
		case info.IsDir():
			err = t.walk(ctx, at, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// survey walks the root for a list that has to be complete: a folder that cannot be read is an error.
func (t *Tree) survey(ctx context.Context, visit func(f folder) error) error {
	if err := t.others.load(); err != nil {
		return err
	}
	return t.walk(ctx, ".", func(f folder) ([]string, error) {
		switch {
		case !utf8.ValidString(f.path), f.link && f.err != nil: // not of our making; leads to no folder
			return nil, nil
		case f.err != nil:
			return nil, fault(f.err, "walk %s", f.path)
		}
		return []string{dirCur, dirNew, dirTmp, markerFile}, visit(f)
	})
}

// Find walks the root and returns every Maildir with a marker of ours, sorted by path.
// A marker that cannot be read is in the list with its error. Symbolic links are not
// followed. After an error the list is not complete.
func (t *Tree) Find(ctx context.Context) (found []state.Found, err error) {
	err = t.survey(ctx, func(f folder) error {
		if f.link || !slices.Contains(f.names, markerFile) {
			return nil
		}
		mk, err := readMarker(t.fs, f.path)
		if isNotExist(err) {
			return nil // removed since the folder was read
		}
		found = append(found, state.Found{Path: f.path, Marker: mk, Err: err})
		t.places.remember(f.path)
		return nil
	})
	slices.SortFunc(found, func(a, b state.Found) int { return strings.Compare(a.Path, b.Path) })
	return found, err
}

// Unmarked walks the root and returns every Maildir without a marker, in the order of their
// paths, but for those that were there before the tree was ours. One that no mailbox can be
// made of, because of its path or because it is a symbolic link, has no levels. After an error
// the list is not complete.
func (t *Tree) Unmarked(ctx context.Context) (found []state.Unmarked, err error) {
	err = t.unmarked(ctx, func(f folder, both bool) error {
		if !both || t.others.cover(f.path) || t.others.moved(f.path) {
			return nil
		}
		u := state.Unmarked{Path: f.path}
		if !f.link {
			u.Levels, _ = t.opts.Layout.Read(f.path)
		}
		found = append(found, u)
		return nil
	})
	return found, err
}

// Foreign walks the root and returns every Maildir of other programs that was never passed to LeaveAlone,
// with the number of messages in it, in the order of their paths: it has no marker, and no file in it has
// a name that mailsync gives. A symbolic link to a Maildir is one, too; no link is followed further. One of
// cur and new is enough where there is a file in it: some backups leave out empty folders. After an error
// the list is not complete.
func (t *Tree) Foreign(ctx context.Context) (found []state.ForeignMaildir, err error) {
	err = t.unmarked(ctx, func(one folder, both bool) error {
		f := state.ForeignMaildir{Path: one.path}
		for _, sub := range []string{dirCur, dirNew} {
			names, err := t.namesBeyond(path.Join(f.Path, sub))
			if err != nil && !isNotExist(err) {
				return fault(err, "look into %s", path.Join(f.Path, sub))
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
		if !both && f.Messages == 0 || t.others.cover(f.Path) {
			return nil
		}
		if info, err := t.fs.Lstat(path.Join(f.Path, dirCur)); err == nil {
			f.CurIno, f.CurBtime = info.Ino, info.Btime
		}
		found = append(found, f)
		return nil
	})
	return found, err
}

// unmarked walks the root for folders without a marker that look like a Maildir: they have both cur and new,
// or one of them.
func (t *Tree) unmarked(ctx context.Context, found func(f folder, both bool) error) error {
	return t.survey(ctx, func(f folder) error {
		cur, fresh := slices.Contains(f.names, dirCur), slices.Contains(f.names, dirNew)
		if !cur && !fresh || slices.Contains(f.names, markerFile) {
			return nil
		}
		return found(f, cur && fresh)
	})
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
