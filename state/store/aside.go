package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// setAside renames a damaged state file and what lies beside it, so that a fresh one
// can begin, and returns the new name. Nothing is deleted. The journals go first: a
// crash in between leaves a file that lacks commits its seal knows of, never a journal
// that a fresh file could take for its own.
func setAside(path string) (string, error) {
	aside, err := freeName(path + ".broken-" + time.Now().UTC().Format("20060102T150405Z"))
	if err != nil {
		return "", err
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal", ""} {
		there, err := exists(path + suffix)
		if err != nil {
			return "", err
		}
		if !there {
			continue
		}
		if err := os.Rename(path+suffix, aside+suffix); err != nil {
			return "", err
		}
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return "", err
	}
	// The next file counts its commits from 1. A seal that stays behind would find fault
	// with it and set it aside, too.
	return aside, removeIfThere(filepath.Join(filepath.Dir(path), sealName))
}

// freeName returns a name that neither a file nor a journal has.
func freeName(name string) (string, error) {
	for n := 1; n < 1000; n++ {
		try := name
		if n > 1 {
			try = fmt.Sprintf("%s-%d", name, n)
		}
		taken := false
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			there, err := exists(try + suffix)
			if err != nil {
				return "", err
			}
			taken = taken || there
		}
		if !taken {
			return try, nil
		}
	}
	return "", errors.New("a thousand broken state files lie there already")
}

// renameDurably renames a file and makes that durable.
func renameDurably(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, removeIfThere(from))
	}
	return syncDir(filepath.Dir(to))
}
