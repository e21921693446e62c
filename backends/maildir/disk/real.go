package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Real is a directory of the system's file tree. Everything happens under an os.Root,
// so that neither a name nor a symbolic link leads out of it.
type Real struct {
	root    *os.Root
	beneath beneath
	held    holding
	local   bool
}

// OpenReal opens a directory that is there; the error is fs.ErrNotExist if it is not.
func OpenReal(dir string) (*Real, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	r := &Real{root: root, held: holding{}}
	r.local = r.isLocal()
	r.beneath.begin(root)
	return r, nil
}

// Close closes the directory. Open files stay open.
func (r *Real) Close() error {
	r.dropBelow(".")
	return errors.Join(r.beneath.close(), r.root.Close())
}

// Beyond lists a folder as the system finds it, also where a symbolic link leads out of the root. It is
// only for a look at what others have put there.
func (r *Real) Beyond(dir string) ([]string, error) {
	f, err := os.Open(r.full(dir))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// Inside reports whether a folder as the system finds it is in the root, as one at the end of an absolute link may
// be: under the root no such link is followed.
func (r *Real) Inside(dir string) bool {
	in, err := Within(r.full(dir), r.root.Name())
	return err == nil && in
}

// Within reports whether a folder is in another one, after symbolic links.
func Within(dir, root string) (bool, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false, err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return false, nil // it is not there yet
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return false, err
	}
	if root, err = filepath.Abs(root); err != nil {
		return false, err
	}
	rel, err := filepath.Rel(root, dir)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)), nil
}

// Replace implements FS.
func (r *Real) Replace(old, new string) error { return r.named(r.root.Rename(old, new)) }

// lstat describes a name by what os.Root knows on every system.
func (r *Real) lstat(name string) (fs.FileInfo, Info, error) {
	fi, err := r.root.Lstat(name)
	if err != nil {
		return nil, Info{}, r.named(err)
	}
	info := Info{Type: fi.Mode().Type(), Size: fi.Size(), Mtime: fi.ModTime().UnixNano()}
	if info.Type != 0 && info.Type != fs.ModeDir && info.Type != fs.ModeSymlink {
		info.Type = fs.ModeIrregular
	}
	return fi, info, nil
}

// Mkdir implements FS.
func (r *Real) Mkdir(name string) error {
	if err := r.root.Mkdir(name, dirMode); err != nil {
		return r.named(err)
	}
	return r.named(r.root.Chmod(name, dirMode))
}

// Names implements FS.
func (r *Real) Names(dir string) (names []string, err error) {
	err = r.Each(dir, func(name string) error {
		names = append(names, name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

// Local implements FS.
func (r *Real) Local() bool { return r.local }
