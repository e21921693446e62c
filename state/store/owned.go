package store

import (
	"strings"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// owned is a table whose rows belong to a generation. So that none goes missing, the
// generation's row has the sum, modulo 2^64, of their sums: a sum can be kept right by
// differences, whatever the order rows come and go in.
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
	sum, whole := readRow(stmt, func(c *columns) {
		number(c, &gen)
		t.list(&row, c)
	})
	if !whole {
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

// matched is damage if all was read and it is not what a generation's row says.
func matched(err error, ok bool, what string, gen state.GenID) error {
	if err == nil && !ok {
		return damage("%s of generation %d do not match their sum", what, gen)
	}
	return err
}
