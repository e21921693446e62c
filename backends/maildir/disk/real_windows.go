package disk

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// cannotSync: Windows flushes folders with its journal, and refuses to do it for a
// handle without write access.
func cannotSync(err error) bool {
	return isAny(err, windows.ERROR_ACCESS_DENIED, windows.ERROR_INVALID_HANDLE, windows.ERROR_INVALID_FUNCTION)
}

// NoHardLinks reports whether Link failed because the file system has no hard links.
func NoHardLinks(err error) bool {
	return isAny(err, windows.ERROR_INVALID_FUNCTION, windows.ERROR_NOT_SUPPORTED, windows.ERROR_ACCESS_DENIED,
		windows.ERROR_NOT_SAME_DEVICE, windows.ERROR_TOO_MANY_LINKS)
}

// Crippled reports whether an error is about the storage as a whole and not about one
// file: full, not permitted, read-only, failing, gone.
func Crippled(err error) bool {
	return isAny(err, windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED,
		windows.ERROR_ACCESS_DENIED, windows.ERROR_WRITE_PROTECT, windows.ERROR_IO_DEVICE, windows.ERROR_CRC,
		windows.ERROR_NOT_READY, windows.ERROR_DEV_NOT_EXIST)
}

// Full reports whether an error is that there is no room.
func Full(err error) bool {
	return isAny(err, windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// ReadOnly reports whether an error is that the file system cannot be written to.
func ReadOnly(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }

// Free implements FS.
func (r *Real) Free() (int64, error) {
	dir, err := windows.UTF16PtrFromString(r.root.Name())
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(dir, &free, nil, nil); err != nil {
		return 0, &fs.PathError{Op: "free space", Path: r.root.Name(), Err: err}
	}
	return int64(free), nil
}

// isLocal: without change times of folders no mark can be trusted here.
func (r *Real) isLocal() bool { return false }

// Lstat implements FS. Inode and birth time stay 0; the time of writing takes the place of the
// change time.
func (r *Real) Lstat(name string) (Info, error) {
	_, info, err := r.lstat(name)
	info.Ctime = info.Mtime
	return info, err
}

// Link implements FS.
func (r *Real) Link(old, new string) error { return r.named(r.root.Link(old, new)) }

// Remove implements FS.
func (r *Real) Remove(name string) error { return r.named(r.root.Remove(name)) }

// Chtimes implements FS.
func (r *Real) Chtimes(name string, mtime time.Time) error {
	return r.named(r.root.Chtimes(name, mtime, mtime))
}

// Rename implements FS. os.Root renames over what is there.
func (r *Real) Rename(old, new string) error {
	return r.named(&os.LinkError{Op: "rename", Old: old, New: new, Err: errors.ErrUnsupported})
}

// CannotRefuse reports whether Rename failed because the system has no rename that refuses to overwrite.
func CannotRefuse(err error) bool { return errors.Is(err, errors.ErrUnsupported) }

// holding is what other systems hold open; here a folder that is held could not be renamed.
type holding struct{}

func (r *Real) dropBelow(string) {}

// file is an open file.
type file struct {
	*os.File
	reads bool // it is only read: Windows can sync only what is open for writing, and that is not an error here
}

func (f file) Sync() error {
	err := f.File.Sync()
	if f.reads && cannotSync(err) {
		return nil
	}
	return err
}

func (f file) Chtimes(mtime time.Time) error {
	t := windows.NsecToFiletime(mtime.UnixNano())
	err := windows.SetFileTime(windows.Handle(f.Fd()), nil, &t, &t)
	if err != nil {
		return &fs.PathError{Op: "chtimes", Path: f.Name(), Err: err}
	}
	return nil
}

func (r *Real) open(name string, flags int, mode fs.FileMode) (file, error) {
	f, err := r.root.OpenFile(name, flags, mode)
	return file{f, flags&(os.O_WRONLY|os.O_RDWR) == 0}, r.named(err)
}

// Create implements FS.
func (r *Real) Create(name string) (File, error) {
	f, err := r.open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Open implements FS.
func (r *Real) Open(name string) (File, error) {
	f, err := r.open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// SyncDir implements FS.
func (r *Real) SyncDir(dir string) error {
	d, err := r.open(dir, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
