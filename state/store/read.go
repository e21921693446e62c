package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// Account returns the account's row, the zero one before the first SetAccount.
func (s *Store) Account(context.Context) (state.AccountRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.account, nil
}

// Mailboxes returns every mailbox with its generations in the order they began, sorted
// by path. It reads no file: Open did.
func (s *Store) Mailboxes(context.Context) ([]state.MailboxRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	byBox := make(map[int64][]state.Generation, len(s.boxes))
	for _, g := range s.gens {
		byBox[g.box] = append(byBox[g.box], g.row)
	}
	rows := make([]state.MailboxRow, 0, len(s.boxes))
	for id, m := range s.boxes {
		row := *m
		row.Keywords, row.Generations = slices.Clone(m.Keywords), byBox[id]
		slices.SortFunc(row.Generations, func(a, b state.Generation) int { return cmp.Compare(a.ID, b.ID) })
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b state.MailboxRow) int { return cmp.Compare(a.Path, b.Path) })
	return rows, nil
}

// ask runs a query on a generation that is there. Damage that shows here breaks the
// seal, so that the next Open looks for it.
func ask[T any](s *Store, gen state.GenID, what string, query func(*generation) (T, error)) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none T
	g := s.gens[gen]
	if g == nil {
		return none, errNoGeneration(gen)
	}
	if s.conn == nil {
		return none, state.Faultf(state.Storage, "read %s of generation %d: the store is closed", what, gen)
	}
	got, err := query(g)
	if err != nil {
		return none, s.broken(sqlFault(fmt.Sprintf("read %s of generation %d", what, gen), err))
	}
	return got, nil
}

// Records returns a generation's records sorted by UID.
func (s *Store) Records(_ context.Context, gen state.GenID) ([]state.Record, error) {
	return ask(s, gen, "the records", s.records)
}

// Unsettled returns those records, sorted by UID, that something is left to do for: their
// status is not settled, or Seen and Agreed differ. It reads only those.
func (s *Store) Unsettled(_ context.Context, gen state.GenID) ([]state.Record, error) {
	return ask(s, gen, "the open records", func(*generation) ([]state.Record, error) { return s.unsettled(gen) })
}

// Proofs returns the proofs of those UIDs that have one; nil asks for all.
func (s *Store) Proofs(_ context.Context, gen state.GenID, uids []state.UID) (map[state.UID]state.Proof, error) {
	return ask(s, gen, "the proofs", func(g *generation) (map[state.UID]state.Proof, error) { return s.proofs(g, uids) })
}

// UIDLs returns a generation's POP3 unique-ids, sorted by UID.
func (s *Store) UIDLs(_ context.Context, gen state.GenID) ([]state.UIDL, error) {
	return ask(s, gen, "the UIDLs", s.uidls)
}

// Intents returns a generation's open intents, sorted by key.
func (s *Store) Intents(_ context.Context, gen state.GenID) ([]state.Intent, error) {
	return ask(s, gen, "the intents", s.intents)
}

const recordColumns = "uid, seen, agreed, size, date, status, more"

// records reads a generation's records and compares them with its sum and its tally.
func (s *Store) records(g *generation) ([]state.Record, error) {
	records := make([]state.Record, 0, min(g.records, 1<<24)) // the bound is for a count that lies
	var sum uint64
	var tally state.Tally
	err := s.each("SELECT "+recordColumns+" FROM message WHERE gen = ? ORDER BY uid", []int64{int64(g.row.ID)}, func(stmt *sqlite.Stmt) error {
		r, err := scanRecord(stmt)
		sum += sumRecord(&r)
		tally.Add(r)
		records = append(records, r)
		return err
	})
	whole := sum == g.sum && int64(len(records)) == g.records && tally == g.row.Tally
	return records, matched(err, whole, "the records", g.row.ID)
}

func (s *Store) unsettled(gen state.GenID) ([]state.Record, error) {
	records := []state.Record{}
	err := s.each("SELECT "+recordColumns+" FROM message INDEXED BY message_unsettled WHERE gen = ? AND "+unsettled+" ORDER BY uid",
		[]int64{int64(gen)}, func(stmt *sqlite.Stmt) error {
			r, err := scanRecord(stmt)
			records = append(records, r)
			return err
		})
	return records, err
}

// scanRecord reads recordColumns. NULL stands for what most records have in common:
// agreed as seen, a size and a date that nobody told.
func scanRecord(stmt *sqlite.Stmt) (state.Record, error) {
	uid, status, more := stmt.ColumnInt64(0), stmt.ColumnInt64(5), stmt.ColumnInt64(6)
	r := state.Record{UID: state.UID(uid), Seen: state.Flags(stmt.ColumnInt64(1)), Status: state.Status(status),
		Variant: uint8(more), Form: state.Form(more >> 8), Tries: uint8(more >> 16)}
	if r.Agreed = r.Seen; !stmt.ColumnIsNull(2) {
		r.Agreed = state.Flags(stmt.ColumnInt64(2))
	}
	if r.Size = -1; !stmt.ColumnIsNull(3) {
		r.Size = stmt.ColumnInt64(3)
	}
	if r.Date = state.NoDate; !stmt.ColumnIsNull(4) {
		r.Date = stmt.ColumnInt64(4)
	}
	if uid < 1 || uid > math.MaxUint32 || status < 0 || status >= int64(state.Statuses) {
		return r, damage("a record has UID %d and status %d", uid, status)
	}
	return r, nil
}

const proofQuery = "SELECT uid, digest, bytes, by_server, emailid, fetched, sum FROM proof WHERE gen = ?"

func (s *Store) proofs(g *generation, uids []state.UID) (map[state.UID]state.Proof, error) {
	gen, total := g.row.ID, int64(0)
	proofs := make(map[state.UID]state.Proof, len(uids))
	scan := func(stmt *sqlite.Stmt) error {
		p := state.Proof{UID: state.UID(stmt.ColumnInt64(0)), Bytes: stmt.ColumnInt64(2), ByServer: stmt.ColumnInt64(3) != 0, EmailID: stmt.ColumnText(4), Fetched: stmt.ColumnInt64(5)}
		n := stmt.ColumnLen(1)
		stmt.ColumnBytes(1, p.Digest[:])
		sum := sumProof(gen, &p)
		if n != state.DigestSize || sum != stmt.ColumnInt64(6) {
			return damage("the proof of UID %d does not match its sum", p.UID)
		}
		total += sum
		proofs[p.UID] = p
		return nil
	}
	if uids == nil {
		err := s.each(proofQuery, []int64{int64(gen)}, scan)
		return proofs, matched(err, total == g.proofs, "the proofs", gen)
	}
	for _, uid := range uids {
		if err := s.each(proofQuery+" AND uid = ?", []int64{int64(gen), int64(uid)}, scan); err != nil {
			return nil, err
		}
	}
	return proofs, nil
}

// matched is damage if all was read and it is not what a generation's row says.
func matched(err error, ok bool, what string, gen state.GenID) error {
	if err == nil && !ok {
		return damage("%s of generation %d do not match their sum", what, gen)
	}
	return err
}

func (s *Store) uidls(g *generation) ([]state.UIDL, error) {
	gen, total := g.row.ID, int64(0)
	var uidls []state.UIDL
	err := s.each("SELECT uid, uidl, sum FROM uidl WHERE gen = ? ORDER BY uid", []int64{int64(gen)}, func(stmt *sqlite.Stmt) error {
		u := state.UIDL{UID: state.UID(stmt.ColumnInt64(0)), UIDL: stmt.ColumnText(1)}
		sum := sumUIDL(gen, &u)
		if sum != stmt.ColumnInt64(2) {
			return damage("the UIDL of UID %d does not match its sum", u.UID)
		}
		total += sum
		uidls = append(uidls, u)
		return nil
	})
	return uidls, matched(err, total == g.uidls, "the UIDLs", gen)
}

func (s *Store) intents(g *generation) ([]state.Intent, error) {
	gen, total := g.row.ID, int64(0)
	var intents []state.Intent
	err := s.each(`SELECT "key", uidnext, uid, bytes, digest, flags, agreed, confirmed, sum FROM intent WHERE gen = ? ORDER BY "key"`, []int64{int64(gen)}, func(stmt *sqlite.Stmt) error {
		i := state.Intent{Key: stmt.ColumnText(0), UIDNext: uint32(stmt.ColumnInt64(1)), UID: state.UID(stmt.ColumnInt64(2)), Bytes: stmt.ColumnInt64(3),
			Flags: state.Flags(stmt.ColumnInt64(5)), Agreed: state.Flags(stmt.ColumnInt64(6)), Confirmed: stmt.ColumnInt64(7) != 0}
		n := stmt.ColumnLen(4)
		stmt.ColumnBytes(4, i.Digest[:])
		sum := sumIntent(gen, &i)
		if n != state.DigestSize || sum != stmt.ColumnInt64(8) {
			return damage("the intent %q does not match its sum", i.Key)
		}
		total += sum
		intents = append(intents, i)
		return nil
	})
	return intents, matched(err, total == g.intents, "the intents", gen)
}
