package store

import (
	"errors"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// write runs fn in a transaction and commits it together with the account's row, which
// carries the serial number. The commit is durable when write returns nil; when it
// returns an error, nothing has happened.
func (s *Store) write(doing string, row state.AccountRow, fn func(*sqlite.Conn) error) error {
	if err := s.begin(); err != nil {
		return s.broken(sqlFault(doing, err))
	}
	conn := s.file.conn
	next := account{row, s.known.account.serial + 1}
	err := execute(conn, "BEGIN IMMEDIATE")
	if err == nil {
		err = fn(conn)
	}
	if err == nil {
		err = put(conn, insertAccount, next.list)
	}
	if err == nil {
		err = execute(conn, "COMMIT")
	}
	if err != nil {
		return s.rollBack(sqlFault(doing, err), err)
	}
	s.known.account = next
	// The commit is durable; a seal that could not be written only lags behind.
	_ = s.file.seal.write(seal{serial: s.known.account.serial})
	return nil
}

// rollBack ends a transaction that met an error. After an error of the disk itself the
// store takes no more writes: what the disk holds is known again only to the next Open. Nor
// does it after a lock that was waited for in vain: each further step would wait as long.
func (s *Store) rollBack(fault, cause error) error {
	if !s.file.conn.AutocommitEnabled() {
		fault = errors.Join(fault, execute(s.file.conn, "ROLLBACK"))
	}
	switch sqlite.ErrCode(cause).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultBusy, sqlite.ResultProtocol:
		s.failed = fault
	}
	return s.broken(fault)
}

// broken makes damage found in use known to the next Open, and to the user.
func (s *Store) broken(err error) error {
	if err == nil || !errors.Is(err, errDamaged) {
		return err
	}
	if !s.reader && s.failed == nil {
		// Without the seal the next Open checks everything; if it cannot be broken, the disk
		// refuses writes altogether and err is what counts.
		_ = s.file.breakSeal(s.known.account.serial)
		s.failed = err
	}
	return inUse(s.file.path, err)
}

// begin makes the store ready to be written.
func (s *Store) begin() error {
	switch {
	case s.failed != nil:
		return s.failed
	case s.reader:
		return state.Faultf(state.Storage, "%s is open for reading only", s.file.path)
	case s.closed:
		return state.Faultf(state.Storage, "%s is closed", s.file.path)
	}
	return s.file.startWriting(s.known.account.serial)
}
