package maildir

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// maxTrashName leaves room in the 255 bytes of a file name.
const maxTrashName = 200

// trash is where removed files are kept for a while.
type trash struct {
	mail   disk.FS // where they come from
	fs     disk.FS // where they go
	dir    string
	inside bool // both are one
	now    func() time.Time
	made   atomic.Bool // the folder is there, durably
}

// Trash moves a file to the state directory's trash. It is durable there before it is removed
// here. A name that is gone is fs.ErrNotExist and is not looked up again: the file that
// has its identity now may be another one of two.
func (m *Maildir) Trash(name string) error {
	_, base, err := split(name)
	if err != nil {
		return err
	}
	if err := m.t.trash.take(m.at(name), base); err != nil {
		return err
	}
	m.touch(name)
	return nil
}

// take moves a file into the trash.
func (t *trash) take(name, base string) error {
	if !t.made.Load() {
		if err := mkdirs(t.fs, t.dir); err != nil {
			return fault(err, "make trash %s", t.dir)
		}
		t.made.Store(true)
	}
	// The time of removal comes first: the file's own times are the message's.
	key := fmt.Sprintf("%d.%d.%s", t.now().UnixNano(), serial.Add(1), base[:min(len(base), maxTrashName)])
	if err := t.move(name, path.Join(t.dir, key)); err != nil {
		return fault(err, "move %s to the trash", name)
	}
	return nil
}

func (t *trash) move(name, to string) error {
	if !t.inside {
		if err := t.copyOut(name, to); err != nil {
			return err
		}
		return t.mail.Remove(name)
	}
	linked, err := linkOrRename(t.fs, name, to)
	if err == nil {
		err = t.fs.SyncDir(t.dir)
	}
	if err == nil && linked {
		err = t.fs.Remove(name)
	}
	return err
}

// copyOut copies a file to the file system of the trash, durably with its name.
func (t *trash) copyOut(name, copy string) error {
	info, err := t.mail.Lstat(name)
	if err != nil {
		return err
	}
	from, err := t.mail.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := t.fs.Create(copy)
	if err != nil {
		return err
	}
	n, err := io.Copy(to, from)
	if err == nil && n != info.Size {
		err = fmt.Errorf("%d of %d octets: %w", n, info.Size, io.ErrUnexpectedEOF)
	}
	if err == nil {
		err = to.Chtimes(time.Unix(0, info.Mtime))
	}
	if err == nil {
		err = to.Sync()
	}
	err = errors.Join(err, to.Close())
	if err == nil {
		err = t.fs.SyncDir(t.dir)
	}
	if err != nil {
		t.fs.Remove(copy)
	}
	return err
}

// EmptyTrash removes permanently what was trashed longer ago than keep, and returns how
// many files that were. A file whose name does not begin with a time of ours stays.
func (t *Tree) EmptyTrash(keep time.Duration) (int, error) {
	bin := t.trash
	names, err := bin.fs.Names(bin.dir)
	if isNotExist(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fault(err, "read trash %s", bin.dir)
	}
	removed := 0
	var errs []error
	for _, name := range names {
		stamp, _, _ := strings.Cut(name, ".")
		at, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil || bin.now().Sub(time.Unix(0, at)) <= keep {
			continue
		}
		if err := bin.fs.Remove(path.Join(bin.dir, name)); err != nil {
			errs = append(errs, fault(err, "empty trash"))
			continue
		}
		removed++
	}
	return removed, errors.Join(errs...)
}

// Drop removes a file whose message is elsewhere, durably, as the caller has proven. It
// reads the file once more: only one that holds just the bytes of want is removed, any other
// is state.ErrOccupied and stays. A name that is gone is looked up again by its identity;
// an identity that is gone is not an error.
func (m *Maildir) Drop(name string, want *state.Proof) error {
	err := m.index.seen(name, func(name string, info disk.Info) error {
		got, err := m.inspect(name, info, want)
		if err != nil {
			return err
		}
		if got.Digest != want.Digest || got.Bytes != want.Bytes {
			return fmt.Errorf("%s is not the message that is elsewhere: %w", m.at(name), state.ErrOccupied)
		}
		if err := m.fs.Remove(m.at(name)); err != nil {
			return fault(err, "remove %s", m.at(name))
		}
		m.touch(name)
		return nil
	})
	if isNotExist(err) {
		return nil
	}
	return err
}
