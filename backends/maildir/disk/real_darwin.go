package disk

import "golang.org/x/sys/unix"

func renameExclusive(from int, oldBase string, to int, newBase string) error {
	return unix.RenameatxNp(from, oldBase, to, newBase, unix.RENAME_EXCL)
}
