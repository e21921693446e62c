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

// What a tree and a Maildir do with folders and with the few small files in them that are no mail.

// mkdirs makes a folder and those above it. All of them are synced up to the root, also
// those that were there: an earlier run may have been killed before it did.
func mkdirs(fsys disk.FS, dir string) error {
	for ; dir != "."; dir = path.Dir(dir) {
		if _, err := fsys.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			if err := mkdirs(fsys, path.Dir(dir)); err != nil {
				return err
			}
			if err := mkdir(fsys, dir); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		if err := fsys.SyncDir(path.Dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

// mkdir makes a folder, or finds it there.
func mkdir(fsys disk.FS, dir string) error {
	err := fsys.Mkdir(dir)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := fsys.Lstat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", dir)
	}
	return err
}

// writeFile writes a whole new file durably but for its name, or leaves none.
func writeFile(fsys disk.FS, name string, data []byte) error {
	file, err := fsys.Create(name)
	if err != nil {
		return err
	}
	n, err := file.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = file.Sync()
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		fsys.Remove(name)
	}
	return err
}

// replaceFile puts a whole new file in the place of another one, durably. fresh is the name it has
// until then; where one of a dead run has it, that is removed. ready, if any, is asked last.
func replaceFile(fsys disk.FS, fresh, name string, data []byte, ready func() error) error {
	fsys.Remove(fresh)
	if err := writeFile(fsys, fresh, data); err != nil {
		return err
	}
	var err error
	if ready != nil {
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

// linkOrRename gives a file a name that must be free: by a link, so that nothing can be overwritten
// whatever happens in between; by a rename where there are no hard links. linked reports that the file
// has its old name, too.
func linkOrRename(fsys disk.FS, old, new string) (linked bool, err error) {
	err = fsys.Link(old, new)
	if err != nil && disk.NoHardLinks(err) {
		return false, fsys.Rename(old, new)
	}
	return err == nil, err
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

// sealed is a text with a last line that tells whether it was cut off or damaged since.
func sealed(text string) string { return text + fmt.Sprintf("end %q\n", markerSum(text)) }

// unsealed is the reverse of sealed. It reports false for a text that was damaged.
func unsealed(text string) (string, bool) {
	i := strings.LastIndex(text, "\nend ") + 1
	return text[:i], i > 0 && sealed(text[:i]) == text
}

func markerSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%x", sum[:8])
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// fault wraps an error of the disk with what was tried, and gives it the kind Storage
// where the whole disk is concerned.
func fault(err error, format string, args ...any) error {
	err = fmt.Errorf(format+": %w", append(args, err)...)
	switch {
	case disk.Full(err):
		return state.Faultf(state.Storage, "%w", err).OfWholeDisk().WithHint("make room on the disk, then run again: it goes on where it stopped")
	case disk.ReadOnly(err):
		return state.Faultf(state.Storage, "%w", err).OfWholeDisk().WithHint("the file system can only be read: mount it for writing, and see why it was not")
	case errors.Is(err, fs.ErrPermission):
		return state.Faultf(state.Storage, "%w", err).WithHint("this user may not do that there: see who owns the folder, its mode, and how the file system is mounted")
	case disk.Crippled(err):
		return state.Faultf(state.Storage, "%w", err)
	}
	return err
}
