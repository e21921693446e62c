package maildir

import (
	"context"
	"path"
	"slices"
	"strings"

	"mailsync/state"
)

// Bare returns every Maildir below the root, whoever made it, in either layout, sorted by
// path: folders with new and cur, whose levels are those of their path, and folders
// beside them whose names begin with a dot, whose levels are between dots. The root itself
// is INBOX. Levels are as they are spelled here; decode turns one into what it stands for.
// Symbolic links are not followed.
func (t *Tree) Bare(ctx context.Context, decode func(level string) string) ([]state.Bare, error) {
	b := &bareWalk{t: t, decode: decode}
	if err := b.walk(ctx, ".", nil); err != nil {
		return nil, err
	}
	slices.SortFunc(b.found, func(x, y state.Bare) int { return strings.Compare(x.Path, y.Path) })
	return b.found, nil
}

type bareWalk struct {
	t      *Tree
	decode func(string) string
	found  []state.Bare
}

func (b *bareWalk) walk(ctx context.Context, dir string, levels []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	names, err := b.t.fs.Names(dir)
	if err != nil {
		return fault(err, "walk %s", dir)
	}
	if slices.Contains(names, dirCur) && slices.Contains(names, dirNew) {
		one := state.Bare{Path: dir, Levels: levels}
		if len(levels) == 0 {
			one.Levels = []string{inbox}
		}
		one.Marker, err = readMarker(b.t.fs, dir)
		one.Marked = err == nil
		b.found = append(b.found, one)
	}
	for _, name := range names {
		switch name {
		case dirCur, dirNew, dirTmp, stateDirFS, stateDirPlusPlus, lostFound:
			continue
		}
		at := path.Join(dir, name)
		info, err := b.t.fs.Lstat(at)
		if isNotExist(err) || err == nil && !info.IsDir() {
			continue
		}
		if err != nil {
			return fault(err, "walk %s", at)
		}
		below := append(slices.Clone(levels), b.decode(name))
		if dotted, ok := strings.CutPrefix(name, "."); ok {
			below = slices.Clone(levels)
			for part := range strings.SplitSeq(dotted, ".") {
				below = append(below, b.decode(part))
			}
		}
		if err := b.walk(ctx, at, below); err != nil {
			return err
		}
	}
	return nil
}

// Unescape is a level as it was before Place escaped it. It reports false for one that Place does not
// make.
func (l Layout) Unescape(level string) (string, bool) {
	plain, ok := unescape(level)
	return plain, ok && l.escape(plain) == level
}
