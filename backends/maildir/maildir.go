// Package maildir is the disk side of an account: a tree of plain Maildirs that any
// mail program may read and change at any time.
//
// A message arrives in four steps, each of which may be the last before the power
// fails: Receive writes it to tmp/, counted, digested, dated, fsynced and closed;
// Publish moves it to its final name; Sync makes the name durable; and only then the
// engine records it. So a file under a final name is always complete, and one that is
// recorded is always durable.
//
// A Maildir is made of parts: folders (what names there are, and which changes are not durable
// yet), tmp (bodies without a final name), index (the names that an identity has by now), alphabet
// (letters for keywords) and, for the whole tree, the trash, the paths in use and what others own.
//
// A file's identity is the token and the UID in its name (filename.go). The rest of the
// name is a hint. Only scan.go decides what is gone.
package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// Maildir is one Maildir of a Tree. Receive and Discard are safe for concurrent use;
// the other methods belong to the goroutine that holds the mailbox.
type Maildir struct {
	*folders
	t        *Tree
	tmp      *tmp
	index    index
	alphabet alphabet
}

func newMaildir(t *Tree, dir string) *Maildir {
	// What an earlier run linked and was killed before it synced looks like any other
	// file. So the first Sync covers both folders.
	d := &folders{fs: t.fs, path: dir, opts: &t.opts, dirty: map[string]bool{dirNew: true, dirCur: true}}
	return &Maildir{folders: d, t: t, tmp: &tmp{folders: d}, index: index{folders: d}, alphabet: alphabet{folders: d}}
}

// Sync makes every rename, link and unlink since the last Sync durable, and the names that a
// Scan since then has seen, whoever gave them. Once it failed, it fails always. It fails too
// while something of ours cannot be removed from tmp/, which would stay there as long as nothing
// changes in the Maildir.
func (m *Maildir) Sync() error {
	if err := m.sync(); err != nil {
		return err
	}
	return m.tmp.dropLeft()
}

// folders are new, cur and tmp of a Maildir as the disk has them: what names there are, when they
// changed, and which changes are not durable yet.
type folders struct {
	fs    disk.FS
	path  string
	opts  *Options
	lacks string // the one of new and cur that is not there, of a Maildir of OpenBare

	mu     sync.Mutex
	dirty  map[string]bool // folders with changes that are not durable yet
	broken error           // a folder's fsync failed: nothing here can be proven durable any more
}

// The three folders of a Maildir.
const (
	dirNew = "new"
	dirCur = "cur"
	dirTmp = "tmp"
)

// at is the path of a name inside the Maildir, such as "cur/…".
func (d *folders) at(name string) string { return path.Join(d.path, name) }

// eachIn calls visit with every name in new or cur.
func (d *folders) eachIn(dir string, visit func(base string) error) error {
	if dir == d.lacks {
		return nil
	}
	var stopped error
	err := d.fs.Each(d.at(dir), func(base string) error {
		stopped = visit(base)
		return stopped
	})
	if err != nil && stopped == nil {
		err = fault(err, "read %s", d.at(dir))
	}
	return err
}

// each calls f with every name in new and then in cur.
func (d *folders) each(f func(name string)) error {
	for _, dir := range []string{dirNew, dirCur} {
		err := d.eachIn(dir, func(base string) error {
			if !strings.HasPrefix(base, ".") {
				f(dir + "/" + base)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Mark stats the directories. The mark is trusted where the file system is local and
// nothing changed within the clock's grain before now.
func (d *folders) Mark() (state.DirMark, error) {
	all, err := disk.LstatIn(d.fs, d.path, dirCur, dirNew, keywordsFile, markerFile)
	if err != nil {
		return state.DirMark{}, fault(err, "stat maildir %s", d.path)
	}
	for i, dir := range []string{dirCur, dirNew} {
		if dir == d.lacks {
			all[i] = disk.Looked{}
		} else if !all[i].There {
			return state.DirMark{}, fault(&fs.PathError{Op: "lstat", Path: d.at(dir), Err: fs.ErrNotExist}, "stat maildir %s", d.path)
		}
	}
	cur, fresh := all[0], all[1]
	mark := state.DirMark{
		CurIno: cur.Ino, NewIno: fresh.Ino,
		CurBtime: cur.Btime, CurCtime: cur.Ctime, NewCtime: fresh.Ctime,
		KeywordsCtime: all[2].Ctime, MarkerCtime: all[3].Ctime, // 0 without such a file
	}
	mark.Trusted = d.fs.Local() && d.quiet(mark)
	return mark, nil
}

// Grains of time stamps: of a kernel's clock tick, and of file systems that count in
// seconds or in two.
const (
	fineGrain   = 20 * time.Millisecond
	coarseGrain = 2 * time.Second
)

// grain is how fine the time stamps of a mark are. A stamp without a fraction of a
// second is from a file system that has none, all but surely when three agree.
func (d *folders) grain(mark state.DirMark) time.Duration {
	second := int64(time.Second)
	if mark.CurCtime%second == 0 && mark.NewCtime%second == 0 && mark.KeywordsCtime%second == 0 {
		return coarseGrain
	}
	return fineGrain
}

// stampGrain is how far the clock that stamps changes has to be ahead of a stamp on a file system
// that keeps it finely.
const stampGrain = time.Millisecond

// fine reports whether a file system keeps times more finely than stampGrain: none of those that keep hundredths of
// a second has a stamp between two of them.
func fine(mark state.DirMark) bool {
	const hundredth = int64(10 * time.Millisecond)
	return mark.CurCtime%hundredth != 0 || mark.NewCtime%hundredth != 0 || mark.KeywordsCtime%hundredth != 0
}

// quiet reports whether a change from now on is sure to change the mark: no stamp in it
// is as young as the clock's grain. A stamp from the future is changed by any change.
//
// Where the clock that stamps changes can be read, none has to be waited for: as soon as it is ahead of all
// stamps, the next change has a later one.
func (d *folders) quiet(mark state.DirMark) bool {
	now := d.opts.Now()
	ahead := int64(d.grain(mark))
	old := ahead
	if d.opts.stamps != nil && fine(mark) {
		if stamped, known := d.opts.stamps(); known {
			now, old = stamped, int64(stampGrain)
		}
	}
	for _, stamp := range []int64{mark.CurCtime, mark.NewCtime, mark.KeywordsCtime} {
		if age := now.UnixNano() - stamp; age > -ahead && age <= old {
			return false
		}
	}
	return true
}

// inodes returns the inodes of the names that are there. It looks twice: a file may be
// renamed from one to the other between two looks.
func (d *folders) inodes(names []string) (map[string]uint64, error) {
	found := map[string]uint64{}
	for range 2 {
		for _, name := range names {
			info, err := d.fs.Lstat(d.at(name))
			switch {
			case isNotExist(err):
				delete(found, name)
			case err != nil:
				return nil, fault(err, "look at %s", d.at(name))
			default:
				found[name] = info.Ino
			}
		}
	}
	return found, nil
}

// touch notes folders, or those of names in them, that Sync has to make durable.
func (d *folders) touch(names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		dir, _, _ := strings.Cut(name, "/")
		d.dirty[dir] = true
	}
}

// harden makes a file's bytes durable that another program may have written.
func (d *folders) harden(name string) error {
	file, err := d.fs.Open(d.at(name))
	if err != nil {
		return fault(err, "open %s", d.at(name))
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fault(err, "sync %s", d.at(name))
	}
	d.touch(name)
	return nil
}

// sync makes the changes of every folder that was touched durable. Once it failed, it fails always:
// a later fsync would not report what the disk forgot then.
func (d *folders) sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	// What a rename gave to cur is made durable before what it took from new.
	for _, dir := range []string{".", dirCur, dirNew} {
		if !d.dirty[dir] {
			continue
		}
		if err := d.fs.SyncDir(d.at(dir)); err != nil {
			d.broken = fault(err, "sync maildir %s", d.at(dir))
			return d.broken
		}
		delete(d.dirty, dir)
	}
	return nil
}

// split parts a name of a snapshot into "new" or "cur" and the rest.
func split(name string) (dir, base string, err error) {
	dir, base, ok := strings.Cut(name, "/")
	if !ok || dir != dirCur && dir != dirNew || base == "" || strings.Contains(base, "/") {
		return "", "", fmt.Errorf("%q is not the name of a file in new or cur: %w", name, fs.ErrInvalid)
	}
	return dir, base, nil
}
