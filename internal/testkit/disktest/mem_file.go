package disktest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"

	"mailsync/backends/maildir/disk"
)

// ErrPower is what every call gets after the power was cut.
var ErrPower = errors.New("the power is gone")

// memFile is an open file of a Mem.
type memFile struct {
	m      *Mem
	n      *node
	name   string
	off    int
	write  bool
	closed bool
}

// Create implements FS.
func (m *Mem) Create(name string) (disk.File, error) {
	defer m.mu.Unlock()
	if err := m.enter(); err != nil {
		return nil, pathErr("create", name, err)
	}
	dir, n, base, err := m.folder(name)
	if err == nil && n != nil {
		err = fs.ErrExist
	}
	if err != nil {
		return nil, pathErr("create", name, err)
	}
	n = m.newNode(0o600)
	m.record(change{to: dir, newName: base, target: n})
	return &memFile{m: m, n: n, name: name, write: true}, nil
}

// Open implements FS.
func (m *Mem) Open(name string) (disk.File, error) {
	defer m.mu.Unlock()
	if err := m.enter(); err != nil {
		return nil, pathErr("open", name, err)
	}
	n, err := m.find(name)
	if err == nil && n.mode.IsDir() {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, pathErr("open", name, err)
	}
	return &memFile{m: m, n: n, name: name}, nil
}

func (f *memFile) enter(op string) error {
	err := f.m.enter()
	if err == nil && f.closed {
		err = fs.ErrClosed
	}
	if err != nil {
		return pathErr(op, f.name, err)
	}
	return nil
}

func (f *memFile) Read(p []byte) (int, error) {
	defer f.m.mu.Unlock()
	if err := f.enter("read"); err != nil {
		return 0, err
	}
	if f.off >= len(f.n.data) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[f.off:])
	f.off += n
	return n, nil
}

func (f *memFile) Write(p []byte) (int, error) {
	defer f.m.mu.Unlock()
	if err := f.enter("write"); err != nil {
		return 0, err
	}
	if !f.write {
		return 0, pathErr("write", f.name, syscall.EBADF)
	}
	var err error
	if room := f.m.opts.Capacity - f.m.used; int64(len(p)) > room {
		p, err = p[:max(0, room)], pathErr("write", f.name, syscall.ENOSPC)
	}
	f.n.data = append(f.n.data, p...)
	f.m.used += int64(len(p))
	f.n.mtime = f.m.stamp()
	f.n.ctime = f.n.mtime
	return len(p), err
}

func (f *memFile) Chtimes(mtime time.Time) error {
	defer f.m.mu.Unlock()
	if err := f.enter("chtimes"); err != nil {
		return err
	}
	f.n.mtime = mtime.UnixNano()
	f.n.ctime = f.m.stamp()
	return nil
}

func (f *memFile) Sync() error {
	defer f.m.mu.Unlock()
	if err := f.enter("sync"); err != nil {
		return err
	}
	f.n.synced = &synced{data: bytes.Clone(f.n.data), mtime: f.n.mtime}
	return nil
}

func (f *memFile) Close() error {
	defer f.m.mu.Unlock()
	if err := f.enter("close"); err != nil {
		return err
	}
	f.closed = true
	return nil
}
