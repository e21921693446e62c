package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// What lay in a root before it was ours stays others', for good: the file mailsync.foreign at
// the root names those Maildirs. It lies in the tree and not with the state, for it has to
// outlast the state. Its text is like a marker's:
//
//	mailsync-foreign 1
//	maildir "Archive/2024" 131080 1700000000000000000
//	end "5cf1…"
//
// The numbers are inode and birth time of the Maildir's cur, 0 where they are not known: one
// that was renamed since is known by them.
const (
	foreignFile  = "mailsync.foreign"
	foreignMagic = "mailsync-foreign 1\n"
	maxForeign   = 64 << 20
)

// Foreign walks the root and returns every Maildir of other programs that LeaveAlone was never told of,
// with how many messages lie in it, in the order of their paths: it has no marker, and no file in it has
// a name that mailsync gives. A symbolic link to a Maildir is one, too; no link is followed further. One of
// cur and new is enough where there is a file in it: some backups leave out empty folders.
func (t *Tree) Foreign(ctx context.Context) ([]state.ForeignMaildir, error) {
	if err := t.readForeign(); err != nil {
		return nil, err
	}
	var found []state.ForeignMaildir
	err := t.strange(ctx, ".", func(s strange) error {
		f := state.ForeignMaildir{Path: s.path}
		for _, sub := range []string{dirCur, dirNew} {
			names, err := t.namesBeyond(path.Join(s.path, sub))
			if err != nil && !isNotExist(err) {
				return fault(err, "look into %s", path.Join(s.path, sub))
			}
			for _, name := range names {
				bare, _, _ := splitInfo(name)
				if _, ours := ParseName(bare); ours {
					return nil
				}
				if !strings.HasPrefix(name, ".") {
					f.Messages++
				}
			}
		}
		if !s.whole && f.Messages == 0 || t.leftAlone(s.path) {
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

// LeaveAlone makes these Maildirs others': no mailbox is placed where one lies, and Unmarked does not
// return them. forGood writes that down, durably, together with what stands there; else it is so for this
// Tree alone. It fails where a mailbox has to lie where one of them does.
func (t *Tree) LeaveAlone(list []state.ForeignMaildir, forGood bool) error {
	for _, f := range list {
		if f.Path == "." && t.opts.Layout == PlusPlus {
			return state.Faultf(state.Storage, "the maildir is itself a Maildir that mailsync did not make, and INBOX would have to lie in it").
				WithHint("give the account another maildir, or layout = \"fs\"")
		}
	}
	if err := t.readForeign(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.foreign = append(t.foreign[:len(t.foreign):len(t.foreign)], list...)
	if !forGood {
		return nil
	}
	return t.writeForeign()
}

// leftAlone reports whether a path is one that LeaveAlone was told of, or lies below one.
func (t *Tree) leftAlone(p string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.foreign {
		below := f.Path != "." && (strings.HasPrefix(p, f.Path+"/") || t.opts.Layout == PlusPlus && strings.HasPrefix(p, f.Path+"."))
		if p == f.Path || below {
			return true
		}
	}
	return false
}

// isForeign reports whether LeaveAlone was told of a Maildir at the path.
func (t *Tree) isForeign(p string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.foreign {
		if f.Path == p {
			return true
		}
	}
	return false
}

// wasForeign reports whether a Maildir is one that LeaveAlone was told of under another path.
func (t *Tree) wasForeign(p string) bool {
	info, err := t.fs.Lstat(path.Join(p, dirCur))
	if err != nil || info.Btime == 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.foreign {
		if f.CurIno == info.Ino && f.CurBtime == info.Btime {
			return true
		}
	}
	return false
}

// readForeign reads what was written down, once. A file that cannot be read is an error: what
// it names would be appended.
func (t *Tree) readForeign() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.foreignRead {
		return nil
	}
	list, err := readForeign(t.fs)
	if err == nil {
		t.foreign, t.foreignRead = append(t.foreign, list...), true
	}
	return err
}

func readForeign(fsys disk.FS) ([]state.ForeignMaildir, error) {
	text, err := readFile(fsys, foreignFile, maxForeign)
	if isNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault(err, "read %s", foreignFile)
	}
	list, err := parseForeign(string(text))
	if err != nil {
		return nil, state.Faultf(state.Storage, "%s at the root of the maildir: %w", foreignFile, err).
			WithHint("bring it back from a backup: it names the Maildirs that are never appended or changed")
	}
	return list, nil
}

// writeForeign replaces the file durably. The caller holds the mutex.
func (t *Tree) writeForeign() error {
	if err := replaceFile(t.fs, foreignFile+".new", foreignFile, []byte(formatForeign(t.foreign)), nil); err != nil {
		return fault(err, "write %s", foreignFile)
	}
	return nil
}

func formatForeign(list []state.ForeignMaildir) string {
	var b strings.Builder
	b.WriteString(foreignMagic)
	for _, f := range list {
		fmt.Fprintf(&b, "maildir %+q %d %d\n", f.Path, f.CurIno, f.CurBtime)
	}
	return sealed(b.String())
}

var errForeign = errors.New("it is damaged")

func parseForeign(text string) (list []state.ForeignMaildir, err error) {
	body, whole := unsealed(text)
	body, ours := strings.CutPrefix(body, foreignMagic)
	if !whole || !ours {
		return nil, errForeign
	}
	for line := range strings.Lines(body) {
		var f state.ForeignMaildir
		if n, err := fmt.Sscanf(line, "maildir %q %d %d\n", &f.Path, &f.CurIno, &f.CurBtime); n != 3 || err != nil || !fs.ValidPath(f.Path) {
			return nil, errForeign
		}
		list = append(list, f)
	}
	return list, nil
}
