//go:build unix

package store

import (
	"errors"
	"os"
	"syscall"
)

// flock takes an exclusive lock or returns errLockHeld. The descriptor is closed on
// exec, so no child keeps the lock.
func flock(f *os.File) error { return flockAs(f, syscall.LOCK_EX) }

// flockShared takes a lock that only an exclusive one shuts out, or returns errLockHeld.
func flockShared(f *os.File) error { return flockAs(f, syscall.LOCK_SH) }

func flockAs(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errLockHeld
		}
		return err
	}
}

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
