package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mailsync/state"
)

const lockName = "lock"

// lockPoll is how often a held lock is tried again.
const lockPoll = 100 * time.Millisecond

// A lock is held for a moment by who looks whether its last holder still runs (ReadHolder). So it
// counts as held if it is so in all of these tries.
const (
	lockTries = 5
	lockPause = 5 * time.Millisecond
)

// Lock is the lock of one state directory. It is held until Unlock, and dies with the
// process however that ends.
type Lock struct {
	dir string
	f   *os.File
}

// TryLock takes the lock of a state directory, making the directory if it is not there:
// ask the registry of roots first, for this also makes an unmounted root. A lock that
// another run holds is a Fault of kind Locked.
func TryLock(dir string) (*Lock, error) {
	if err := makeDir(dir); err != nil {
		return nil, cannotWrite("make the state directory", err)
	}
	path := filepath.Join(dir, lockName)
	for tries := 1; ; tries++ {
		f, err := openOrCreate(path)
		if err != nil {
			return nil, cannotWrite("open the lock", err)
		}
		err = flock(f)
		if err == nil && !isAt(f, path) { // it was removed between open and lock: what we hold locks nobody out
			err = f.Close()
			if err == nil {
				continue
			}
		}
		if err == nil {
			l := &Lock{dir: dir, f: f}
			l.Describe("")
			return l, nil
		}
		if errors.Is(err, errLockHeld) && tries < lockTries {
			if err = f.Close(); err == nil {
				time.Sleep(lockPause)
				continue
			}
		}
		return nil, errors.Join(heldFault(f, path, err), f.Close())
	}
}

// WaitLock takes the lock as TryLock does, and tries again for as long as wait while
// another run holds it. Cancelling ctx ends the wait at once.
func WaitLock(ctx context.Context, dir string, wait time.Duration) (*Lock, error) {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		l, err := TryLock(dir)
		if err == nil || state.KindOf(err) != state.Locked || wait <= 0 {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another run to end: %w", context.Cause(ctx))
		case <-deadline.C:
			return nil, err
		case <-tick.C:
		}
	}
}

// Dir returns the state directory that is locked.
func (l *Lock) Dir() string { return l.dir }

// Describe notes in the lock which command holds it, for people. The lock itself does not need
// it, so a disk that is full spoils nothing.
func (l *Lock) Describe(command string) {
	if l.f.Truncate(0) == nil {
		_, _ = l.f.WriteAt(Holder{PID: os.Getpid(), Since: time.Now(), Command: command}.encode(), 0)
	}
}

// Unlock releases the lock. The file stays: removing it could take the lock away from
// a run that opened it already. It is empty then, which shows that the run came to its end.
func (l *Lock) Unlock() error {
	_ = l.f.Truncate(0) // what stays in it is read by people only
	return l.f.Close()
}

// isAt reports whether an open file still has this name.
func isAt(f *os.File, path string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(held, there)
}

func heldFault(f *os.File, path string, err error) error {
	if !errors.Is(err, errLockHeld) {
		return storageFault("lock "+path, err)
	}
	return state.Faultf(state.Locked, "%s holds %s", readHolder(f), path).WithHint("wait for it with --wait 10m, or let it pass with --if-free")
}
