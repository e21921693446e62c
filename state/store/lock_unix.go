//go:build unix

package store

import (
	"errors"
	"os"
	"syscall"
)

// flock takes an exclusive lock or returns errLockHeld. The descriptor is closed on
// exec, so no child keeps the lock.
func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errLockHeld
		}
		return err
	}
}
