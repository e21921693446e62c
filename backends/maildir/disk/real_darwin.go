package disk

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

func ctimespec(st *syscall.Stat_t) syscall.Timespec { return st.Ctimespec }

// renameNoReplace reports false without an error where the file system does not know
// RENAME_EXCL.
func (r *Real) renameNoReplace(old, new string) (done bool, err error) {
	err = r.inDir("rename", old, func(from int, oldBase string) error {
		return r.inDir("rename", new, func(to int, newBase string) error {
			return unix.RenameatxNp(from, oldBase, to, newBase, unix.RENAME_EXCL)
		})
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return false, nil
	}
	return err == nil, err
}
