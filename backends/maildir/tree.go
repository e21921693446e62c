package maildir

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// Options describe a Tree. The zero value is layout fs, with the trash inside
// the tree, by the system's clock.
type Options struct {
	Layout Layout
	// Trash is the state directory where that is outside the tree; nil: inside.
	Trash disk.FS
	// Keys names messages to which the server gives no UID, as with POP3; nil: none.
	Keys Keys
	// Now is the clock; nil: time.Now.
	Now    func() time.Time
	stamps func() (time.Time, bool) // the clock that stamps changes, where Now is the system's; nil: none is known
	// Wait waits, or returns ctx's error; nil: by a timer.
	Wait func(ctx context.Context, d time.Duration) error
	// Ended is asked while a file is inspected, however long that takes: its error ends it. nil: nothing does.
	Ended func() error
}

// ended is the error that ends what only reads, nil while there is none.
func (o *Options) ended() error {
	if o.Ended == nil {
		return nil
	}
	return o.Ended()
}

// Keys maps between UIDs, which the engine uses, and keys, which are in the
// names of files whose server has no UIDs: 26 characters of base32 (spec 6.1). Its
// methods are called from several goroutines.
type Keys interface {
	// UID returns the number of a key, false where the key is unknown.
	UID(key string) (state.UID, bool)
	// Key returns the key of a number, false where the message is named by its UID.
	Key(uid state.UID) (string, bool)
}

// Tree is an account's root with Maildirs below it. Its methods are safe for
// concurrent use.
type Tree struct {
	fs     disk.FS
	opts   Options
	trash  *trash
	places places
	others others
}

// Open returns the tree on fs. It touches nothing.
func Open(fs disk.FS, opts Options) *Tree {
	if opts.Now == nil {
		opts.Now, opts.stamps = time.Now, disk.StampTime
	}
	if opts.Wait == nil {
		opts.Wait = wait
	}
	bin := &trash{mail: fs, fs: opts.Trash, dir: "trash", now: opts.Now}
	if bin.inside = opts.Trash == nil; bin.inside {
		bin.fs, bin.dir = fs, path.Join(opts.Layout.StateDir(), bin.dir)
	}
	return &Tree{fs: fs, opts: opts, trash: bin, places: places{folded: map[string]string{}}, others: others{fs: fs, layout: opts.Layout}}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Free returns the octets that can still be written below the root.
func (t *Tree) Free() (int64, error) {
	n, err := t.fs.Free()
	if err != nil {
		return 0, fault(err, "free space of the maildir root")
	}
	return n, nil
}

// Open returns a Maildir that is there; fs.ErrNotExist if it is not, or lacks one of
// new and cur. Its marker shows whether it is one of ours.
func (t *Tree) Open(dir string) (*Maildir, error) {
	if !fs.ValidPath(dir) {
		return nil, fmt.Errorf("open maildir %q: %w", dir, fs.ErrInvalid)
	}
	subs := []string{dirNew, dirCur}
	all, err := disk.LstatIn(t.fs, dir, subs...)
	for i, found := range all {
		switch {
		case err != nil:
		case !found.There:
			err = &fs.PathError{Op: "lstat", Path: path.Join(dir, subs[i]), Err: fs.ErrNotExist}
		case !found.IsDir():
			err = fmt.Errorf("%s is not a folder", subs[i])
		}
	}
	if err != nil && !isNotExist(err) {
		err = t.obstacle(dir, err)
	}
	if err != nil {
		return nil, fault(err, "open maildir %s", dir)
	}
	t.places.remember(dir)
	return newMaildir(t, dir), nil
}

// OpenBare returns a Maildir that Bare found, to be read only: one of new and cur may be missing, or not be
// a folder, and counts as empty.
func (t *Tree) OpenBare(dir string) (*Maildir, error) {
	if !fs.ValidPath(dir) {
		return nil, fmt.Errorf("open maildir %q: %w", dir, fs.ErrInvalid)
	}
	m := newMaildir(t, dir)
	for _, sub := range []string{dirNew, dirCur} {
		info, err := t.fs.Lstat(path.Join(dir, sub))
		if err != nil && !isNotExist(err) {
			return nil, fault(err, "open maildir %s", dir)
		}
		if err == nil && info.IsDir() {
			continue
		}
		if m.lacks != "" {
			return nil, fmt.Errorf("open maildir %s: %w", dir, fs.ErrNotExist)
		}
		m.lacks = sub
	}
	return m, nil
}

// obstacle reports what is in the place of a Maildir that could not be opened or made, where it is not a folder: e.g.
// an mbox of another program, or a link that leads nowhere.
func (t *Tree) obstacle(dir string, err error) error {
	for at := dir; at != "."; at = path.Dir(at) {
		info, lerr := t.fs.Lstat(at)
		if lerr != nil {
			continue // what is in its way is above it
		}
		what := "a file"
		if info.Type == fs.ModeSymlink {
			_, lerr = t.namesBeyond(at)
			what = "a symbolic link that does not lead to a folder"
		}
		if info.IsDir() || info.Type == fs.ModeSymlink && lerr == nil {
			return err
		}
		return state.Faultf(state.Storage, "%s is at %q, where a folder has to be", what, at).
			WithHint("move it out of the maildir, or give the account a maildir of its own")
	}
	return err
}

// Create makes a Maildir, or what of it is missing, with its marker, both durable when
// it returns. It may be called again, and never touches files.
func (t *Tree) Create(dir string, m state.Marker) (*Maildir, error) {
	if !fs.ValidPath(dir) {
		return nil, fmt.Errorf("create maildir %q: %w", dir, fs.ErrInvalid)
	}
	if t.others.at(dir) {
		return nil, state.Faultf(state.Storage, "the Maildir %q is another program's, and stays as it is", dir)
	}
	if err := mkdirs(t.fs, dir); err != nil {
		return nil, fault(t.obstacle(dir, err), "create maildir %s", dir)
	}
	for _, sub := range []string{dirTmp, dirNew, dirCur} {
		if err := mkdir(t.fs, path.Join(dir, sub)); err != nil {
			return nil, fault(t.obstacle(dir, err), "create maildir %s", dir)
		}
	}
	md := newMaildir(t, dir)
	if err := t.fs.SyncDir(dir); err != nil {
		return nil, fault(err, "create maildir %s", dir)
	}
	if err := md.SetMarker(m); err != nil {
		return nil, err
	}
	t.places.remember(dir)
	return md, nil
}

// Rename moves a Maildir, with all that is below it, to a path where nothing is yet. It
// is durable when Rename returns nil; interrupted, it has happened or not. A path that is
// taken is fs.ErrExist, one that is gone fs.ErrNotExist.
func (t *Tree) Rename(from, to string) error {
	if !fs.ValidPath(from) || !fs.ValidPath(to) || from == "." || to == "." || strings.HasPrefix(to+"/", from+"/") {
		return fmt.Errorf("rename maildir %q to %q: %w", from, to, fs.ErrInvalid)
	}
	if _, err := t.fs.Lstat(from); err != nil {
		return fault(err, "rename maildir %s", from)
	}
	if err := mkdirs(t.fs, path.Dir(to)); err != nil {
		return fault(err, "make room for maildir %s", to)
	}
	if err := rename(t.fs, from, to); err != nil {
		return fault(err, "rename maildir %s to %s", from, to)
	}
	t.places.remember(to)
	// The new name first: durable there before it is durably gone here.
	for _, dir := range []string{path.Dir(to), path.Dir(from)} {
		if err := t.fs.SyncDir(dir); err != nil {
			return fault(err, "rename maildir %s to %s", from, to)
		}
	}
	return nil
}
