package store

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// IsRemote reports whether a path lies on a file system that another machine or another
// program serves: NFS, SMB, FUSE and their like. There a write-ahead log is unsafe and
// what a stat says may be old. Of a path that is not there yet its first directory that
// is counts; what cannot be told is remote.
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
