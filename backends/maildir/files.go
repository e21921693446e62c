package maildir

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// mkdirs makes a folder and those above it. All of them are synced up to the root, also
// those that were there: an earlier run may have been killed before it did.
func mkdirs(fsys disk.FS, dir string) error {
	if dir == "." {
		return nil
	}
	if err := mkdirs(fsys, path.Dir(dir)); err != nil {
		return err
	}
	_, err := fsys.Lstat(dir) // it may be a symbolic link to a folder
	if isNotExist(err) {
		err = mkdir(fsys, dir)
	}
	if err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(dir))
}

// mkdir makes a folder, or finds it there.
func mkdir(fsys disk.FS, dir string) error {
	err := fsys.Mkdir(dir)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := fsys.Lstat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", dir)
	}
	return err
}

// writeFile writes a new file, durably but for its name, or leaves none.
func writeFile(fsys disk.FS, name string, data []byte) error {
	file, err := fsys.Create(name)
	if err != nil {
		return err
	}
	if _, err = file.Write(data); err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err != nil {
		fsys.Remove(name)
	}
	return err
}

// replaceFile puts a new file in the place of another one, durably. fresh is the name it has
// until then; where one of a dead run has it, that is removed. ready, if any, is asked last.
func replaceFile(fsys disk.FS, fresh, name string, data []byte, ready func() error) error {
	fsys.Remove(fresh)
	err := writeFile(fsys, fresh, data)
	if err == nil && ready != nil {
		err = ready()
	}
	if err == nil {
		err = fsys.Replace(fresh, name)
	}
	if err != nil {
		fsys.Remove(fresh)
		return err
	}
	return fsys.SyncDir(path.Dir(name))
}

// give moves a file to a name that must be free: in one step where the system can refuse to overwrite; else by a
// link, so that nothing can be overwritten whatever happens in between. linked reports that the file has its old
// name, too.
func give(fsys disk.FS, old, new string) (linked bool, err error) {
	err = fsys.Rename(old, new)
	if err == nil || !disk.CannotRefuse(err) {
		return false, err
	}
	return linkOrRename(fsys, old, new)
}

// linkOrRename gives a file a name that must be free: by a link, or by a rename where there are no hard
// links. linked reports that the file has its old name, too.
func linkOrRename(fsys disk.FS, old, new string) (linked bool, err error) {
	err = fsys.Link(old, new)
	if err != nil && disk.NoHardLinks(err) {
		return false, rename(fsys, old, new)
	}
	return err == nil, err
}

// rename moves a file or folder to a name that must be free, in one step, so that it has one name at any time. Where the
// system cannot refuse to overwrite, it looks first.
func rename(fsys disk.FS, old, new string) error {
	err := fsys.Rename(old, new)
	if err == nil || !disk.CannotRefuse(err) {
		return err
	}
	if _, err = fsys.Lstat(new); err == nil {
		return &fs.PathError{Op: "rename", Path: new, Err: fs.ErrExist}
	}
	if !isNotExist(err) {
		return err
	}
	return fsys.Replace(old, new)
}

// readFile reads a file as far as most octets.
func readFile(fsys disk.FS, name string, most int64) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, most))
}

// sealed is a text with a last line that shows whether it was truncated or damaged since.
func sealed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%send \"%x\"\n", text, sum[:8])
}

// unsealed is the reverse of sealed. It reports false for a text that was damaged.
func unsealed(text string) (string, bool) {
	i := strings.LastIndex(text, "\nend ") + 1
	return text[:i], i > 0 && sealed(text[:i]) == text
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// fault wraps an error of the disk with what was tried, and gives it the kind Storage
// where the whole disk is concerned.
func fault(err error, format string, args ...any) error {
	err = fmt.Errorf(format+": %w", append(args, err)...)
	switch {
	case disk.Full(err):
		return state.Faultf(state.Storage, "%w", err).OfAllOfDisk().WithHint("make room on the disk, then run again: it goes on where it stopped")
	case disk.ReadOnly(err):
		return state.Faultf(state.Storage, "%w", err).OfAllOfDisk().WithHint("the file system can only be read: mount it for writing, and see why it was not")
	case errors.Is(err, fs.ErrPermission):
		return state.Faultf(state.Storage, "%w", err).WithHint("this user may not do that there: see who owns the folder, its mode, and how the file system is mounted")
	case errors.Is(err, disk.ErrMoved):
		return state.Faultf(state.Storage, "%w", err).WithHint("what was put there in this run is not recorded; see where the folder is now, and run again")
	case disk.Crippled(err):
		return state.Faultf(state.Storage, "%w", err)
	}
	return err
}
