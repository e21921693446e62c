package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// What each system does in its own way is in system_*.go.

// fileID identifies a file and one content of it. Times are in nanoseconds
// since 1970; Ino, Born and Changed are 0 where the system has none.
type fileID struct {
	Ino      uint64
	Born     int64
	Size     int64
	Modified int64
	Changed  int64
}

var errNotRegular = errors.New("it is not a regular file")

// identify stats a file without following a link.
func identify(path string) (fileID, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return fileID{}, err
	}
	if !info.Mode().IsRegular() {
		return fileID{}, &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	id := fileID{Size: info.Size(), Modified: info.ModTime().UnixNano()}
	return id, id.system(path, info)
}

// IsRemote reports whether a path is on a file system that another machine or another
// program serves: NFS, SMB, FUSE and the like. There a write-ahead log is unsafe, and
// what a stat reports may be old. Of a path that does not exist yet, the first parent that
// does counts; where it cannot be known, the answer is yes.
func IsRemote(path string) bool {
	for {
		remote, err := isRemote(path)
		if err == nil {
			return remote
		}
		parent := filepath.Dir(path)
		if !errors.Is(err, fs.ErrNotExist) || parent == path {
			return true
		}
		path = parent
	}
}

// errLockHeld is what flock returns while another holds the lock.
var errLockHeld = errors.New("it is held")
