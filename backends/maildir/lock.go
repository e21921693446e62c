package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Dovecot changes dovecot-keywords only while it holds dovecot-uidlist.lock, a file that
// holds "pid:host". A lock of a process of this host that is no more is a dead program's,
// and any that nobody touched for two minutes.
const (
	uidlistLock = "dovecot-uidlist.lock"
	staleLock   = 2 * time.Minute
	lockPause   = 100 * time.Millisecond
	lockTries   = 50
	maxLockFile = 1 << 10
)

// dotLock is Dovecot's lock while it is ours.
type dotLock struct {
	d    *folders
	name string
	ino  uint64
}

// lock takes Dovecot's lock. It does not wait for long, and once in
// vain only: flags travel in the next run as well.
func (a *alphabet) lock() (*dotLock, error) {
	if a.lockedOut != nil {
		return nil, a.lockedOut
	}
	host, _ := os.Hostname() // without one the lock is broken by its age
	name := a.at(uidlistLock)
	for range lockTries {
		err := writeFile(a.fs, name, fmt.Appendf(nil, "%d:%s", os.Getpid(), host))
		if err == nil {
			info, err := a.fs.Lstat(name)
			if err != nil {
				return nil, fault(err, "lock %s", name)
			}
			return &dotLock{d: a.folders, name: name, ino: info.Ino}, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fault(err, "lock %s", name)
		}
		if err := a.breakStale(name, host); err != nil {
			return nil, err
		}
		if err := a.opts.Wait(context.Background(), lockPause); err != nil {
			return nil, err
		}
	}
	a.lockedOut = fmt.Errorf("lock %s: another program holds it", name)
	return nil, a.lockedOut
}

// held is an error where the lock is not ours any more: this process may have slept for
// so long that another one took it for dead.
func (l *dotLock) held() error {
	info, err := l.d.fs.Lstat(l.name)
	if err == nil && info.Ino != l.ino {
		err = errors.New("another program broke it")
	}
	if err != nil {
		return fault(err, "lock %s", l.name)
	}
	return nil
}

// release gives the lock back, unless another program has it by now.
func (l *dotLock) release() error {
	if err := l.held(); err != nil {
		return err
	}
	if err := l.d.fs.Remove(l.name); err != nil {
		return fault(err, "unlock %s", l.name)
	}
	return nil
}

// breakStale removes a lock that a dead program left.
func (a *alphabet) breakStale(name, host string) error {
	info, err := a.fs.Lstat(name)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return fault(err, "lock %s", name)
	}
	if a.opts.Now().Sub(time.Unix(0, info.Mtime)) < staleLock && !a.deadOwner(name, host) {
		return nil
	}
	now, err := a.fs.Lstat(name)
	if isNotExist(err) || err == nil && now.Ino != info.Ino {
		return nil // given back meanwhile
	}
	if err := a.fs.Remove(name); err != nil && !isNotExist(err) {
		return fault(err, "break stale lock %s", name)
	}
	return nil
}

// deadOwner reports whether a lock names a process of this host that is no more. One
// with our own number is an earlier run's: this run does not hold it.
func (a *alphabet) deadOwner(name, host string) bool {
	text, err := readFile(a.fs, name, maxLockFile)
	if err != nil {
		return false
	}
	number, where, ok := strings.Cut(string(text), ":")
	pid, err := strconv.Atoi(number)
	if !ok || err != nil || pid <= 0 || host == "" || where != host {
		return false
	}
	if pid == os.Getpid() {
		return true
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer process.Release()
	return errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
