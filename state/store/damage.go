package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// errDamaged marks an error in the bytes of a state file, as opposed to a disk that
// does not answer: such a file is set aside, the other is left alone.
var errDamaged = errors.New("the state file is damaged")

// damage is an errDamaged with what is damaged.
func damage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// sqlFault gives an error of SQLite's its kind. Only what SQLite reports of bytes that it
// could read is damage; a disk that is full, failing or not permitted is not.
func sqlFault(doing string, err error) error {
	var known *state.Fault
	if err == nil || errors.Is(err, errDamaged) || errors.As(err, &known) {
		return err
	}
	code := sqlite.ErrCode(err)
	err = plainSQL(err)
	switch {
	case code.ToPrimary() == sqlite.ResultCorrupt, code == sqlite.ResultNotADB, code == sqlite.ResultFormat,
		code == sqlite.ResultIOErrShortRead:
		return damage("%s: %v", doing, err)
	case code.ToPrimary() == sqlite.ResultFull:
		return state.Faultf(state.Storage, "%s: %w", doing, err).OfAllOfDisk().WithHint("make room on the disk, then run again: it goes on where it stopped")
	case code.ToPrimary() == sqlite.ResultReadOnly, code.ToPrimary() == sqlite.ResultCantOpen && strings.HasPrefix(doing, "write "):
		return cannotWrite(doing, err)
	case code.ToPrimary() == sqlite.ResultIOErr: // also a full disk, where it cannot make its files beside the database
		return cannotWrite(doing, err)
	case code.ToPrimary() == sqlite.ResultBusy:
		return state.Faultf(state.Storage, "%s: %w", doing, err).WithHint("another program has the state file open; close it and run again")
	}
	return state.Faultf(state.Storage, "%s: %w", doing, err)
}

// plainSQL is err, or what SQLite's result means.
func plainSQL(err error) error {
	if code := sqlite.ErrCode(err); code != sqlite.ResultOK && code != sqlite.ResultError {
		return state.InWords(err, "%s", sqlWords(code))
	}
	return err
}

// sqlWords are SQLite's results in words that a user knows.
func sqlWords(code sqlite.ResultCode) string {
	if code == sqlite.ResultIOErrShortRead {
		return "it is shorter than it should be"
	}
	switch code.ToPrimary() {
	case sqlite.ResultCorrupt:
		return "its content makes no sense"
	case sqlite.ResultNotADB, sqlite.ResultFormat:
		return "it is not a state file"
	case sqlite.ResultFull:
		return "no space left on the disk"
	case sqlite.ResultIOErr:
		return "the disk cannot be read or written"
	case sqlite.ResultCantOpen:
		return "it cannot be opened"
	case sqlite.ResultReadOnly, sqlite.ResultPerm, sqlite.ResultAuth:
		return "it can only be read"
	case sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultProtocol:
		return "another program uses it"
	case sqlite.ResultNoMem:
		return "out of memory"
	case sqlite.ResultInterrupt:
		return "interrupted"
	}
	return fmt.Sprintf("the state file cannot be used (code %d)", int(code))
}

// inUse turns damage that shows only while the store is in use into an error with a
// hint for the user. The seal is broken by now, so the next Open finds the damage too.
func inUse(path string, err error) error {
	if !errors.Is(err, errDamaged) {
		return err
	}
	if strings.Contains(err.Error(), path) {
		path = "read the state"
	}
	return state.Faultf(state.Storage, "%s: %w", path, err).WithHint("run again: the file is then set aside and rebuilt from the Maildirs")
}

// Suffixes of the files that SQLite keeps beside a database while it writes or after it
// was interrupted; "-shm" holds nothing of its own.
var journalSuffixes = []string{"-wal", "-journal"}

// setAside renames a damaged state file and the files beside it, so that a fresh one
// can begin, and returns the new name. Nothing is deleted. The journals are renamed first: a
// crash in between leaves a file that lacks commits its seal knows of, never a journal
// that a fresh file could take for its own.
func setAside(path string) (string, error) {
	aside, err := freeName(path + ".broken-" + time.Now().UTC().Format("20060102T150405Z"))
	if err != nil {
		return "", err
	}
	for _, suffix := range append(journalSuffixes, "-shm", "") {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
		taken, err := anyExists(try, append(journalSuffixes, "-shm", ""))
		if err != nil || !taken {
			return try, err
		}
	}
	return "", errors.New("there are a thousand broken state files already")
}

// anyExists reports whether there is a file of that name with one of the suffixes.
func anyExists(name string, suffixes []string) (bool, error) {
	for _, suffix := range suffixes {
		if _, err := os.Lstat(name + suffix); !errors.Is(err, fs.ErrNotExist) {
			return err == nil, err
		}
	}
	return false, nil
}
