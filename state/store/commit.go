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
	g := s.gens[c.Gen]
	if g == nil {
		return fmt.Errorf("commit: %w", errNoGeneration(c.Gen))
	}
	if err := c.Check(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	box := *s.boxes[g.box]
	known := len(box.Keywords)
	words, err := state.GrowKeywords(box.Keywords, c.Keywords)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	box.Keywords = words
	next := *g
	err = s.write(fmt.Sprintf("commit to generation %d", c.Gen), s.account, func() error {
		if len(words) > known {
			if err := s.putMailbox(&box, known); err != nil {
				return err
			}
		}
		return s.apply(&next, &c)
	})
	if err != nil {
		return err
	}
	s.gens[c.Gen] = &next
	s.boxes[g.box] = &box
	return nil
}

// apply writes a commit's rows. What goes, goes first.
func (s *Store) apply(g *generation, c *state.Commit) error {
	for _, step := range []func(*generation, *state.Commit) error{
		s.applyForget, s.applySettle, s.applyPut, s.applyUIDLs, s.applyIntents, s.applyDepartures} {
		if err := step(g, c); err != nil {
			return err
		}
	}
	g.row.Take(c)
	return s.putGeneration(g)
}

func (s *Store) applyForget(g *generation, c *state.Commit) error {
	for _, uid := range c.Forget {
		if err := s.uncount(g, uid); err != nil {
			return err
		}
		key := rowKey{g.row.ID, uid, ""}
		err := errors.Join(
			s.run("DELETE FROM message WHERE gen = ? AND uid = ?", key.bind),
			s.drop("FROM proof WHERE gen = ? AND uid = ?", key, &g.proofs),
			s.drop("FROM uidl WHERE gen = ? AND uid = ?", key, &g.uidls),
			s.drop(departureRow, key, &g.departs))
		if err != nil {
			return err
		}
	}
	return nil
}

// rowKey is the key of a row that hangs on a generation: a UID, or an intent's key.
type rowKey struct {
	gen    state.GenID
	uid    state.UID
	intent string
}

func (k rowKey) bind(stmt *sqlite.Stmt) {
	stmt.BindInt64(1, int64(k.gen))
	if k.uid != 0 {
		stmt.BindInt64(2, int64(k.uid))
	} else {
		stmt.BindText(2, k.intent)
	}
}

// drop deletes a row, if it is there, and takes its sum out of its table's.
func (s *Store) drop(from string, key rowKey, total *int64) error {
	stmt, err := s.conn.Prepare("SELECT sum " + from)
	if err != nil {
		return err
	}
	key.bind(stmt)
	there, err := stmt.Step()
	sum := stmt.ColumnInt64(0)
	if err := errors.Join(err, stmt.Reset()); err != nil || !there {
		return err
	}
	*total -= sum
	return s.run("DELETE "+from, key.bind)
}

const intentRow = `FROM intent WHERE gen = ? AND "key" = ?`

func (s *Store) applySettle(g *generation, c *state.Commit) error {
	for _, key := range c.Settle {
		if err := s.drop(intentRow, rowKey{g.row.ID, 0, key}, &g.intents); err != nil {
			return err
		}
	}
	return nil
}

// applyPut writes records and proofs. In the order of their UIDs, new ones go to the end
// of their tables and need no look at what was there.
func (s *Store) applyPut(g *generation, c *state.Commit) error {
	if len(c.Put) == 0 && len(c.Proofs) == 0 {
		return nil
	}
	top, err := s.topUID(g)
	if err != nil {
		return err
	}
	g.top = top
	put := slices.Clone(c.Put)
	slices.SortStableFunc(put, func(a, b state.Record) int { return cmp.Compare(a.UID, b.UID) })
	for i := range put {
		if err := s.putRecord(g, &put[i]); err != nil {
			return err
		}
	}
	g.top = top
	proofs := slices.Clone(c.Proofs)
	slices.SortStableFunc(proofs, func(a, b state.Proof) int { return cmp.Compare(a.UID, b.UID) })
	for i := range proofs {
		if err := s.putProof(g, &proofs[i]); err != nil {
			return err
		}
	}
	if len(put) > 0 {
		g.top = max(g.top, put[len(put)-1].UID)
	}
	return nil
}

func (s *Store) topUID(g *generation) (state.UID, error) {
	if g.top != noTop {
		return g.top, nil
	}
	var top state.UID
	for _, query := range []string{"SELECT coalesce(max(uid), 0) FROM message WHERE gen = ?", "SELECT coalesce(max(uid), 0) FROM proof WHERE gen = ?"} {
		err := s.each(query, []int64{int64(g.row.ID)}, func(stmt *sqlite.Stmt) error {
			top = max(top, state.UID(stmt.ColumnInt64(0)))
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return top, nil
}

// uncount takes a record that is about to go out of what is counted, if it is there.
func (s *Store) uncount(g *generation, uid state.UID) error {
	return s.each("SELECT "+recordColumns+" FROM message WHERE gen = ? AND uid = ?", []int64{int64(g.row.ID), int64(uid)},
		func(stmt *sqlite.Stmt) error {
			r, err := scanRecord(stmt)
			if err != nil {
				return err
			}
			g.records--
			g.row.Tally.Take(r)
			g.sum -= sumRecord(&r)
			return nil
		})
}

func (s *Store) putRecord(g *generation, r *state.Record) error {
	if r.UID <= g.top {
		if err := s.uncount(g, r.UID); err != nil {
			return err
		}
	}
	g.top = max(g.top, r.UID)
	g.records++
	g.row.Tally.Add(*r)
	g.sum += sumRecord(r)
	return s.run("INSERT OR REPLACE INTO message (gen, "+recordColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)", func(stmt *sqlite.Stmt) {
		stmt.BindInt64(1, int64(g.row.ID))
		stmt.BindInt64(2, int64(r.UID))
		stmt.BindInt64(3, int64(r.Seen))
		orNull(stmt, 4, int64(r.Agreed), int64(r.Seen))
		orNull(stmt, 5, r.Size, -1)
		orNull(stmt, 6, r.Date, state.NoDate)
		stmt.BindInt64(7, int64(r.Status))
		stmt.BindInt64(8, int64(r.Variant)|int64(r.Form)<<8|int64(r.Tries)<<16)
	})
}

// orNull binds NULL, which takes no byte, for the value that needs no telling.
func orNull(stmt *sqlite.Stmt, param int, v, untold int64) {
	if v == untold {
		stmt.BindNull(param)
	} else {
		stmt.BindInt64(param, v)
	}
}

func (s *Store) putProof(g *generation, p *state.Proof) error {
	key := rowKey{g.row.ID, p.UID, ""}
	if p.UID <= g.top {
		if err := s.drop("FROM proof WHERE gen = ? AND uid = ?", key, &g.proofs); err != nil {
			return err
		}
	}
	g.top = max(g.top, p.UID)
	sum := sumProof(g.row.ID, p)
	g.proofs += sum
	return s.run("INSERT INTO proof (gen, uid, digest, bytes, by_server, emailid, fetched, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", func(stmt *sqlite.Stmt) {
		key.bind(stmt)
		stmt.BindBytes(3, p.Digest[:])
		stmt.BindInt64(4, p.Bytes)
		stmt.BindInt64(5, number(p.ByServer))
		stmt.BindText(6, p.EmailID)
		stmt.BindInt64(7, p.Fetched)
		stmt.BindInt64(8, sum)
	})
}

func (s *Store) applyUIDLs(g *generation, c *state.Commit) error {
	for i := range c.UIDLs {
		u := &c.UIDLs[i]
		key := rowKey{g.row.ID, u.UID, ""}
		if err := s.drop("FROM uidl WHERE gen = ? AND uid = ?", key, &g.uidls); err != nil {
			return err
		}
		sum := sumUIDL(g.row.ID, u)
		g.uidls += sum
		err := s.run("INSERT INTO uidl (gen, uid, uidl, sum) VALUES (?, ?, ?, ?)", func(stmt *sqlite.Stmt) {
			key.bind(stmt)
			stmt.BindText(3, u.UIDL)
			stmt.BindInt64(4, sum)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) applyIntents(g *generation, c *state.Commit) error {
	for i := range c.Intents {
		in := &c.Intents[i]
		key := rowKey{g.row.ID, 0, in.Key}
		if err := s.drop(intentRow, key, &g.intents); err != nil {
			return err
		}
		sum := sumIntent(g.row.ID, in)
		g.intents += sum
		err := s.run(`INSERT INTO intent (gen, "key", uidnext, uid, bytes, digest, flags, agreed, confirmed, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, func(stmt *sqlite.Stmt) {
			key.bind(stmt)
			stmt.BindInt64(3, int64(in.UIDNext))
			stmt.BindInt64(4, int64(in.UID))
			stmt.BindInt64(5, in.Bytes)
			stmt.BindBytes(6, in.Digest[:])
			stmt.BindInt64(7, int64(in.Flags))
			stmt.BindInt64(8, int64(in.Agreed))
			stmt.BindInt64(9, number(in.Confirmed))
			stmt.BindInt64(10, sum)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
