package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteUserFile replaces a file that is the user's own, such as the configuration, or makes it: all of
// it or nothing, and the new content is on the disk when it returns. A file that is there keeps its
// permissions, and a symbolic link stays one: what it leads to is replaced. A new file, and folders that
// are missing above it, are for the user alone. An error is a Fault of kind Storage.
func WriteUserFile(path string, content []byte) error {
	const doing = "write the file"
	real, mode, err := userFile(path)
	if err == nil {
		err = makeDir(filepath.Dir(real))
	}
	if err == nil {
		err = replaceWith(real, content, mode, true)
	}
	return storageFault(doing, err)
}

// userFile is where a file is, at the end of symbolic links, and its permissions.
func userFile(path string) (real string, mode fs.FileMode, err error) {
	real, err = filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path); err == nil {
			return "", 0, &fs.PathError{Op: "open", Path: path, Err: errors.New("it is a link to a file that does not exist")}
		}
		return path, 0o600, nil
	case err != nil:
		return "", 0, err
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, &fs.PathError{Op: "write", Path: path, Err: errors.New("it is not a file")}
	}
	return real, info.Mode().Perm(), nil
}

// RemoveUserFile removes a file that WriteUserFile made in this very run, where what followed failed.
func RemoveUserFile(path string) error {
	return storageFault("remove the file", removeIfThere(path))
}
