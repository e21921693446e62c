package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"mailsync/state"
)

// run executes a statement whose parameters bind sets, and reads no answer.
func (s *Store) run(query string, bind func(*sqlite.Stmt)) error {
	stmt, err := s.conn.Prepare(query)
	if err != nil {
		return err
	}
	bind(stmt)
	_, err = stmt.Step()
	return errors.Join(err, stmt.Reset())
}

func (s *Store) putAccount(a state.AccountRow, serial int64) error {
	return s.run("INSERT OR REPLACE INTO account (id, account, host, user, ino, born, estimated, policy, serial, sum) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		func(stmt *sqlite.Stmt) {
			stmt.BindText(1, a.ID)
			stmt.BindText(2, a.Host)
			stmt.BindText(3, a.User)
			stmt.BindInt64(4, int64(a.Ino))
			stmt.BindInt64(5, a.Born)
			stmt.BindInt64(6, number(a.EstimatedSizes))
			stmt.BindText(7, a.Policy)
			stmt.BindInt64(8, serial)
			stmt.BindInt64(9, sumAccount(&a, serial))
		})
}

// SetAccount replaces the account's row; durable on return. Where a.Ino is 0 the row
// vouches for the state file as it is now, and Moved is false from then on; any other
// Ino is written as it is, so that a row that was read can be written back.
func (s *Store) SetAccount(_ context.Context, a state.AccountRow) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return s.broken(sqlFault("save the account", err))
	}
	vouch := a.Ino == 0
	if vouch {
		id, err := identify(s.path)
		if err != nil {
			return storageFault("save the account", err)
		}
		a.Ino, a.Born = id.Ino, id.Born
	}
	if err := s.write("save the account", a, func() error { return nil }); err != nil {
		return err
	}
	if vouch {
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
	box, err := s.checkMailbox(row)
	if err != nil {
		return fmt.Errorf("save mailbox %q: %w", row.Path, err)
	}
	known := len(box.Keywords)
	words, err := state.GrowKeywords(box.Keywords, row.Keywords)
	if err != nil {
		return fmt.Errorf("save mailbox %q: %w", row.Path, err)
	}
	saved := *row
	saved.Keywords = words
	saved.Generations = slices.Clone(row.Generations)
	gens := make([]*generation, len(saved.Generations))
	err = s.write(fmt.Sprintf("save mailbox %q", row.Path), s.account, func() error {
		if err := s.putMailbox(&saved, known); err != nil {
			return err
		}
		for i := range saved.Generations {
			if gens[i], err = s.saveGeneration(saved.ID, &saved.Generations[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	kept := saved
	kept.Keywords, kept.Generations = slices.Clone(words), nil
	s.boxes[saved.ID] = &kept
	for _, g := range gens {
		s.gens[g.row.ID] = g
	}
	*row = saved
	return nil
}

// checkMailbox returns the mailbox that row updates, an empty one if it is new.
func (s *Store) checkMailbox(row *state.MailboxRow) (*state.MailboxRow, error) {
	for _, m := range s.boxes {
		if m.Path == row.Path && m.ID != row.ID {
			return nil, errors.New("another mailbox has this path")
		}
	}
	for _, g := range row.Generations {
		if known := s.gens[g.ID]; g.ID != 0 && (known == nil || known.box != row.ID) {
			return nil, fmt.Errorf("it has no generation %d", g.ID)
		}
	}
	if row.ID == 0 {
		return &state.MailboxRow{}, nil
	}
	if m := s.boxes[row.ID]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("there is no mailbox %d", row.ID)
}

// putMailbox writes a mailbox's row, with a new ID if it has none, its special use, and those
// of its keywords that are not there yet.
func (s *Store) putMailbox(m *state.MailboxRow, known int) error {
	if m.ID == 0 {
		id, err := s.nextID("mailbox")
		if err != nil {
			return err
		}
		m.ID = id
	}
	err := s.run("INSERT OR REPLACE INTO mailbox (id, raw, path, sep, role, mailboxid, sum) VALUES (?, ?, ?, ?, ?, ?, ?)",
		func(stmt *sqlite.Stmt) {
			stmt.BindInt64(1, m.ID)
			for i, text := range []string{m.Raw, m.Path, m.Sep, m.Role, m.MailboxID} {
				stmt.BindText(2+i, text)
			}
			stmt.BindInt64(7, sumMailbox(m))
		})
	if err == nil {
		err = s.putUse(m)
	}
	if err != nil {
		return err
	}
	for bit := known; bit < len(m.Keywords); bit++ {
		err := s.run("INSERT INTO keyword (mailbox, bit, name) VALUES (?, ?, ?)", func(stmt *sqlite.Stmt) {
			stmt.BindInt64(1, m.ID)
			stmt.BindInt64(2, int64(bit))
			stmt.BindText(3, m.Keywords[bit])
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// putUse writes a mailbox's special use: a row where it has one.
func (s *Store) putUse(m *state.MailboxRow) error {
	if m.Use == "" {
		return s.run("DELETE FROM special_use WHERE mailbox = ?", func(stmt *sqlite.Stmt) { stmt.BindInt64(1, m.ID) })
	}
	return s.run("INSERT OR REPLACE INTO special_use (mailbox, name) VALUES (?, ?)", func(stmt *sqlite.Stmt) {
		stmt.BindInt64(1, m.ID)
		stmt.BindText(2, m.Use)
	})
}

// saveGeneration writes what a caller may say of a generation; its records, and what is
// counted of them, are the store's own.
func (s *Store) saveGeneration(box int64, row *state.Generation) (*generation, error) {
	g := &generation{}
	if old := s.gens[row.ID]; old != nil {
		*g = *old
	}
	tally := g.row.Tally
	g.box, g.row = box, *row
	g.row.Tally = tally
	if row.ID == 0 {
		id, err := s.nextID("generation")
		if err != nil {
			return nil, err
		}
		g.row.ID = state.GenID(id)
	}
	*row = g.row
	return g, s.putGeneration(g)
}

func (s *Store) nextID(table string) (int64, error) {
	return sqlitex.ResultInt64(s.conn.Prep("SELECT coalesce(max(id), 0) + 1 FROM " + table))
}

var putGenerationQuery = "INSERT OR REPLACE INTO generation (" + generationColumns + ") VALUES (" +
	strings.Repeat("?, ", strings.Count(generationColumns, ",")) + "?)"

func (s *Store) putGeneration(g *generation) error {
	return s.run(putGenerationQuery, func(stmt *sqlite.Stmt) {
		r, t := &g.row, &g.row.Tally
		stmt.BindInt64(1, int64(r.ID))
		stmt.BindInt64(2, g.box)
		stmt.BindText(3, r.Token)
		for i, v := range []int64{
			number(r.Current), int64(r.Mark.UIDValidity), int64(r.Mark.UIDNext), int64(r.Mark.ModSeq), int64(r.Mark.Exists),
			int64(r.Disk.CurIno), int64(r.Disk.NewIno), r.Disk.CurBtime, r.Disk.CurCtime, r.Disk.NewCtime, r.Disk.KeywordsCtime, r.Disk.MarkerCtime,
			number(r.Disk.Trusted), number(r.Clean), int64(r.Unsettable), int64(r.Denied), int64(r.Held.OnServer), int64(r.Held.OnDisk), r.Compared, g.records,
			int64(t.OnServer), int64(t.Here), t.HereBytes, int64(t.Outstanding), int64(t.KeptAway), int64(t.Skipped), int64(t.OnlyHere), int64(t.Doubtful), int64(t.Estimated), int64(t.Misfits),
			int64(g.sum), g.proofs, g.uidls, g.intents, g.departs, sumGeneration(g),
		} {
			stmt.BindInt64(4+i, v)
		}
	})
}
