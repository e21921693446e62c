package store

import (
	"errors"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"mailsync/state"
)

// write runs fn in a transaction and commits it together with the account's row, which
// carries the serial number. The commit is durable when write returns nil; when it
// returns an error, nothing has happened.
func (s *Store) write(doing string, account state.AccountRow, fn func() error) error {
	if err := s.begin(); err != nil {
		return s.broken(sqlFault(doing, err))
	}
	err := sqlitex.ExecuteTransient(s.conn, "BEGIN IMMEDIATE", nil)
	if err == nil {
		err = fn()
	}
	if err == nil {
		err = s.putAccount(account, s.serial+1)
	}
	if err == nil {
		err = sqlitex.ExecuteTransient(s.conn, "COMMIT", nil)
	}
	if err != nil {
		return s.rollBack(sqlFault(doing, err), err)
	}
	s.serial++
	s.account = account
	// The commit is durable; a seal that could not be written only lags behind.
	_ = s.seal.write(seal{serial: s.serial})
	return nil
}

// rollBack ends a transaction that met an error. After an error of the disk itself the
// store takes no more writes: what the disk holds is known again only to the next Open. Nor
// does it after a lock that was waited for in vain: each further step would wait as long.
func (s *Store) rollBack(fault, cause error) error {
	if !s.conn.AutocommitEnabled() {
		fault = errors.Join(fault, sqlitex.ExecuteTransient(s.conn, "ROLLBACK", nil))
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
		if s.seal == nil {
			// Without the seal the next Open checks everything; if it cannot be broken, the disk
			// refuses writes altogether and err is what counts.
			s.seal, _ = breakSeal(s.sealPath(), s.serial)
		}
		s.failed = err
	}
	return inUse(s.path, err)
}

// begin makes the store ready to be written: the file made if there is none, its seal
// broken, its journal the one that is safe where it lies.
func (s *Store) begin() error {
	switch {
	case s.failed != nil:
		return s.failed
	case s.reader:
		return state.Faultf(state.Storage, "%s is open for reading only", s.path)
	case s.closed:
		return state.Faultf(state.Storage, "%s is closed", s.path)
	case s.writing:
		return nil
	}
	if s.seal == nil {
		seal, err := breakSeal(s.sealPath(), s.serial)
		if err != nil {
			return storageFault("write "+s.sealPath(), err)
		}
		s.seal = seal
	}
	if s.conn == nil {
		if err := createStore(s.path); err != nil {
			return storageFault("create "+s.path, err)
		}
	}
	reading := s.conn
	if err := s.connect(false); err != nil {
		return err
	}
	if reading != nil {
		if err := reading.Close(); err != nil {
			return err
		}
	}
	if err := s.setJournal(); err != nil {
		return err
	}
	s.writing = true
	return nil
}

// setJournal takes the write-ahead log, which needs one fsync a commit, where memory is
// shared between those who open the file: not on a network's file system.
// https://www.sqlite.org/wal.html section 1
func (s *Store) setJournal() error {
	mode := "WAL"
	if s.remote(s.path) {
		mode = "DELETE"
	}
	if err := sqlitex.ExecuteTransient(s.conn, "PRAGMA journal_mode = "+mode, nil); err != nil {
		return err
	}
	return sqlitex.ExecuteTransient(s.conn, "PRAGMA wal_autocheckpoint = 4000", nil) // 16 MB
}

// createStore makes an empty store under another name and renames it, so that a file
// with the store's name is always a whole one.
func createStore(path string) error {
	tmp := path + ".new"
	if err := errors.Join(removeIfThere(tmp), removeIfThere(tmp+"-journal")); err != nil {
		return err
	}
	f, err := createFile(tmp)
	if err != nil {
		return err
	}
	if err := errors.Join(fillStore(tmp), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, removeIfThere(tmp))
	}
	return renameDurably(tmp, path)
}

func fillStore(path string) (err error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := sqlitex.ExecuteTransient(conn, "PRAGMA journal_mode = OFF", nil); err != nil {
		return err
	}
	// One transaction is one fsync; without it every statement waits for the disk.
	done, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer done(&err)
	if err := makeSchema(conn); err != nil {
		return err
	}
	return (&Store{conn: conn}).putAccount(state.AccountRow{}, 0)
}
