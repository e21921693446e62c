package disk

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

const nonBlock = 0

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// cannotSync: Windows flushes folders with its journal, and refuses to do it for a
// handle without write access.
func cannotSync(err error) bool {
	return errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_INVALID_HANDLE) ||
		errors.Is(err, windows.ERROR_INVALID_FUNCTION)
}

// NoHardLinks reports whether Link failed because the file system has no hard links.
func NoHardLinks(err error) bool {
	return errors.Is(err, windows.ERROR_INVALID_FUNCTION) || errors.Is(err, windows.ERROR_NOT_SUPPORTED) ||
		errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_NOT_SAME_DEVICE) || errors.Is(err, windows.ERROR_TOO_MANY_LINKS)
}

// Crippled reports whether an error is about the storage as a whole and not about one
// file: full, not permitted, read-only, failing, gone.
func Crippled(err error) bool {
	for _, bad := range []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED,
		windows.ERROR_ACCESS_DENIED, windows.ERROR_WRITE_PROTECT, windows.ERROR_IO_DEVICE, windows.ERROR_CRC,
		windows.ERROR_NOT_READY, windows.ERROR_DEV_NOT_EXIST} {
		if errors.Is(err, bad) {
			return true
		}
	}
	return false
}

// Full reports whether an error says that there is no room.
func Full(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// ReadOnly reports whether an error says that nothing can be written to the file system.
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

// Lstat implements FS. Inode, links, birth and change time stay 0 but for a folder's time of
// writing, which stands in for its change time.
func (r *Real) Lstat(name string) (Info, error) {
	fi, err := r.root.Lstat(name)
	if err != nil {
		return Info{}, err
	}
	info := Info{Type: fi.Mode().Type(), Perm: fi.Mode().Perm(), Size: fi.Size(), Mtime: fi.ModTime().UnixNano()}
	if info.Type != 0 && info.Type != fs.ModeDir && info.Type != fs.ModeSymlink {
		info.Type = fs.ModeIrregular
	}
	info.Ctime = info.Mtime
	return info, nil
}

// renameNoReplace: os.Root renames over what is there.
func (r *Real) renameNoReplace(old, new string) (done bool, err error) { return false, nil }

func readNames(d *os.File) ([]string, error) { return d.Readdirnames(-1) }
