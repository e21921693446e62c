//go:build unix

package disk

import (
	"container/list"
	"errors"
	"io/fs"
	"path"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A message gets into a Maildir by two names, one in tmp and one in new or cur, and walking to both from the root took
// more system calls than all the rest. So these three folders stay open while files are put into them.
//
// A folder that is held may be moved, removed or replaced meanwhile, and then files are put into one that is not at its
// path any more. So a folder is held only to put files into it: whatever reads, looks or removes walks the path. And SyncDir,
// without which nothing is recorded, walks the path once more and fails with ErrMoved if another folder is there now.

// maxHeld is how many folders the whole program holds open, beside those that are in use at the moment: those of
// twenty Maildirs. The one that was not used for longest is closed first, and opened again when it is needed.
const maxHeld = 60

// holds reports whether files are put into a folder often enough.
func holds(dir string) bool {
	switch path.Base(dir) {
	case "cur", "new", "tmp":
		return true
	}
	return false
}

// folder is a folder that is held open, or that was, and into which files were put.
type folder struct {
	of    holding
	dir   string
	id    folderID
	exact atomic.Bool // files that are made in it have the mode that is asked for

	// Guarded by held.mu.
	fd      int           // closed if it is below 0
	at      *list.Element // in held.recent, nil if it is closed
	users   int
	changed bool // files were put into it that SyncDir has not made durable yet
	dropped bool // it is closed once nobody uses it
}

// folderID tells one folder from another.
type folderID struct {
	dev, ino uint64
}

// held are the folders that the program holds open, the one used last in front.
var held = struct {
	mu     sync.Mutex
	recent list.List
}{}

// holding are the folders of one Real that are held, or into which files were put.
type holding map[string]*folder

// take returns a folder that is open, for release. put reports that a file is put into it.
func (r *Real) take(dir string, put bool) (*folder, error) {
	held.mu.Lock()
	f := r.held[dir]
	if f != nil && f.fd >= 0 {
		f.use(put)
		held.mu.Unlock()
		return f, nil
	}
	held.mu.Unlock()
	fd, id, err := r.openFolder(dir)
	if err != nil {
		return nil, err
	}
	held.mu.Lock()
	defer held.mu.Unlock()
	f = r.held[dir]
	switch {
	case f != nil && f.fd >= 0: // somebody else was faster
		unix.Close(fd)
		f.use(put)
		return f, nil
	case f != nil && f.id != id:
		unix.Close(fd)
		return nil, &fs.PathError{Op: "open", Path: r.full(dir), Err: ErrMoved}
	case f == nil:
		f = &folder{of: r.held, dir: dir, id: id}
		r.held[dir] = f
	}
	f.fd, f.at = fd, held.recent.PushFront(f)
	f.use(put)
	shutSome()
	return f, nil
}

// use notes that a folder is in use. held.mu is locked.
func (f *folder) use(put bool) {
	f.users++
	f.changed = f.changed || put
	held.recent.MoveToFront(f.at)
}

// shutSome closes folders while too many are open. held.mu is locked.
func shutSome() {
	for at := held.recent.Back(); at != nil && held.recent.Len() > maxHeld; {
		f := at.Value.(*folder)
		at = at.Prev()
		if f.users == 0 {
			f.close()
		}
	}
}

// close closes a folder, and forgets it unless files were put into it. held.mu is locked.
func (f *folder) close() {
	held.recent.Remove(f.at)
	unix.Close(f.fd) // it was opened for its place only: nothing can be lost
	f.fd, f.at = -1, nil
	if !f.changed && f.of[f.dir] == f {
		delete(f.of, f.dir)
	}
}

func (f *folder) release() {
	held.mu.Lock()
	defer held.mu.Unlock()
	f.users--
	if f.dropped && f.users == 0 && f.fd >= 0 {
		f.close()
	}
}

// inHeld runs a system call with a folder that is held, and again when a signal interrupted it. If the folder is not at
// its path any more, the one that is there now is taken, unless files were put into the old one.
func (r *Real) inHeld(dir string, put bool, call func(f *folder) error) error {
	for first := true; ; first = false {
		f, err := r.take(dir, put)
		if err != nil {
			return err
		}
		err = again(func() error { return call(f) })
		f.release()
		if !first || !errors.Is(err, fs.ErrNotExist) || !r.moved(f) {
			return err
		}
		r.drop(f)
	}
}

// moved reports whether a folder is not at its path any more.
func (r *Real) moved(f *folder) bool {
	fd, id, err := r.openFolder(f.dir)
	if err == nil {
		unix.Close(fd)
	}
	return err != nil || id != f.id
}

// drop closes a folder that is not to be used any more.
func (r *Real) drop(f *folder) {
	held.mu.Lock()
	defer held.mu.Unlock()
	if r.held[f.dir] != f {
		return
	}
	if delete(r.held, f.dir); f.changed {
		r.held[f.dir] = &folder{of: r.held, dir: f.dir, id: f.id, fd: -1, changed: true}
	}
	if f.dropped = true; f.users == 0 && f.fd >= 0 {
		f.close()
	}
}

// dropBelow closes every folder at or below a path.
func (r *Real) dropBelow(dir string) {
	held.mu.Lock()
	var below []*folder
	for at, f := range r.held {
		if at == dir || dir == "." || len(at) > len(dir) && at[:len(dir)] == dir && at[len(dir)] == '/' {
			below = append(below, f)
		}
	}
	held.mu.Unlock()
	for _, f := range below {
		r.drop(f)
	}
}

// settled notes that what was put into a folder is durable, if it is the one that was synced.
func (r *Real) settled(dir string, synced folderID) error {
	held.mu.Lock()
	defer held.mu.Unlock()
	f := r.held[dir]
	if f == nil || !f.changed {
		return nil
	}
	if f.id != synced {
		return &fs.PathError{Op: "sync", Path: r.full(dir), Err: ErrMoved}
	}
	if f.changed = false; f.fd < 0 {
		delete(r.held, dir)
	}
	return nil
}
