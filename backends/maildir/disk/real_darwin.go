package disk

import (
	"errors"

	"golang.org/x/sys/unix"
)

func renameExclusive(from int, oldBase string, to int, newBase string) error {
	return unix.RenameatxNp(from, oldBase, to, newBase, unix.RENAME_EXCL)
}

// syncFile flushes the disk's own cache, too, where the file system can do that; SMB cannot.
func syncFile(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_FULLFSYNC, 0)
	if errors.Is(err, unix.ENOTSUP) {
		err = unix.Fsync(fd)
	}
	return err
}
