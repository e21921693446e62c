package disktest

import (
	"io"
	"io/fs"
	"sync"
	"time"

	"mailsync/backends/maildir/disk"
)

// Faulty passes calls on to another FS, counts them, and makes some fail. Calls of the
// files it opened count too. The first call is number 1.
type Faulty struct {
	fs   disk.FS
	fail func(n int, call string) error

	mu     sync.Mutex
	calls  int
	writes int
	log    []string
}

// FailAt makes the one call of that number fail with err; 0 makes none fail. A Write
// that fails has written half of its bytes. After a Sync that failed, a second one of
// the same file says that all is well and syncs nothing, as systems do that forget
// which pages they could not write.
func FailAt(under disk.FS, number int, err error) *Faulty {
	f := &Faulty{fs: under}
	f.fail = func(n int, _ string) error {
		if n == number {
			return err
		}
		return nil
	}
	return f
}

// CutAt cuts the power at a call that changes something (they are counted apart from
// those that only read, see Changes): that call and every later one fail with ErrPower.
// A Write that is cut has written half of its bytes. 0 cuts none. Crash the Mem below
// to see what is left.
func CutAt(under disk.FS, number int) *Faulty {
	f := &Faulty{fs: under}
	f.fail = func(int, string) error {
		if number > 0 && f.writes >= number {
			return ErrPower
		}
		return nil
	}
	return f
}

// FailWhen makes every call fail for which fail returns an error; call is spelled as
// in Log. fail is called with one call at a time and must not use the FS.
func FailWhen(under disk.FS, fail func(n int, call string) error) *Faulty {
	return &Faulty{fs: under, fail: fail}
}

// Calls returns how many calls there were.
func (f *Faulty) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// Changes returns how many of the calls could change something.
func (f *Faulty) Changes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

// Log returns every call in order, such as "link tmp/a new/b".
func (f *Faulty) Log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.log...)
}

func (f *Faulty) count(changes bool, op string, names ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if changes {
		f.writes++
	}
	call := op
	for _, n := range names {
		call += " " + n
	}
	f.log = append(f.log, call)
	if err := f.fail(f.calls, call); err != nil {
		return &fs.PathError{Op: op, Path: names[0], Err: err}
	}
	return nil
}

// Create implements FS.
func (f *Faulty) Create(name string) (disk.File, error) {
	if err := f.count(true, "create", name); err != nil {
		return nil, err
	}
	file, err := f.fs.Create(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f: f, file: file, name: name}, nil
}

// Open implements FS.
func (f *Faulty) Open(name string) (disk.File, error) {
	if err := f.count(false, "open", name); err != nil {
		return nil, err
	}
	file, err := f.fs.Open(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f: f, file: file, name: name, reads: true}, nil
}

// Link implements FS.
func (f *Faulty) Link(old, new string) error {
	if err := f.count(true, "link", old, new); err != nil {
		return err
	}
	return f.fs.Link(old, new)
}

// Rename implements FS.
func (f *Faulty) Rename(old, new string) error {
	if err := f.count(true, "rename", old, new); err != nil {
		return err
	}
	return f.fs.Rename(old, new)
}

// Replace implements FS.
func (f *Faulty) Replace(old, new string) error {
	if err := f.count(true, "replace", old, new); err != nil {
		return err
	}
	return f.fs.Replace(old, new)
}

// Remove implements FS.
func (f *Faulty) Remove(name string) error {
	if err := f.count(true, "remove", name); err != nil {
		return err
	}
	return f.fs.Remove(name)
}

// Mkdir implements FS.
func (f *Faulty) Mkdir(name string) error {
	if err := f.count(true, "mkdir", name); err != nil {
		return err
	}
	return f.fs.Mkdir(name)
}

// Names implements FS.
func (f *Faulty) Names(dir string) ([]string, error) {
	if err := f.count(false, "names", dir); err != nil {
		return nil, err
	}
	return f.fs.Names(dir)
}

// Each implements FS. It counts as Names does.
func (f *Faulty) Each(dir string, visit func(name string) error) error {
	if err := f.count(false, "names", dir); err != nil {
		return err
	}
	return f.fs.Each(dir, visit)
}

// Lstat implements FS.
func (f *Faulty) Lstat(name string) (disk.Info, error) {
	if err := f.count(false, "lstat", name); err != nil {
		return disk.Info{}, err
	}
	return f.fs.Lstat(name)
}

// Chtimes implements FS.
func (f *Faulty) Chtimes(name string, mtime time.Time) error {
	if err := f.count(true, "chtimes", name); err != nil {
		return err
	}
	return f.fs.Chtimes(name, mtime)
}

// SyncDir implements FS.
func (f *Faulty) SyncDir(dir string) error {
	if err := f.count(true, "syncdir", dir); err != nil {
		return err
	}
	return f.fs.SyncDir(dir)
}

// Free implements FS.
func (f *Faulty) Free() (int64, error) {
	if err := f.count(false, "free", "."); err != nil {
		return 0, err
	}
	return f.fs.Free()
}

// Local implements FS. It is a property, and no call.
func (f *Faulty) Local() bool { return f.fs.Local() }

// faultyFile is an open file of a Faulty.
type faultyFile struct {
	f      *Faulty
	file   disk.File
	name   string
	reads  bool // opened for reading
	voided bool // a Sync of it failed
}

var _ io.ReadWriteCloser = (*faultyFile)(nil)

func (o *faultyFile) Read(p []byte) (int, error) {
	if err := o.f.count(false, "read", o.name); err != nil {
		return 0, err
	}
	return o.file.Read(p)
}

func (o *faultyFile) Write(p []byte) (int, error) {
	if err := o.f.count(true, "write", o.name); err != nil {
		n, _ := o.file.Write(p[:len(p)/2])
		return n, err
	}
	return o.file.Write(p)
}

func (o *faultyFile) Chtimes(mtime time.Time) error {
	if err := o.f.count(true, "chtimes", o.name); err != nil {
		return err
	}
	return o.file.Chtimes(mtime)
}

func (o *faultyFile) Sync() error {
	if err := o.f.count(true, "sync", o.name); err != nil {
		o.voided = true
		return err
	}
	if o.voided {
		return nil
	}
	return o.file.Sync()
}

func (o *faultyFile) Close() error {
	if err := o.f.count(!o.reads, "close", o.name); err != nil {
		o.file.Close()
		return err
	}
	return o.file.Close()
}
