package store

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// Commit applies all of one transaction, durably, or refuses it.
func (s *Store) Commit(_ context.Context, c state.Commit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.known.gens[c.Gen]
	if g == nil {
		return fmt.Errorf("commit: %w", errNoGeneration(c.Gen))
	}
	if err := c.Check(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	var box mailbox
	if g.box != 0 {
		box = *s.known.boxes[g.box]
	}
	known := len(box.Keywords)
	words, err := state.GrowKeywords(box.Keywords, c.Keywords)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	box.Keywords = words
	next := *g
	err = s.write(s.known.account.AccountRow, func(conn *sqlite.Conn) error {
		if len(words) > known {
			if err := put(conn, insertMailbox, box.list); err != nil {
				return err
			}
		}
		return change{conn, &next}.apply(&c)
	})
	if err != nil {
		return err
	}
	s.known.gens[c.Gen] = &next
	if g.box != 0 {
		s.known.boxes[g.box] = &box
	}
	return nil
}

// change writes one commit. Its generation is the one that it leaves behind.
type change struct {
	conn *sqlite.Conn
	*generation
}

// apply writes a commit's rows. What is deleted is deleted first.
func (ch change) apply(c *state.Commit) error {
	for _, step := range []func(*state.Commit) error{ch.remove, ch.putRecords, ch.putOthers} {
		if err := step(c); err != nil {
			return err
		}
	}
	ch.row.Take(c.Change)
	return put(ch.conn, insertGeneration, ch.list)
}

func (ch change) remove(c *state.Commit) error {
	for _, uid := range c.Forget {
		if err := ch.uncount(uid); err != nil {
			return err
		}
		if err := each(ch.conn, "DELETE FROM message WHERE gen = ? AND uid = ?", nil, ch.row.ID, uid); err != nil {
			return err
		}
		for _, drop := range []func(*sqlite.Conn, *generation, ...any) error{proofs.drop, uidls.drop, departures.drop} {
			if err := drop(ch.conn, ch.generation, uid); err != nil {
				return err
			}
		}
	}
	for _, uid := range c.Stay {
		if err := departures.drop(ch.conn, ch.generation, uid); err != nil {
			return err
		}
	}
	for _, key := range c.Settle {
		if err := intents.drop(ch.conn, ch.generation, key.Name, key.Kind); err != nil {
			return err
		}
	}
	return nil
}

// uncount takes a record that is about to be replaced or deleted out of what is counted, if it is there.
func (ch change) uncount(uid state.UID) error {
	return each(ch.conn, recordQuery+" AND uid = ?", func(stmt *sqlite.Stmt) error {
		r, err := scanRecord(stmt)
		if err != nil {
			return err
		}
		ch.records--
		ch.row.Tally.Take(r)
		ch.sum -= sumRecord(&r)
		return nil
	}, ch.row.ID, uid)
}

// putRecords first inserts, for most records are new, and a look at what was there would cost
// a multiple of that.
func (ch change) putRecords(c *state.Commit) error {
	for i := range c.Put {
		r := &c.Put[i]
		bind := func(stmt *sqlite.Stmt) { bindRecord(stmt, ch.row.ID, r) }
		err := run(ch.conn, insertRecord, bind)
		if err == nil && ch.conn.Changes() == 0 {
			if err = ch.uncount(r.UID); err == nil {
				err = run(ch.conn, replaceRecord, bind)
			}
		}
		if err != nil {
			return err
		}
		ch.records++
		ch.row.Tally.Add(*r)
		ch.sum += sumRecord(r)
	}
	return nil
}

func (ch change) putOthers(c *state.Commit) error {
	for _, p := range c.Proofs {
		if err := proofs.put(ch.conn, ch.generation, &p, p.UID); err != nil {
			return err
		}
	}
	for _, u := range c.UIDLs {
		if err := uidls.put(ch.conn, ch.generation, &u, u.UID); err != nil {
			return err
		}
	}
	for _, i := range c.Intents {
		if err := intents.put(ch.conn, ch.generation, &i, i.Key.Name, i.Key.Kind); err != nil {
			return err
		}
	}
	for _, d := range c.Leave {
		if err := departures.put(ch.conn, ch.generation, &d, d.UID); err != nil {
			return err
		}
	}
	return nil
}
