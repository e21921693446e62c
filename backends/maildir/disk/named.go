package disk

import (
	"io/fs"
	"os"
	"path/filepath"
)

// named gives the names in an error of the system the root in front: a user knows paths, and not what is
// below which root.
func (r *Real) named(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		e.Path = r.full(e.Path)
	case *os.LinkError:
		e.Old, e.New = r.full(e.Old), r.full(e.New)
	}
	return err
}

func (r *Real) full(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.root.Name(), filepath.FromSlash(name))
}
