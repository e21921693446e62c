package disk

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func syncFile(fd int) error { return unix.Fsync(fd) }

// setTime is futimens(3).
func setTime(fd int, mtime time.Time) error {
	spec, err := unix.TimeToTimespec(mtime)
	if err != nil {
		return err
	}
	times := [2]unix.Timespec{spec, spec}
	if _, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
