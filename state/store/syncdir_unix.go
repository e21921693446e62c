//go:build !windows

package store

import (
	"errors"
	"os"
	"syscall"
)

// syncDir makes what was created, renamed or removed in a directory durable. Where the
// file system cannot sync a directory (EINVAL, ENOTSUP: some FUSE and SMB mounts) there
// is nothing more to do.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
