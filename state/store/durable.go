package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"mailsync/state"
)

// makeDir makes a directory and what is missing above it, each 0700 whatever the umask
// and durable when it returns. What is there already stays as it is.
func makeDir(dir string) error {
	info, err := os.Stat(dir)
	if err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("it is not a directory")}
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent == dir {
		return err
	}
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	return syncDir(parent)
}

// createFile makes a file that is not there yet, 0600 whatever the umask.
func createFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o600); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openOrCreate opens a file to read and write it, and makes it if it is not there.
func openOrCreate(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if f, err = createFile(path); !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// replaceFile replaces the content of a file, all of it or nothing. With durable it is
// fsynced before and the directory after the rename; the new content is on the disk when
// it returns. Two processes may replace one file at once: one of them wins.
func replaceFile(path string, content []byte, durable bool) error {
	return replaceWith(path, content, 0o600, durable)
}

// replaceWith is replaceFile for a file with other permissions.
func replaceWith(path string, content []byte, mode fs.FileMode, durable bool) error {
	tmp := fmt.Sprintf("%s.%d.new", path, os.Getpid())
	for tries := 3; ; tries-- {
		removeBegun(path)
		if err := writeFile(tmp, content, mode, durable); err != nil {
			return errors.Join(err, removeIfThere(tmp))
		}
		err := os.Rename(tmp, path)
		if err == nil {
			break
		}
		if tries == 1 || !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, removeIfThere(tmp))
		}
		// Another process took ours for what a dead one had left.
	}
	if !durable {
		return nil
	}
	return syncDir(filepath.Dir(path))
}

// removeBegun removes what replaceFile had begun to write when its process was killed. What
// remains does no harm, and is tried again the next time.
func removeBegun(path string) {
	entries, _ := os.ReadDir(filepath.Dir(path))
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		pid, begun := strings.CutSuffix(rest, ".new")
		if _, err := strconv.Atoi(pid); err != nil || !ours || !begun {
			continue
		}
		_ = os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
	}
}

func writeFile(path string, content []byte, mode fs.FileMode, durable bool) error {
	f, err := createFile(path)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil && mode != 0o600 {
		err = f.Chmod(mode)
	}
	if err == nil && durable {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// storageFault is an error of the local disk, with what was tried.
func storageFault(doing string, err error) error {
	if err == nil {
		return nil
	}
	f := state.Faultf(state.Storage, "%s: %w", doing, plainSQL(err))
	if errors.Is(err, fs.ErrPermission) {
		return f.WithHint("this user may not do that there: see who owns it, its mode, and how the file system is mounted")
	}
	return f
}

// cannotWrite is storageFault for what every run has to write before it does anything.
func cannotWrite(doing string, err error) error {
	if err == nil {
		return nil
	}
	return state.Faultf(state.Storage, "%s: %w", doing, plainSQL(err)).OfAllOfDisk().
		WithHint("every run writes to the state directory: see whether its disk is full, failing or can only be read, and who owns it")
}
