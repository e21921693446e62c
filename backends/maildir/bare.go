package maildir

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"syscall"

	"mailsync/state"
)

// Bare returns every Maildir below the root, whoever made it, sorted by path, and what it skipped: a folder
// that cannot be read, a symbolic link, a name that is not UTF-8. Only that the root itself cannot be read is an
// error. No link is followed: what one inside the tree leads to is found at its own path.
//
// A Maildir is a folder with cur and new in it; one of both is enough where there is tmp or a file beside or in it,
// for Thunderbird makes no new, and some backups leave out empty folders. The root itself is INBOX. Levels are as they are
// spelled here, after decode. Those of a path are levels, and
//
//   - ".a.b" is b below a, as in Maildir++ and with mbsync,
//   - ".a.directory/b" and "a.sbd/b" are that, too, as KMail and Thunderbird have it, and
//   - so is "a.b" where OfflineIMAP made the Maildirs, side by side.
func (t *Tree) Bare(ctx context.Context, decode func(level string) string) ([]state.Bare, []state.NotMail, error) {
	b := &bareWalk{t: t, decode: decode, met: map[string]level{}}
	if err := t.walk(ctx, ".", b.visit); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(b.found, func(x, y state.Bare) int { return strings.Compare(x.Path, y.Path) })
	slices.SortFunc(b.passed, func(x, y state.NotMail) int { return strings.Compare(x.Name, y.Name) })
	return b.found, b.passed, nil
}

type bareWalk struct {
	t      *Tree
	decode func(string) string
	met    map[string]level // by path
	found  []state.Bare
	passed []state.NotMail
}

// level is what a folder's path is to those below it.
type level struct {
	levels []string
	flat   bool // OfflineIMAP made the Maildirs in it
}

func (b *bareWalk) pass(at string, err error) {
	b.passed = append(b.passed, state.NotMail{Name: at, Err: err})
}

func (b *bareWalk) visit(f folder) (own []string, err error) {
	switch {
	case f.link:
		b.link(f)
	case f.err == errNotUTF8:
		if n := countBelow(b.t.fs, f.path, maxBelow); n > 0 {
			b.passed = append(b.passed, state.NotMail{Name: f.path, Count: n, Err: f.err})
		}
	case f.err != nil && f.path == ".":
		return nil, fault(f.err, "walk %s", f.path)
	case f.err != nil:
		b.pass(f.path, fault(f.err, "read the folder"))
	default:
		own = b.folder(f.path, f.names)
	}
	return own, nil
}

// folder notes a folder, if it is a Maildir, and returns which names in it make it one.
func (b *bareWalk) folder(dir string, names []string) (own []string) {
	var here level
	is := b.isMaildir(dir)
	if dir != "." {
		above := b.met[path.Dir(dir)]
		here.levels = append(slices.Clone(above.levels), b.levels(dir, is, above.flat)...)
	}
	here.flat = slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, ".") }) && b.offlineIMAP(dir, names)
	b.met[dir] = here
	if !is {
		return nil
	}
	one := state.Bare{Path: dir, Levels: here.levels}
	if dir == "." {
		one.Levels = []string{inbox}
	}
	var err error
	one.Marker, err = readMarker(b.t.fs, dir)
	one.Marked = err == nil
	b.found = append(b.found, one)
	for _, name := range []string{dirCur, dirNew, dirTmp} {
		if b.isFolder(path.Join(dir, name)) {
			own = append(own, name)
		}
	}
	return own
}

// levels are those of the last part of a folder's path.
func (b *bareWalk) levels(at string, is, flat bool) (below []string) {
	name := path.Base(at)
	if !is {
		if plain, sub := strings.CutSuffix(name, ".sbd"); sub && plain != "" {
			return []string{b.decode(plain)}
		}
		if plain, sub := strings.CutSuffix(name, ".directory"); sub && len(plain) > 1 && plain[0] == '.' {
			return []string{b.decode(plain[1:])}
		}
	}
	dotted, sub := strings.CutPrefix(name, ".")
	parts := strings.Split(dotted, ".")
	if !sub && !flat || slices.Contains(parts, "") { // no level is empty: the dots are the user's
		return []string{b.decode(name)}
	}
	for _, part := range parts {
		below = append(below, b.decode(part))
	}
	return below
}

func (b *bareWalk) isFolder(at string) bool {
	info, err := b.t.fs.Lstat(at)
	return err == nil && info.IsDir()
}

// isMaildir reports whether a folder is a Maildir, or one half of it.
func (b *bareWalk) isMaildir(dir string) bool {
	cur, fresh := b.isFolder(path.Join(dir, dirCur)), b.isFolder(path.Join(dir, dirNew))
	if cur == fresh {
		return cur
	}
	if b.isFolder(path.Join(dir, dirTmp)) {
		return true
	}
	half := path.Join(dir, dirCur)
	if fresh {
		half = path.Join(dir, dirNew)
	}
	names, err := b.t.fs.Names(half)
	return err != nil || slices.ContainsFunc(names, func(n string) bool { return !b.isFolder(path.Join(half, n)) })
}

// offlineIMAP reports whether the Maildirs in a folder are OfflineIMAP's, by the names of files, and are side by
// side: then dots part the levels of their names.
func (b *bareWalk) offlineIMAP(dir string, names []string) (its bool) {
	for _, name := range names {
		at := path.Join(dir, name)
		if !b.isMaildir(at) {
			continue
		}
		below, _ := b.t.fs.Names(at)
		if slices.ContainsFunc(below, func(n string) bool { return b.isMaildir(path.Join(at, n)) }) {
			return false
		}
		for _, sub := range []string{dirCur, dirNew} {
			files, _ := b.t.fs.Names(path.Join(at, sub))
			its = its || slices.ContainsFunc(files, func(n string) bool { return strings.Contains(n, ",FMD5=") })
		}
	}
	return its
}

// link notes that a symbolic link is skipped. One to a file does not matter here.
func (b *bareWalk) link(f folder) {
	_, inside := b.t.fs.Names(f.path)
	real, can := b.t.fs.(interface{ Inside(string) bool })
	switch {
	case inside == nil, f.err == nil && can && real.Inside(f.path):
		b.passed = append(b.passed, state.NotMail{Name: f.path, Harmless: true,
			Err: errors.New("a symbolic link to a folder that is in the tree as well")})
	case f.err == nil:
		b.pass(f.path, state.Faultf(state.Other, "a symbolic link that leads out of the tree is not followed").
			WithHint("restore what it leads to by a --from of its own"))
	case errors.Is(f.err, syscall.ELOOP):
		b.pass(f.path, errors.New("a symbolic link that leads to itself"))
	case !errors.Is(f.err, syscall.ENOTDIR):
		b.pass(f.path, state.Faultf(state.Other, "a symbolic link that leads nowhere").
			WithHint("what it led to was moved, or is not mounted"))
	}
}
