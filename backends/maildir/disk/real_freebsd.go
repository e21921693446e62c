package disk

import "golang.org/x/sys/unix"

// renameExclusive: FreeBSD has no such rename.
func renameExclusive(int, string, int, string) error { return unix.ENOTSUP }

func syncFile(fd int) error { return unix.Fsync(fd) }
