package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// noTop is the top of a generation whose highest UID was not looked up yet: any.
const noTop state.UID = math.MaxUint32

// Commit applies one transaction whole and durably, or refuses it whole.
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
	box := *s.known.boxes[g.box]
	known := len(box.Keywords)
	words, err := state.GrowKeywords(box.Keywords, c.Keywords)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	box.Keywords = words
	next := *g
	err = s.write(fmt.Sprintf("commit to generation %d", c.Gen), s.known.account.AccountRow, func(conn *sqlite.Conn) error {
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
	s.known.boxes[g.box] = &box
	return nil
}

// change writes one commit. Its generation is the one that it leaves behind.
type change struct {
	conn *sqlite.Conn
	*generation
}

// apply writes a commit's rows. What goes, goes first.
func (ch change) apply(c *state.Commit) error {
	for _, step := range []func(*state.Commit) error{ch.remove, ch.putNew, ch.putOthers} {
		if err := step(c); err != nil {
			return err
		}
	}
	ch.row.Take(c)
	return put(ch.conn, insertGeneration, ch.list)
}

func (ch change) remove(c *state.Commit) error {
	for _, uid := range c.Forget {
		err := errors.Join(
			ch.uncount(uid),
			each(ch.conn, "DELETE FROM message WHERE gen = ? AND uid = ?", nil, ch.row.ID, uid),
			drop(ch.conn, &proofs, ch.generation, uid),
			drop(ch.conn, &uidls, ch.generation, uid),
			drop(ch.conn, &departures, ch.generation, uid))
		if err != nil {
			return err
		}
	}
	for _, uid := range c.Stay {
		if err := drop(ch.conn, &departures, ch.generation, uid); err != nil {
			return err
		}
	}
	for _, key := range c.Settle {
		if err := drop(ch.conn, &intents, ch.generation, key.Name, key.Kind); err != nil {
			return err
		}
	}
	return nil
}

// uncount takes a record that is about to go out of what is counted, if it is there.
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

// putNew writes records and proofs. In the order of their UIDs, new ones go to the end of
// their tables and need no look at what was there.
func (ch change) putNew(c *state.Commit) error {
	if len(c.Put) == 0 && len(c.Proofs) == 0 {
		return nil
	}
	top, err := ch.topUID()
	if err != nil {
		return err
	}
	ch.top = top
	if err := ch.putRecords(top, c.Put); err != nil {
		return err
	}
	return ch.putProofs(top, c.Proofs)
}

func (ch change) topUID() (state.UID, error) {
	if ch.top != noTop {
		return ch.top, nil
	}
	var top state.UID
	for _, table := range []string{"message", "proof"} {
		err := each(ch.conn, "SELECT coalesce(max(uid), 0) FROM "+table+" WHERE gen = ?", func(stmt *sqlite.Stmt) error {
			top = max(top, state.UID(stmt.ColumnInt64(0)))
			return nil
		}, ch.row.ID)
		if err != nil {
			return 0, err
		}
	}
	return top, nil
}

func (ch change) putRecords(top state.UID, records []state.Record) error {
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b state.Record) int { return cmp.Compare(a.UID, b.UID) })
	for _, r := range records {
		if r.UID <= top {
			if err := ch.uncount(r.UID); err != nil {
				return err
			}
		}
		top = max(top, r.UID)
		ch.records++
		ch.row.Tally.Add(r)
		ch.sum += sumRecord(&r)
		if err := run(ch.conn, insertRecord, func(stmt *sqlite.Stmt) { bindRecord(stmt, ch.row.ID, &r) }); err != nil {
			return err
		}
	}
	ch.top = max(ch.top, top)
	return nil
}

func (ch change) putProofs(top state.UID, list []state.Proof) error {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b state.Proof) int { return cmp.Compare(a.UID, b.UID) })
	for _, p := range list {
		if p.UID <= top {
			if err := drop(ch.conn, &proofs, ch.generation, p.UID); err != nil {
				return err
			}
		}
		top = max(top, p.UID)
		if err := proofs.add(ch.conn, ch.generation, &p); err != nil {
			return err
		}
	}
	ch.top = max(ch.top, top)
	return nil
}

func (ch change) putOthers(c *state.Commit) error {
	for _, u := range c.UIDLs {
		if err := replace(ch.conn, &uidls, ch.generation, &u, u.UID); err != nil {
			return err
		}
	}
	for _, i := range c.Intents {
		if err := replace(ch.conn, &intents, ch.generation, &i, i.Key.Name, i.Key.Kind); err != nil {
			return err
		}
	}
	for _, d := range c.Leave {
		if err := replace(ch.conn, &departures, ch.generation, &d, d.UID); err != nil {
			return err
		}
	}
	return nil
}
