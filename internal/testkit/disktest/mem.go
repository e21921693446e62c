package disktest

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"
	"syscall"
	"time"

	"mailsync/backends/maildir/disk"
)

// Mem is a file system in memory that keeps apart what is durable and what is only
// there until the power fails. A file's bytes and times are durable once File.Sync
// returned; a folder's entries once SyncDir did. Crash loses the rest in part.
//
// It has hard links, inode numbers that are never used twice, birth times, and change
// times that move at each change of an entry, by a clock of its own: every call takes
// a microsecond, and Wait moves it without waiting. So nothing in a test sleeps.
type Mem struct {
	mu      sync.Mutex
	opts    MemOptions
	root    *node
	lastIno uint64
	now     int64
	used    int64
	changes []change // of entries, not durable yet, in order
	dead    bool
}

// MemOptions are what differs between file systems.
type MemOptions struct {
	Start    time.Time     // of its clock; zero: 1 January 2026
	Grain    time.Duration // of its time stamps; 0: a nanosecond
	NoLinks  bool          // no hard links, as on FAT
	NoRefuse bool          // no rename that refuses to overwrite, as on NFS
	Torn     bool          // a rename to another folder is two changes, each durable or not on its own, as without a journal
	Capacity int64         // octets that files can hold; 0: 1 TiB
	Remote   bool          // Local reports false
}

// node is an inode.
type node struct {
	ino                 uint64
	mode                fs.FileMode
	data                []byte
	mtime, ctime, btime int64
	entries             map[string]*node // of a folder, as programs see it
	durable             map[string]*node // of a folder, as the platter has it
	links               int
	synced              *synced // what of a file is durable; nil: nothing
}

type synced struct {
	data  []byte
	mtime int64
}

// change is one entry taken, given, or both in one step. Either side may be nil.
type change struct {
	from, to         *node // folders
	oldName, newName string
	target           *node
}

func (c *change) touches(dir *node) bool { return c.from == dir || c.to == dir }

// NewMem returns an empty file system.
func NewMem(opts MemOptions) *Mem {
	if opts.Start.IsZero() {
		opts.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if opts.Capacity == 0 {
		opts.Capacity = 1 << 40
	}
	m := &Mem{opts: opts, now: opts.Start.UnixNano()}
	m.root = m.newNode(fs.ModeDir | 0o700)
	return m
}

func (m *Mem) newNode(mode fs.FileMode) *node {
	m.lastIno++
	n := &node{ino: m.lastIno, mode: mode, links: 1}
	n.mtime = m.stamp()
	n.ctime, n.btime = n.mtime, n.mtime
	if mode.IsDir() {
		n.entries, n.durable = map[string]*node{}, map[string]*node{}
	}
	return n
}

// Now is the time by its clock, finer than its time stamps.
func (m *Mem) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Unix(0, m.now)
}

// Wait moves the clock on by d at once.
func (m *Mem) Wait(ctx context.Context, d time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now += int64(d)
	return ctx.Err()
}

func (m *Mem) stamp() int64 {
	if g := int64(m.opts.Grain); g > 1 {
		return m.now - m.now%g
	}
	return m.now
}

// enter begins a call: it takes the lock and moves the clock.
func (m *Mem) enter() error {
	m.mu.Lock()
	m.now += int64(time.Microsecond)
	if m.dead {
		return ErrPower
	}
	return nil
}

func pathErr(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// find walks to a node.
func (m *Mem) find(name string) (*node, error) {
	if !disk.Valid(name) {
		return nil, fs.ErrInvalid
	}
	n := m.root
	for rest := name; rest != "." && rest != ""; {
		var elem string
		elem, rest = cutPath(rest)
		if !n.mode.IsDir() {
			return nil, syscall.ENOTDIR
		}
		next, ok := n.entries[elem]
		if !ok {
			return nil, fs.ErrNotExist
		}
		n = next
	}
	return n, nil
}

func cutPath(name string) (elem, rest string) {
	for i := range len(name) {
		if name[i] == '/' {
			return name[:i], name[i+1:]
		}
	}
	return name, ""
}

// folder finds the folder of a name, and the node of the name, nil if it is not there.
func (m *Mem) folder(name string) (dir, n *node, base string, err error) {
	if !disk.Valid(name) || name == "." {
		return nil, nil, "", fs.ErrInvalid
	}
	dir, err = m.find(path.Dir(name))
	if err != nil {
		return nil, nil, "", err
	}
	if !dir.mode.IsDir() {
		return nil, nil, "", syscall.ENOTDIR
	}
	base = path.Base(name)
	return dir, dir.entries[base], base, nil
}

// record notes a change of entries that is visible now and durable later.
func (m *Mem) record(c change) {
	for _, dir := range []*node{c.from, c.to} {
		if dir != nil {
			dir.mtime = m.stamp()
			dir.ctime = dir.mtime
		}
	}
	if c.from != nil {
		delete(c.from.entries, c.oldName)
	}
	if c.to != nil {
		c.to.entries[c.newName] = c.target
	}
	c.target.ctime = m.stamp()
	m.changes = append(m.changes, c)
}

// Mkdir implements FS.
func (m *Mem) Mkdir(name string) error {
	defer m.mu.Unlock()
	if err := m.enter(); err != nil {
		return pathErr("mkdir", name, err)
	}
	dir, n, base, err := m.folder(name)
	if err == nil && n != nil {
		err = fs.ErrExist
	}
	if err != nil {
		return pathErr("mkdir", name, err)
	}
	m.record(change{to: dir, newName: base, target: m.newNode(fs.ModeDir | 0o700)})
	return nil
}

// Link implements FS.
func (m *Mem) Link(old, new string) error {
	defer m.mu.Unlock()
	if err := m.enter(); err != nil {
		return pathErr("link", new, err)
	}
	n, err := m.find(old)
	if err != nil {
		return pathErr("link", old, err)
	}
	dir, there, base, err := m.folder(new)
	switch {
	case err != nil:
	case m.opts.NoLinks || n.mode.IsDir():
		err = syscall.EPERM
	case there != nil:
		err = fs.ErrExist
	}
	if err != nil {
		return pathErr("link", new, err)
	}
	n.links++
	m.record(change{to: dir, newName: base, target: n})
	return nil
}

// Rename implements FS.
func (m *Mem) Rename(old, new string) error {
	if m.opts.NoRefuse {
		return pathErr("rename", old, syscall.EINVAL)
	}
	return m.move(old, new, false)
}

// Replace implements FS.
func (m *Mem) Replace(old, new string) error { return m.move(old, new, true) }

func (m *Mem) move(old, new string, over bool) error {
	defer m.mu.Unlock()
	if err := m.enter(); err != nil {
		return pathErr("rename", old, err)
	}
	from, n, oldBase, err := m.folder(old)
	if err == nil && n == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return pathErr("rename", old, err)
	}
	to, there, newBase, err := m.folder(new)
	switch {
	case err != nil:
	case there != nil && !over:
		err = fs.ErrExist
	case there != nil && there.mode.IsDir():
		err = fs.ErrExist
	}
	if err != nil {
		return pathErr("rename", new, err)
	}
	if there == n {
		return nil // rename(2): two names of one file stay both
	}
	if there != nil {
		m.unlink(there)
	}
	if m.opts.Torn && from != to {
		m.record(change{to: to, newName: newBase, target: n})
		m.record(change{from: from, oldName: oldBase, target: n})
		return nil
	}
	m.record(change{from: from, oldName: oldBase, to: to, newName: newBase, target: n})
	return nil
}

func (m *Mem) unlink(n *node) {
	n.links--
	if n.links == 0 {
		m.used -= int64(len(n.data))
	}
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	defer m.mu.Unlock()
	if err := m.enter(); err != nil {
		return pathErr("remove", name, err)
	}
	dir, n, base, err := m.folder(name)
	switch {
	case err != nil:
	case n == nil:
		err = fs.ErrNotExist
	case len(n.entries) > 0:
		err = syscall.ENOTEMPTY
	}
	if err != nil {
		return pathErr("remove", name, err)
	}
	m.unlink(n)
	m.record(change{from: dir, oldName: base, target: n})
	return nil
}

// Names implements FS. The names come sorted, so that a run repeats itself.
func (m *Mem) Names(dir string) ([]string, error) {
	defer m.mu.Unlock()
	if err := m.enter(); err != nil {
		return nil, pathErr("readdir", dir, err)
	}
	n, err := m.find(dir)
	if err == nil && !n.mode.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, pathErr("readdir", dir, err)
	}
	names := make([]string, 0, len(n.entries))
	for name := range n.entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Each implements FS.
func (m *Mem) Each(dir string, visit func(name string) error) error {
	names, err := m.Names(dir)
	for _, name := range names {
		if err := visit(name); err != nil {
			return err
		}
	}
	return err
}

// Lstat implements FS.
func (m *Mem) Lstat(name string) (disk.Info, error) {
	defer m.mu.Unlock()
	if err := m.enter(); err != nil {
		return disk.Info{}, pathErr("lstat", name, err)
	}
	n, err := m.find(name)
	if err != nil {
		return disk.Info{}, pathErr("lstat", name, err)
	}
	return disk.Info{Type: n.mode.Type(), Size: int64(len(n.data)), Ino: n.ino,
		Mtime: n.mtime, Ctime: n.ctime, Btime: n.btime}, nil
}

// Chtimes implements FS.
func (m *Mem) Chtimes(name string, mtime time.Time) error {
	return m.alter("chtimes", name, func(n *node) { n.mtime = mtime.UnixNano() })
}

func (m *Mem) alter(op, name string, f func(*node)) error {
	defer m.mu.Unlock()
	if err := m.enter(); err != nil {
		return pathErr(op, name, err)
	}
	n, err := m.find(name)
	if err != nil {
		return pathErr(op, name, err)
	}
	f(n)
	n.ctime = m.stamp()
	return nil
}

// Free implements FS.
func (m *Mem) Free() (int64, error) {
	defer m.mu.Unlock()
	if err := m.enter(); err != nil {
		return 0, fmt.Errorf("free space: %w", err)
	}
	return m.opts.Capacity - m.used, nil
}

// Local implements FS.
func (m *Mem) Local() bool { return !m.opts.Remote }
