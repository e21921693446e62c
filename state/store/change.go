package store

import (
	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

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
		if _, err := ch.uncount(uid); err != nil {
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

// uncount takes a record that is about to be replaced or deleted out of what is counted, and reports whether it
// is there.
func (ch change) uncount(uid state.UID) (there bool, err error) {
	err = each(ch.conn, recordQuery+" AND uid = ?", func(stmt *sqlite.Stmt) error {
		r, err := scanRecord(stmt)
		if err != nil {
			return err
		}
		there = true
		ch.records--
		ch.row.Tally.Take(r)
		ch.sum -= sumRecord(&r)
		return nil
	}, ch.row.ID, uid)
	return there, err
}

// putRecords replaces a record or inserts it. Most commits are of new records or of known ones only, so it
// expects of each what it found of the one before: a look at what is not there, and an insert where something is,
// each cost as much as what follows.
func (ch change) putRecords(c *state.Commit) error {
	known := false
	for i := range c.Put {
		r := &c.Put[i]
		bind := func(stmt *sqlite.Stmt) { bindRecord(stmt, ch.row.ID, r) }
		var err error
		if known {
			known, err = ch.uncount(r.UID)
		}
		if err == nil && !known {
			err = run(ch.conn, insertRecord, bind)
			if err == nil && ch.conn.Changes() == 0 {
				known, err = ch.uncount(r.UID)
			}
		}
		if err == nil && known {
			err = run(ch.conn, replaceRecord, bind)
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
