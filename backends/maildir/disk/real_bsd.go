//go:build darwin || freebsd

package disk

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func (r *Real) isLocal() bool {
	st, err := r.statfs()
	return err == nil && uint64(st.Flags)&unix.MNT_LOCAL != 0
}

// Lstat implements FS.
func (r *Real) Lstat(name string) (Info, error) {
	fi, info, err := r.lstat(name)
	if err != nil {
		return Info{}, err
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		info.Ino, info.Ctime = uint64(st.Ino), st.Ctimespec.Nano()
		info.Btime = max(0, st.Birthtimespec.Nano())
	}
	return info, nil
}

// setTime sets a file's times, to the microsecond.
func setTime(fd int, mtime time.Time) error {
	t := unix.NsecToTimeval(mtime.UnixNano())
	return unix.Futimes(fd, []unix.Timeval{t, t})
}
