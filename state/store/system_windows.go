package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

func (id *fileID) system(path string, _ fs.FileInfo) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	h, err := windows.CreateFile(name, 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE,
		nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = windows.CloseHandle(h) }() // nothing was written through it
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &info); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	id.Ino = uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow)
	id.Born = info.CreationTime.Nanoseconds()
	return nil
}

func isRemote(path string) (bool, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return false, err
	}
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(abs) + `\`)
	if err != nil {
		return false, err
	}
	return windows.GetDriveType(root) == windows.DRIVE_REMOTE, nil
}

// flock locks one byte far behind the end of the file: a locked byte cannot be read, and
// others must be able to read the process id.
func flock(f *os.File) error { return flockAs(f, windows.LOCKFILE_EXCLUSIVE_LOCK) }

// flockShared takes a lock that only an exclusive one shuts out, or returns errLockHeld.
func flockShared(f *os.File) error { return flockAs(f, 0) }

func flockAs(f *os.File, how uint32) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), how|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: 1})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return errLockHeld
	}
	return err
}

// syncDir does nothing: Windows has no fsync of a directory, NTFS journals its entries.
func syncDir(string) error { return nil }
