package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"mailsync/state"
)

// keywordsLock is where the new text is written before it is renamed over the old.
const keywordsLock = keywordsFile + ".lock"

// alphabet is the letters that stand for keywords in a Maildir, and how one more is given.
type alphabet struct {
	*folders
	letters   letters // as the last Scan read them
	lockedOut error   // another program's lock was waited for in vain
}

// read reads what the letters mean now.
func (a *alphabet) read() (words, error) {
	text, err := readFile(a.fs, a.at(keywordsFile), maxKeywordsFile)
	if isNotExist(err) {
		return words{}, nil
	}
	if err != nil {
		return words{}, fault(err, "read %s", a.at(keywordsFile))
	}
	return parseKeywords(text), nil
}

// spell gives letters to the keywords among the flags, as far as there are any.
func (a *alphabet) spell(flags state.Flags, kw *state.Keywords) error {
	if flags&^a.letters.named() == 0 || a.letters.read && a.letters.free() == 0 {
		return nil
	}
	return a.add(flags, kw)
}

// add gives letters to those flags that have none, as far as there are any
// free, and makes that durable before it returns.
func (a *alphabet) add(want state.Flags, kw *state.Keywords) (err error) {
	lock, err := a.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	w, err := a.read() // it may have grown since the scan
	if err != nil {
		return err
	}
	have, err := a.carried(w, kw)
	if err != nil {
		return err
	}
	if have.free() == 0 || !w.add(kw.NamesOf(want&^have.named())) {
		a.letters = have
		return nil
	}
	if err := a.write(w, lock); err != nil {
		return err
	}
	a.letters = w.letters(kw)
	return nil
}

// carried are the letters of words, with those that the last scan saw in names, or
// that a look shows where there was none.
func (a *alphabet) carried(w words, kw *state.Keywords) (letters, error) {
	l := a.known(w.letters(kw))
	if a.letters.read {
		return l, nil
	}
	owns := a.owner()
	err := a.each(func(name string) {
		if p := partsOf(path.Base(name)); l.wonders(p.letters) && (!p.ours || owns(p.name.Token)) {
			l.carried(p.letters)
		}
	})
	return l, err
}

// known are letters, with those that the last scan saw in names, if there was one.
func (a *alphabet) known(l letters) letters {
	l.orphaned |= a.letters.orphaned & l.unnamed
	return l
}

// owner reports whether the letters of files with a token are this Maildir's. Those of files that somebody
// moved here from another one, letters and all, mean what they mean there. Where the marker cannot be read,
// and in an archive, all are.
func (a *alphabet) owner() func(token string) bool {
	marker := sync.OnceValues(func() (state.Marker, error) { return readMarker(a.fs, a.path) })
	return func(token string) bool {
		mk, err := marker()
		return err != nil || mk.Role != state.RoleMailbox ||
			slices.ContainsFunc(mk.Generations, func(g state.MarkerGeneration) bool { return g.Token == token })
	}
}

// write replaces the words, durably, while the lock is still ours.
func (a *alphabet) write(w words, lock *dotLock) error {
	fresh, old := a.at(keywordsLock), a.at(keywordsFile)
	ready := func() error { return errors.Join(a.outdate(old, fresh), lock.check()) }
	if err := replaceFile(a.fs, fresh, old, w.format(), ready); err != nil {
		return fault(err, "write %s", old)
	}
	return nil
}

// outdate makes the new words at least a second younger than the old ones.
// Dovecot reads them again only if the second of their mtime has changed,
// and would otherwise overwrite the line that it did not see.
func (a *alphabet) outdate(old, fresh string) error {
	was, err := a.fs.Lstat(old)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	is, err := a.fs.Lstat(fresh)
	if err != nil {
		return err
	}
	second := int64(time.Second)
	if is.Mtime/second > was.Mtime/second {
		return nil
	}
	return a.fs.Chtimes(fresh, time.Unix(was.Mtime/second+1, 0))
}

// add gives each name the first letter that has none and reports whether any got one. A
// letter that has a name always keeps it.
func (w *words) add(names []string) bool {
	added := false
	for _, name := range names {
		if !spellable(name) {
			continue
		}
		for i := range w {
			if w[i] == "" {
				w[i], added = name, true
				break
			}
		}
	}
	return added
}

// Dovecot changes dovecot-keywords only while it holds dovecot-uidlist.lock, a file that
// holds "pid:host". A lock is stale if its process was on this host and is no more,
// or if nobody touched it for two minutes.
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

// lock takes Dovecot's lock. It does not wait for long, and not again once that was
// in vain: flags travel in the next run as well.
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

// check fails if the lock is not ours any more: this process may have slept for
// so long that another one took it for dead.
func (l *dotLock) check() error {
	info, err := l.d.fs.Lstat(l.name)
	if err == nil && info.Ino != l.ino {
		err = errors.New("another program broke it")
	}
	if err != nil {
		return fault(err, "lock %s", l.name)
	}
	return nil
}

// release removes the lock, unless another program has it by now.
func (l *dotLock) release() error {
	if err := l.check(); err != nil {
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
		return nil // released meanwhile
	}
	if err := a.fs.Remove(name); err != nil && !isNotExist(err) {
		return fault(err, "break stale lock %s", name)
	}
	return nil
}

// deadOwner reports whether a lock names a process of this host that has ended. One
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
