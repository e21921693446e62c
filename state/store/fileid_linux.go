package store

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

func (id *fileID) system(path string, info fs.FileInfo) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Ino = st.Ino
		id.Changed = st.Ctim.Nano()
	}
	var x unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME, &x)
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM): // before Linux 4.11, or in a sandbox that is older than statx
		return nil
	case err != nil:
		return &fs.PathError{Op: "statx", Path: path, Err: err}
	}
	if x.Mask&unix.STATX_BTIME != 0 {
		id.Born = x.Btime.Sec*1e9 + int64(x.Btime.Nsec)
	}
	return nil
}
