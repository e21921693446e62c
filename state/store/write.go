package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"mailsync/state"
)

// write runs fn in a transaction and commits it together with the account's row, which
// carries the serial number. The commit is durable when write returns nil; when it
// returns an error, nothing has happened.
func (s *Store) write(row state.AccountRow, fn func(*sqlite.Conn) error) error {
	doing := "write " + s.file.path
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
	_, _ = s.file.seal.WriteAt(seal{serial: next.serial}.encode(), 0)
	return nil
}

// rollBack ends a transaction that met an error. After an error of the disk itself the
// store takes no more writes: what the disk holds is known again only to the next Open. Nor
// does it after a lock that was waited for in vain: each further step would wait as long.
func (s *Store) rollBack(fault, cause error) error {
	if !s.file.conn.AutocommitEnabled() {
		fault = errors.Join(fault, plainSQL(execute(s.file.conn, "ROLLBACK")))
	}
	switch sqlite.ErrCode(cause).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultBusy, sqlite.ResultProtocol, sqlite.ResultReadOnly, sqlite.ResultCantOpen:
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

// SetAccount replaces the account's row; durable on return. Where a.Ino is 0 the row
// confirms the state file as it is now, and Moved is false from then on; any other
// Ino is written as it is, so that a row that was read can be written back.
func (s *Store) SetAccount(_ context.Context, a state.AccountRow) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return s.broken(sqlFault("write "+s.file.path, err))
	}
	confirm := a.Ino == 0
	if confirm {
		id, err := identify(s.file.path)
		if err != nil {
			return storageFault("save the account", err)
		}
		a.Ino, a.Born = id.Ino, id.Born
	}
	if err := s.write(a, func(*sqlite.Conn) error { return nil }); err != nil {
		return err
	}
	if confirm {
		s.moved = false
	}
	return nil
}

// SaveMailbox inserts or updates a mailbox and those generations that row has, and fills
// in IDs, keywords and tallies. Generations it does not name stay as they are. Durable on
// return; on an error nothing has happened, to row either.
func (s *Store) SaveMailbox(_ context.Context, row *state.MailboxRow) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	box, err := s.known.updates(row)
	if err != nil {
		return fmt.Errorf("save mailbox %q: %w", row.Path, err)
	}
	saved := mailbox{*row}
	if saved.Keywords, err = state.GrowKeywords(box.Keywords, row.Keywords); err != nil {
		return fmt.Errorf("save mailbox %q: %w", row.Path, err)
	}
	saved.Generations = slices.Clone(row.Generations)
	gens := make([]*generation, len(saved.Generations))
	err = s.write(s.known.account.AccountRow, func(conn *sqlite.Conn) error {
		if saved.ID == 0 {
			if saved.ID, err = nextID(conn, "mailbox"); err != nil {
				return err
			}
		}
		if err := put(conn, insertMailbox, saved.list); err != nil {
			return err
		}
		for i := range saved.Generations {
			if gens[i], err = s.saveGeneration(conn, saved.ID, &saved.Generations[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	*row = saved.MailboxRow
	saved.Keywords, saved.Generations = slices.Clone(saved.Keywords), nil
	s.known.boxes[saved.ID] = &saved
	for _, g := range gens {
		s.known.gens[g.row.ID] = g
	}
	return nil
}

// saveGeneration writes what a caller may set of a generation; its records, and what is
// counted of them, are the store's own.
func (s *Store) saveGeneration(conn *sqlite.Conn, box int64, row *state.Generation) (*generation, error) {
	g := &generation{}
	if row.ID != 0 {
		*g = *s.known.gens[row.ID]
	}
	tally := g.row.Tally
	g.box, g.row = box, *row
	g.row.Tally = tally
	if row.ID == 0 {
		id, err := nextID(conn, "generation")
		if err != nil {
			return nil, err
		}
		g.row.ID = state.GenID(id)
	}
	*row = g.row
	return g, put(conn, insertGeneration, g.list)
}

func nextID(conn *sqlite.Conn, table string) (int64, error) {
	return sqlitex.ResultInt64(conn.Prep("SELECT coalesce(max(id), 0) + 1 FROM " + table))
}
