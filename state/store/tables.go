package store

import (
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// What a row of each table holds, in the order of its columns. The records have a form of
// their own (records.go).

// account is the one row of its table.
type account struct {
	state.AccountRow
	serial int64 // commits so far
}

func (a *account) list(c *columns) {
	id := int64(1)
	number(c, &id)
	c.text(&a.ID)
	c.text(&a.Host)
	c.text(&a.User)
	number(c, &a.Ino)
	number(c, &a.Born)
	c.truth(&a.EstimatedSizes)
	c.text(&a.Policy)
	number(c, &a.serial)
}

// mailbox is a row of that table: a mailbox without its generations.
type mailbox struct{ state.MailboxRow }

func (m *mailbox) list(c *columns) {
	number(c, &m.ID)
	c.text(&m.Raw)
	c.text(&m.Path)
	c.text(&m.Sep)
	c.text(&m.Role)
	c.text(&m.Use)
	c.text(&m.MailboxID)
	words := joined(m.Keywords)
	c.text(&words)
	if !c.binding {
		m.Keywords = slices.Collect(strings.SplitSeq(strings.TrimSuffix(words, "\n"), "\n"))
		if words == "" {
			m.Keywords = nil
		}
	}
}

// joined is each of some words in a line of its own. None has an end of line (state.GrowKeywords).
func joined(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, "\n") + "\n"
}

// generation is a row of that table, as it was last committed.
type generation struct {
	box     int64
	row     state.Generation
	records int64
	sum     uint64 // of the records
	// The sums of their rows' sums.
	proofs, uidls, intents, departures int64
}

func (g *generation) list(c *columns) {
	r := &g.row
	number(c, &r.ID)
	number(c, &g.box)
	c.text(&r.Token)
	c.truth(&r.Current)
	number(c, &r.Mark.UIDValidity)
	number(c, &r.Mark.UIDNext)
	number(c, &r.Mark.ModSeq)
	number(c, &r.Mark.Exists)
	number(c, &r.Disk.CurIno)
	number(c, &r.Disk.NewIno)
	number(c, &r.Disk.CurBtime)
	number(c, &r.Disk.CurCtime)
	number(c, &r.Disk.NewCtime)
	number(c, &r.Disk.KeywordsCtime)
	number(c, &r.Disk.MarkerCtime)
	c.truth(&r.Disk.Trusted)
	c.truth(&r.Clean)
	number(c, &r.Unsettable)
	number(c, &r.Denied)
	number(c, &r.Held.OnServer)
	number(c, &r.Held.OnDisk)
	number(c, &r.Compared)
	number(c, &g.records)
	g.listTally(c)
	number(c, &g.sum)
	number(c, &g.proofs)
	number(c, &g.uidls)
	number(c, &g.intents)
	number(c, &g.departures)
}

func (g *generation) listTally(c *columns) {
	t := &g.row.Tally
	number(c, &t.OnServer)
	number(c, &t.Here)
	number(c, &t.HereBytes)
	number(c, &t.Outstanding)
	number(c, &t.KeptAway)
	number(c, &t.Skipped)
	number(c, &t.OnlyHere)
	number(c, &t.Doubtful)
	number(c, &t.Estimated)
	number(c, &t.Misfits)
}

var (
	insertAccount    = insert("INSERT OR REPLACE", "account", 10)
	insertMailbox    = insert("INSERT OR REPLACE", "mailbox", 9)
	insertGeneration = insert("INSERT OR REPLACE", "generation", 39)
)

// put writes the row that list lists.
func put(conn *sqlite.Conn, query string, list func(*columns)) error {
	return run(conn, query, func(stmt *sqlite.Stmt) { bindRow(stmt, list) })
}

var (
	proofs = newOwned("proof", "proof", "uid", 8, func(g *generation) *int64 { return &g.proofs }, func(p *state.Proof, c *columns) {
		number(c, &p.UID)
		c.bytes(p.Digest[:])
		number(c, &p.Bytes)
		c.truth(&p.ByServer)
		c.text(&p.EmailID)
		number(c, &p.Fetched)
	})
	uidls = newOwned("UIDL", "uidl", "uid", 4, func(g *generation) *int64 { return &g.uidls }, func(u *state.UIDL, c *columns) {
		number(c, &u.UID)
		c.text(&u.UIDL)
	})
	intents = newOwned("intent", "intent", "name, kind", 11, func(g *generation) *int64 { return &g.intents }, func(i *state.Intent, c *columns) {
		c.text(&i.Key.Name)
		number(c, &i.Key.Kind)
		number(c, &i.UIDNext)
		number(c, &i.UID)
		number(c, &i.Bytes)
		c.bytes(i.Digest[:])
		number(c, &i.Flags)
		number(c, &i.Agreed)
		c.truth(&i.Confirmed)
	})
	departures = newOwned("departure", "departure", "uid", 6, func(g *generation) *int64 { return &g.departures }, func(d *state.Departure, c *columns) {
		number(c, &d.UID)
		number(c, &d.Run)
		c.text(&d.Root)
		c.text(&d.Path)
	})
)

// owned is a table whose rows belong to a generation. So that none goes missing, the
// generation's row has the sum, modulo 2^64, of their sums: a sum can be kept right by
// differences, in whatever order rows are added and deleted.
type owned[T any] struct {
	what  string // for people, in the singular
	total func(*generation) *int64
	list  func(*T, *columns) // all but generation and sum; the key comes first

	insert, replace, query, row string
}

func newOwned[T any](what, name, key string, columns int, total func(*generation) *int64, list func(*T, *columns)) owned[T] {
	return owned[T]{what: what, total: total, list: list, insert: insert("INSERT OR IGNORE", name, columns), replace: insert("REPLACE", name, columns),
		query: "SELECT * FROM " + name + " WHERE gen = ? ORDER BY " + key,
		row:   "FROM " + name + " WHERE gen = ? AND " + strings.ReplaceAll(key, ", ", " = ? AND ") + " = ?"}
}

// read returns a generation's rows in the order of their keys.
func (t *owned[T]) read(conn *sqlite.Conn, g *generation) ([]T, error) {
	var all []T
	var total int64
	err := each(conn, t.query, func(stmt *sqlite.Stmt) error {
		row, sum, err := t.scan(stmt)
		total += sum
		all = append(all, row)
		return err
	}, g.row.ID)
	return all, matched(err, total == *t.total(g), "the "+t.what+"s", g.row.ID)
}

// any reports whether a generation has a row.
func (t *owned[T]) any(conn *sqlite.Conn, g *generation) (there bool, err error) {
	err = each(conn, t.query+" LIMIT 1", func(stmt *sqlite.Stmt) error {
		_, _, err := t.scan(stmt)
		there = true
		return err
	}, g.row.ID)
	return there, err
}

// one returns the row of a UID, and whether there is one.
func (t *owned[T]) one(conn *sqlite.Conn, g *generation, uid state.UID) (found T, there bool, err error) {
	err = each(conn, "SELECT * "+t.row, func(stmt *sqlite.Stmt) (err error) {
		found, _, err = t.scan(stmt)
		there = true
		return err
	}, g.row.ID, uid)
	return found, there, err
}

func (t *owned[T]) scan(stmt *sqlite.Stmt) (row T, sum int64, err error) {
	var gen state.GenID
	sum, intact := readRow(stmt, func(c *columns) {
		number(c, &gen)
		t.list(&row, c)
	})
	if !intact {
		key := stmt.ColumnText(1)
		if stmt.ColumnType(1) == sqlite.TypeInteger {
			key = "of UID " + key
		}
		return row, sum, damage("the %s %s does not match its sum", t.what, key)
	}
	return row, sum, nil
}

// put writes a row, in place of the one that has its key. Most are new: so the first try is
// to insert it.
func (t *owned[T]) put(conn *sqlite.Conn, g *generation, row *T, key ...any) error {
	var sum int64
	bind := func(stmt *sqlite.Stmt) {
		sum = bindRow(stmt, func(c *columns) {
			number(c, &g.row.ID)
			t.list(row, c)
		})
	}
	err := run(conn, t.insert, bind)
	if err == nil && conn.Changes() == 0 {
		if err = t.drop(conn, g, key...); err == nil {
			err = run(conn, t.replace, bind)
		}
	}
	*t.total(g) += sum
	return err
}

// drop deletes the row of a UID, or of an intent's name and kind, if it is there.
func (t *owned[T]) drop(conn *sqlite.Conn, g *generation, key ...any) error {
	return each(conn, "DELETE "+t.row+" RETURNING sum", func(stmt *sqlite.Stmt) error {
		*t.total(g) -= stmt.ColumnInt64(0)
		return nil
	}, append([]any{g.row.ID}, key...)...)
}

// matched is damage if all was read and it does not match the sum in the generation's row.
func matched(err error, ok bool, what string, gen state.GenID) error {
	if err == nil && !ok {
		return damage("%s of generation %d do not match their sum", what, gen)
	}
	return err
}
