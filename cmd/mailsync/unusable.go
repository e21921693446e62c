package main

import (
	"errors"
	"io/fs"
	"syscall"

	"mailsync/state"
)

// unusable is the fault of a folder of the configuration that cannot be opened or made, with the key that names it.
func unusable(key string, err error) error {
	f := state.Faultf(state.Storage, "%s: %w", key, err)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return f.WithHint("see who owns the folder and the one that it is in, their modes, and how the file system is mounted")
	case errors.Is(err, syscall.ENOTDIR):
		return f.WithHint("a file is in the way: move it, or set %s to another path", key)
	}
	return f
}
