package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"mailsync/state"
)

// memory is the part of the file that a store keeps in memory, as it was last committed: everything
// but what belongs to a generation.
type memory struct {
	account account
	boxes   map[int64]*mailbox
	gens    map[state.GenID]*generation // 0 is of no mailbox: what is restored from elsewhere has its intents there
}

// load reads the account, the mailboxes and the generations.
func (m *memory) load(conn *sqlite.Conn) error {
	accounts := 0
	err := each(conn, "SELECT * FROM account", func(stmt *sqlite.Stmt) error {
		accounts++
		if _, intact := readRow(stmt, m.account.list); !intact {
			return damage("the account's row does not match its sum")
		}
		return nil
	})
	if err == nil && accounts != 1 {
		return damage("it has %d accounts", accounts)
	}
	if err != nil {
		return err
	}
	err = each(conn, "SELECT * FROM mailbox", func(stmt *sqlite.Stmt) error {
		box := &mailbox{}
		if _, intact := readRow(stmt, box.list); !intact {
			return damage("the row of mailbox %d does not match its sum", box.ID)
		}
		m.boxes[box.ID] = box
		return nil
	})
	if err != nil {
		return err
	}
	return each(conn, "SELECT * FROM generation", func(stmt *sqlite.Stmt) error {
		g := &generation{}
		if _, intact := readRow(stmt, g.list); !intact || m.boxes[g.box] == nil && g.row.ID != 0 {
			return damage("the row of generation %d does not match its sum", g.row.ID)
		}
		m.gens[g.row.ID] = g
		return nil
	})
}

// check reads every page, and every row that belongs to a generation, and compares it with its sum.
func (m *memory) check(conn *sqlite.Conn) error {
	err := each(conn, "PRAGMA quick_check(1)", func(stmt *sqlite.Stmt) error {
		if found := stmt.ColumnText(0); found != "ok" {
			return damage("%s", found)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var total int64
	for _, g := range m.gens {
		if _, err := readRecords(conn, g); err != nil {
			return err
		}
		total += g.records
	}
	n, err := sqlitex.ResultInt64(conn.Prep("SELECT count(*) FROM message"))
	if err != nil {
		return err
	}
	if n != total {
		return damage("it has %d records, and its generations %d", n, total)
	}
	for _, g := range m.gens {
		_, proof := proofs.read(conn, g)
		_, uidl := uidls.read(conn, g)
		_, intent := intents.read(conn, g)
		_, departure := departures.read(conn, g)
		if err := errors.Join(proof, uidl, intent, departure); err != nil {
			return err
		}
	}
	return nil
}

// updates returns the mailbox that a row would update, or an empty one if it is new.
func (m *memory) updates(row *state.MailboxRow) (*mailbox, error) {
	for _, box := range m.boxes {
		if box.Path == row.Path && box.ID != row.ID {
			return nil, errors.New("another mailbox has this path")
		}
	}
	for _, g := range row.Generations {
		if known := m.gens[g.ID]; g.ID != 0 && (known == nil || known.box != row.ID) {
			return nil, fmt.Errorf("it has no generation %d", g.ID)
		}
	}
	if row.ID == 0 {
		return &mailbox{}, nil
	}
	if box := m.boxes[row.ID]; box != nil {
		return box, nil
	}
	return nil, fmt.Errorf("there is no mailbox %d", row.ID)
}

// Account returns the account's row, the zero one before the first SetAccount.
func (s *Store) Account(context.Context) (state.AccountRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known.account.AccountRow, nil
}

// Mailboxes returns every mailbox with its generations in the order they began, sorted
// by path. It reads no file: Open did.
func (s *Store) Mailboxes(context.Context) ([]state.MailboxRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	byBox := make(map[int64][]state.Generation, len(s.known.boxes))
	for _, g := range s.known.gens {
		byBox[g.box] = append(byBox[g.box], g.row)
	}
	rows := make([]state.MailboxRow, 0, len(s.known.boxes))
	for id, box := range s.known.boxes {
		row := box.MailboxRow
		row.Keywords, row.Generations = slices.Clone(box.Keywords), byBox[id]
		slices.SortFunc(row.Generations, func(a, b state.Generation) int { return cmp.Compare(a.ID, b.ID) })
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b state.MailboxRow) int { return cmp.Compare(a.Path, b.Path) })
	return rows, nil
}

// ask runs a query on a generation that is there. Damage that shows here breaks the
// seal, so that the next Open looks for it.
func ask[T any](s *Store, gen state.GenID, what string, query func(*sqlite.Conn, *generation) (T, error)) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none T
	g := s.known.gens[gen]
	if g == nil {
		return none, errNoGeneration(gen)
	}
	if s.file.conn == nil && gen == 0 && !s.closed {
		return none, nil // there is no file yet
	}
	if s.file.conn == nil {
		return none, state.Faultf(state.Storage, "read %s of generation %d: the store is closed", what, gen)
	}
	got, err := query(s.file.conn, g)
	if err != nil {
		return none, s.broken(sqlFault(fmt.Sprintf("read %s of generation %d", what, gen), err))
	}
	return got, nil
}

// Records returns a generation's records sorted by UID.
func (s *Store) Records(_ context.Context, gen state.GenID) ([]state.Record, error) {
	return ask(s, gen, "the records", readRecords)
}

// Proofs returns the proofs of those UIDs that have one; nil asks for all.
func (s *Store) Proofs(_ context.Context, gen state.GenID, uids []state.UID) (map[state.UID]state.Proof, error) {
	return ask(s, gen, "the proofs", func(conn *sqlite.Conn, g *generation) (map[state.UID]state.Proof, error) {
		found := make(map[state.UID]state.Proof, len(uids))
		if uids == nil {
			all, err := proofs.read(conn, g)
			for _, p := range all {
				found[p.UID] = p
			}
			return found, err
		}
		for _, uid := range uids {
			p, there, err := proofs.one(conn, g, uid)
			if err != nil {
				return nil, err
			}
			if there {
				found[uid] = p
			}
		}
		return found, nil
	})
}

// UIDLs returns a generation's POP3 unique-ids, sorted by UID.
func (s *Store) UIDLs(_ context.Context, gen state.GenID) ([]state.UIDL, error) {
	return ask(s, gen, "the UIDLs", uidls.read)
}

// HasUIDLs reports whether a generation has POP3 unique-ids.
func (s *Store) HasUIDLs(_ context.Context, gen state.GenID) (bool, error) {
	return ask(s, gen, "the UIDLs", uidls.any)
}

// Intents returns a generation's open intents, sorted by key; those of 0 are of kind Restoring.
func (s *Store) Intents(_ context.Context, gen state.GenID) ([]state.Intent, error) {
	return ask(s, gen, "the intents", intents.read)
}

// Departures returns what archive runs took, or were taking, off the server, sorted by UID.
func (s *Store) Departures(_ context.Context, gen state.GenID) ([]state.Departure, error) {
	return ask(s, gen, "the departures", departures.read)
}

// errNoGeneration is for a caller that asks for a generation which does not exist.
func errNoGeneration(gen state.GenID) error { return fmt.Errorf("there is no generation %d", gen) }
