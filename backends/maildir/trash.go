package maildir

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"mailsync/backends/maildir/disk"
)

// maxTrashName leaves room in the 255 bytes of a file name.
const maxTrashName = 200

// Trash moves a file to the state directory's trash. It is durable there before it goes
// here. A name that is gone is fs.ErrNotExist and is not looked up again: the file that
// has its identity now may be another one of two.
func (m *Maildir) Trash(name string) error {
	dir, base, err := split(name)
	if err != nil {
		return err
	}
	t := m.t
	if !t.trashed.Load() {
		if err := mkdirs(t.opts.Trash, t.opts.TrashDir); err != nil {
			return fault(err, "make trash %s", t.opts.TrashDir)
		}
		t.trashed.Store(true)
	}
	// The time of removal comes first: the file's own times are the message's.
	key := fmt.Sprintf("%d.%d.%s", t.opts.Now().UnixNano(), t.serial.Add(1), cutName(base))
	trash := path.Join(t.opts.TrashDir, key)
	if err := m.toTrash(m.at(name), trash); err != nil {
		return fault(err, "move %s to the trash", m.at(name))
	}
	m.touch(dir)
	return nil
}

func cutName(base string) string {
	if len(base) > maxTrashName {
		return base[:maxTrashName]
	}
	return base
}

func (m *Maildir) toTrash(name, trash string) error {
	t := m.t
	if t.inside && !t.noLinks.Load() {
		err := m.fs.Link(name, trash)
		if err == nil {
			if err := m.fs.SyncDir(t.opts.TrashDir); err != nil {
				return err
			}
			return m.fs.Remove(name)
		}
		if !disk.NoHardLinks(err) {
			return err
		}
	}
	if t.inside {
		if err := m.fs.Rename(name, trash); err != nil {
			return err
		}
		return m.fs.SyncDir(t.opts.TrashDir)
	}
	if err := t.copyOut(name, trash); err != nil {
		return err
	}
	return m.fs.Remove(name)
}

// copyOut copies a file to the file system of the trash, durably with its name.
func (t *Tree) copyOut(name, trash string) error {
	info, err := t.fs.Lstat(name)
	if err != nil {
		return err
	}
	from, err := t.fs.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := t.opts.Trash.Create(trash)
	if err != nil {
		return err
	}
	n, err := io.Copy(to, from)
	if err == nil && n != info.Size {
		err = fmt.Errorf("%d of %d octets: %w", n, info.Size, io.ErrUnexpectedEOF)
	}
	if err == nil {
		err = t.opts.Trash.Chtimes(trash, time.Unix(0, info.Mtime))
	}
	if err == nil {
		err = to.Sync()
	}
	if cerr := to.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = t.opts.Trash.SyncDir(t.opts.TrashDir)
	}
	if err != nil {
		t.opts.Trash.Remove(trash)
	}
	return err
}

// EmptyTrash removes for good what was trashed longer ago than keep, and returns how
// many files that were. A file whose name does not begin with a time of ours stays.
func (t *Tree) EmptyTrash(keep time.Duration) (int, error) {
	names, err := t.opts.Trash.Names(t.opts.TrashDir)
	if isNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fault(err, "read trash %s", t.opts.TrashDir)
	}
	removed := 0
	var errs []error
	for _, name := range names {
		stamp, _, _ := strings.Cut(name, ".")
		at, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil || t.opts.Now().Sub(time.Unix(0, at)) <= keep {
			continue
		}
		if err := t.opts.Trash.Remove(path.Join(t.opts.TrashDir, name)); err != nil {
			errs = append(errs, fault(err, "empty trash"))
			continue
		}
		removed++
	}
	return removed, errors.Join(errs...)
}
