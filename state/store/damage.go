package store

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// errDamaged marks what is wrong with the bytes of a state file, as against a disk that
// does not answer: such a file is set aside, the other is left alone.
var errDamaged = errors.New("the state file is damaged")

// damage says what is damaged.
func damage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// sqlFault gives an error of SQLite's its kind. Only what SQLite can say of bytes it
// could read is damage; a disk that is full, failing or not permitted is not.
func sqlFault(doing string, err error) error {
	var known *state.Fault
	if err == nil || errors.Is(err, errDamaged) || errors.As(err, &known) {
		return err
	}
	switch code := sqlite.ErrCode(err); {
	case code.ToPrimary() == sqlite.ResultCorrupt, code == sqlite.ResultNotADB, code == sqlite.ResultFormat,
		code == sqlite.ResultIOErrShortRead:
		return damage("%s: %v", doing, err)
	case code.ToPrimary() == sqlite.ResultFull:
		return state.Faultf(state.Storage, "%s: %w", doing, err).OfWholeDisk().WithHint("make room on the disk, then run again: it goes on where it stopped")
	case code.ToPrimary() == sqlite.ResultIOErr: // so it calls a full disk, too, where it cannot make its files beside the database
		return cannotWrite(doing, err)
	case code.ToPrimary() == sqlite.ResultBusy:
		return state.Faultf(state.Storage, "%s: %w", doing, err).WithHint("another program has the state file open; close it and run again")
	}
	return state.Faultf(state.Storage, "%s: %w", doing, err)
}

// inUse turns damage that shows only while the store is in use into what the caller
// can tell the user. The seal is broken by now, so the next Open finds the damage too.
func inUse(path string, err error) error {
	if !errors.Is(err, errDamaged) {
		return err
	}
	return state.Faultf(state.Storage, "%s: %w", path, err).WithHint("run again: the file is then set aside and rebuilt from the Maildirs")
}
