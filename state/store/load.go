package store

import (
	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// each runs a query and calls row for every row of its answer. A query with arguments
// binds them to its parameters in order.
func (s *Store) each(query string, args []int64, row func(*sqlite.Stmt) error) error {
	stmt, err := s.conn.Prepare(query)
	if err != nil {
		return err
	}
	for i, arg := range args {
		stmt.BindInt64(i+1, arg)
	}
	for {
		more, err := stmt.Step()
		if err == nil && more {
			err = row(stmt)
		}
		if err != nil || !more {
			if reset := stmt.Reset(); err == nil {
				err = reset
			}
			return err
		}
	}
}

// load reads the account, the mailboxes with their keywords and uses, and the generations.
func (s *Store) load() error {
	if err := s.loadAccount(); err != nil {
		return err
	}
	if err := s.loadMailboxes(); err != nil {
		return err
	}
	return s.loadGenerations()
}

func (s *Store) loadAccount() error {
	rows := 0
	err := s.each("SELECT account, host, user, ino, born, estimated, policy, serial, sum FROM account", nil, func(stmt *sqlite.Stmt) error {
		rows++
		s.account = state.AccountRow{ID: stmt.ColumnText(0), Host: stmt.ColumnText(1), User: stmt.ColumnText(2),
			Ino: uint64(stmt.ColumnInt64(3)), Born: stmt.ColumnInt64(4), EstimatedSizes: stmt.ColumnInt64(5) != 0, Policy: stmt.ColumnText(6)}
		s.serial = stmt.ColumnInt64(7)
		if sumAccount(&s.account, s.serial) != stmt.ColumnInt64(8) {
			return damage("the account's row does not match its sum")
		}
		return nil
	})
	if err == nil && rows != 1 {
		return damage("it has %d accounts", rows)
	}
	return err
}

func (s *Store) loadMailboxes() error {
	sums := map[int64]int64{}
	err := s.each("SELECT id, raw, path, sep, role, mailboxid, sum FROM mailbox", nil, func(stmt *sqlite.Stmt) error {
		m := &state.MailboxRow{ID: stmt.ColumnInt64(0), Raw: stmt.ColumnText(1), Path: stmt.ColumnText(2), Sep: stmt.ColumnText(3),
			Role: stmt.ColumnText(4), MailboxID: stmt.ColumnText(5)}
		s.boxes[m.ID], sums[m.ID] = m, stmt.ColumnInt64(6)
		return nil
	})
	if err != nil {
		return err
	}
	err = s.each("SELECT mailbox, bit, name FROM keyword ORDER BY mailbox, bit", nil, func(stmt *sqlite.Stmt) error {
		m := s.boxes[stmt.ColumnInt64(0)]
		if m == nil || stmt.ColumnInt64(1) != int64(len(m.Keywords)) {
			return damage("a keyword belongs to no mailbox")
		}
		m.Keywords = append(m.Keywords, stmt.ColumnText(2))
		return nil
	})
	if err == nil {
		err = s.each("SELECT mailbox, name FROM special_use", nil, func(stmt *sqlite.Stmt) error {
			m := s.boxes[stmt.ColumnInt64(0)]
			if m == nil {
				return damage("a special use belongs to no mailbox")
			}
			m.Use = stmt.ColumnText(1)
			return nil
		})
	}
	if err != nil {
		return err
	}
	for id, m := range s.boxes {
		if sumMailbox(m) != sums[id] {
			return damage("the row of mailbox %d does not match its sum", id)
		}
	}
	return nil
}

const generationColumns = `id, mailbox, token, current, uidvalidity, uidnext, modseq, "exists",
cur_ino, new_ino, cur_btime, cur_ctime, new_ctime, kw_ctime, marker_ctime, trusted, clean, unsettable, denied, held_server, held_disk, compared,
records, on_server, here, here_bytes, outstanding, kept_away, skipped, only_here, doubtful, estimated, misfits, messages_sum, proofs_sum, uidls_sum, intents_sum, departures_sum, sum`

func (s *Store) loadGenerations() error {
	return s.each("SELECT "+generationColumns+" FROM generation", nil, func(stmt *sqlite.Stmt) error {
		col := -1
		num := func() int64 { col++; return stmt.ColumnInt64(col) }
		g := &generation{top: noTop}
		g.row.ID, g.box = state.GenID(num()), num()
		col++
		g.row.Token = stmt.ColumnText(col)
		g.row.Current = num() != 0
		g.row.Mark = state.Mark{UIDValidity: uint32(num()), UIDNext: uint32(num()), ModSeq: uint64(num()), Exists: uint32(num())}
		g.row.Disk = state.DirMark{CurIno: uint64(num()), NewIno: uint64(num()), CurBtime: num(), CurCtime: num(), NewCtime: num(),
			KeywordsCtime: num(), MarkerCtime: num(), Trusted: num() != 0}
		g.row.Clean, g.row.Unsettable, g.row.Denied = num() != 0, state.Flags(num()), state.Flags(num())
		g.row.Held = state.Held{OnServer: int(num()), OnDisk: int(num())}
		g.row.Compared, g.records = num(), num()
		g.row.Tally = state.Tally{OnServer: int(num()), Here: int(num()), HereBytes: num(), Outstanding: int(num()),
			KeptAway: int(num()), Skipped: int(num()), OnlyHere: int(num()), Doubtful: int(num()), Estimated: int(num()), Misfits: int(num())}
		g.sum = uint64(num())
		g.proofs, g.uidls, g.intents, g.departs = num(), num(), num(), num()
		if sumGeneration(g) != num() || s.boxes[g.box] == nil {
			return damage("the row of generation %d does not match its sum", g.row.ID)
		}
		s.gens[g.row.ID] = g
		return nil
	})
}
