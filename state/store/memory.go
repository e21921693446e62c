package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"mailsync/state"
)

// memory is what a store keeps at hand of its file, as it was last committed: all but what
// belongs to a generation.
type memory struct {
	account account
	boxes   map[int64]*mailbox
	gens    map[state.GenID]*generation
}

func newMemory() memory {
	return memory{boxes: map[int64]*mailbox{}, gens: map[state.GenID]*generation{}}
}

// load reads the account, the mailboxes and the generations.
func (m *memory) load(conn *sqlite.Conn) error {
	accounts := 0
	err := each(conn, "SELECT * FROM account", func(stmt *sqlite.Stmt) error {
		accounts++
		if _, whole := readRow(stmt, m.account.list); !whole {
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
		if _, whole := readRow(stmt, box.list); !whole {
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
		if _, whole := readRow(stmt, g.list); !whole || m.boxes[g.box] == nil {
			return damage("the row of generation %d does not match its sum", g.row.ID)
		}
		m.gens[g.row.ID] = g
		return nil
	})
}

// check reads every row that belongs to a generation and compares it with its sum.
func (m *memory) check(conn *sqlite.Conn) error {
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

// mailboxes returns every mailbox with its generations in the order they began, sorted by path.
func (m *memory) mailboxes() []state.MailboxRow {
	byBox := make(map[int64][]state.Generation, len(m.boxes))
	for _, g := range m.gens {
		byBox[g.box] = append(byBox[g.box], g.row)
	}
	rows := make([]state.MailboxRow, 0, len(m.boxes))
	for id, box := range m.boxes {
		row := box.MailboxRow
		row.Keywords, row.Generations = slices.Clone(box.Keywords), byBox[id]
		slices.SortFunc(row.Generations, func(a, b state.Generation) int { return cmp.Compare(a.ID, b.ID) })
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b state.MailboxRow) int { return cmp.Compare(a.Path, b.Path) })
	return rows
}

// updates returns the mailbox that a row would update, an empty one if it is new.
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
