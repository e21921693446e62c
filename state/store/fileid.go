package store

import (
	"io/fs"
	"os"
)

// fileID is what tells one file, and one content of it, from another. Times are in
// nanoseconds since 1970; Ino, Born and Changed are 0 where the system has none.
type fileID struct {
	Ino      uint64
	Born     int64
	Size     int64
	Modified int64
	Changed  int64
}

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
