package disk

import (
	"errors"
	"fmt"
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
	local   bool
}

// OpenReal opens a directory that is there; the error is fs.ErrNotExist if it is not.
func OpenReal(dir string) (*Real, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	r := &Real{root: root}
	r.local = r.isLocal()
	r.beneath.begin(root)
	return r, nil
}

// Close closes the directory. Open files stay open.
func (r *Real) Close() error { return errors.Join(r.beneath.close(), r.root.Close()) }

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

// Create implements FS.
func (r *Real) Create(name string) (File, error) {
	f, err := r.open(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, err
	}
	// The umask may have taken bits away from the mode asked for.
	if err := f.Chmod(fileMode); err != nil {
		f.Close()
		r.Remove(name)
		return nil, err
	}
	return f, nil
}

// Open implements FS.
func (r *Real) Open(name string) (File, error) {
	f, err := r.open(name, os.O_RDONLY|nonBlock, 0)
	if err != nil {
		return nil, err
	}
	return readFile{f}, nil
}

func (r *Real) open(name string, flags int, mode fs.FileMode) (*os.File, error) {
	if r.beneath.works() {
		f, err := r.beneath.file(name, r.full(name), flags, mode)
		return f, r.named(err)
	}
	f, err := r.root.OpenFile(name, flags, mode)
	return f, r.named(err)
}

// readFile is a file or folder that is only read. Some systems can sync only
// what is open for writing; that is not an error here.
type readFile struct{ *os.File }

func (f readFile) Sync() error {
	if err := f.File.Sync(); !cannotSync(err) {
		return err
	}
	return nil
}

// Replace implements FS.
func (r *Real) Replace(old, new string) error { return r.named(r.root.Rename(old, new)) }

// Rename implements FS.
func (r *Real) Rename(old, new string) error {
	done, err := r.renameNoReplace(old, new)
	if done || err != nil {
		return err
	}
	_, err = r.root.Lstat(new)
	if err == nil {
		return r.named(&os.LinkError{Op: "rename", Old: old, New: new, Err: fs.ErrExist})
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return r.named(err)
	}
	return r.named(r.root.Rename(old, new))
}

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

// SyncDir implements FS.
func (r *Real) SyncDir(dir string) error {
	d, err := r.root.Open(dir)
	if err != nil {
		return r.named(err)
	}
	err = readFile{d}.Sync()
	return errors.Join(err, d.Close())
}

// Names implements FS.
func (r *Real) Names(dir string) ([]string, error) {
	d, err := r.root.Open(dir)
	if err != nil {
		return nil, r.named(err)
	}
	defer d.Close()
	names, err := readNames(d)
	if err != nil {
		return nil, fmt.Errorf("read folder %s: %w", r.full(dir), err)
	}
	return names, nil
}

// Local implements FS.
func (r *Real) Local() bool { return r.local }
