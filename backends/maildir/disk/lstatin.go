package disk

import (
	"errors"
	"io/fs"
	"path"
)

// Looked is what a name in a folder was found to be.
type Looked struct {
	Info
	There bool // else nothing has the name, and Info is zero
}

// LstatIn is Lstat of names in one folder, without a slash and in their order, for what is not there as well. A folder that is not there has none.
// On Linux the folder is opened once for all of them.
func LstatIn(fsys FS, dir string, names ...string) ([]Looked, error) {
	all := make([]Looked, len(names))
	if can, ok := fsys.(interface {
		lstatIn(dir string, names []string, all []Looked) (done bool, err error)
	}); ok {
		done, err := can.lstatIn(dir, names, all)
		if done || err != nil {
			return all, err
		}
	}
	for i, name := range names {
		info, err := fsys.Lstat(path.Join(dir, name))
		if err == nil {
			all[i] = Looked{info, true}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return all, nil
}
