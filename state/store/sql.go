package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"mailsync/state"
)

// execute executes statements that have no parameters, in order, and reads no answer.
func execute(conn *sqlite.Conn, queries ...string) error {
	for _, query := range queries {
		if err := sqlitex.ExecuteTransient(conn, query, nil); err != nil {
			return err
		}
	}
	return nil
}

// run executes a statement whose parameters bind sets, and reads no answer.
func run(conn *sqlite.Conn, query string, bind func(*sqlite.Stmt)) error {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return err
	}
	bind(stmt)
	_, err = stmt.Step()
	return errors.Join(err, stmt.Reset())
}

// each runs a query and calls row for every row of its answer. keys are its parameters, in
// order: a generation, a UID, an intent's name and kind.
func each(conn *sqlite.Conn, query string, row func(*sqlite.Stmt) error, keys ...any) error {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return err
	}
	for i, key := range keys {
		switch key := key.(type) {
		case state.GenID:
			stmt.BindInt64(i+1, int64(key))
		case state.UID:
			stmt.BindInt64(i+1, int64(key))
		case state.IntentKind:
			stmt.BindInt64(i+1, int64(key))
		case string:
			stmt.BindText(i+1, key)
		}
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

// insert is the statement that writes a row of so many columns, sum included. Where verb
// replaces, it takes the place of the one that has its key.
func insert(verb, table string, columns int) string {
	return verb + " INTO " + table + " VALUES (?" + strings.Repeat(", ?", columns-1) + ")"
}

// SQLite keeps no checksum of what it stores, and a flipped bit in a row passes its
// integrity check. So every row but a record's ends with the CRC-32C of its columns.

// castagnoli is the table of CRC-32C. That of [crc32.MakeTable] is made ready for megabytes, which takes 0.2 ms in
// every run; a row has some hundred bytes.
var castagnoli = sync.OnceValue(func() *crc32.Table {
	t := new(crc32.Table)
	for i := range t {
		crc := uint32(i)
		for range 8 {
			low := crc & 1
			crc = crc>>1 ^ low*crc32.Castagnoli
		}
		t[i] = crc
	}
	return t
})

// columns goes along one row in the order of its table's columns, either to bind them to
// a statement or to read them from one. The same list serves both, and all values are
// summed up.
type columns struct {
	stmt    *sqlite.Stmt
	binding bool
	at      int    // columns so far
	raw     []byte // what they hold: numbers as 8 bytes, text as its length and its bytes
	misfit  bool   // a value has another length than its column can have
}

func number[T ~int | ~uint8 | ~int64 | ~uint32 | ~uint64](c *columns, v *T) {
	n := int64(*v)
	if c.binding {
		c.stmt.BindInt64(c.at+1, n)
	} else {
		n = c.stmt.ColumnInt64(c.at)
		*v = T(n)
	}
	c.at++
	c.raw = binary.LittleEndian.AppendUint64(c.raw, uint64(n))
}

func (c *columns) truth(v *bool) {
	var n int64
	if *v {
		n = 1
	}
	number(c, &n)
	*v = n != 0
}

func (c *columns) text(v *string) {
	if c.binding {
		c.stmt.BindText(c.at+1, *v)
	} else {
		*v = c.stmt.ColumnText(c.at)
	}
	c.at++
	c.raw = append(binary.LittleEndian.AppendUint64(c.raw, uint64(len(*v))), *v...)
}

// bytes are a value that always fills v.
func (c *columns) bytes(v []byte) {
	if c.binding {
		c.stmt.BindBytes(c.at+1, v)
	} else {
		c.misfit = c.misfit || c.stmt.ColumnLen(c.at) != len(v)
		c.stmt.ColumnBytes(c.at, v)
	}
	c.at++
	c.raw = append(c.raw, v...)
}

func (c *columns) sum() int64 { return int64(crc32.Checksum(c.raw, castagnoli())) }

// bindRow binds a row, which list lists, and its sum behind it.
func bindRow(stmt *sqlite.Stmt, list func(*columns)) (sum int64) {
	c := columns{stmt: stmt, binding: true, raw: make([]byte, 0, 160)}
	list(&c)
	sum = c.sum()
	stmt.BindInt64(c.at+1, sum)
	return sum
}

// readRow reads a row, which list lists, and reports whether its sum fits it.
func readRow(stmt *sqlite.Stmt, list func(*columns)) (sum int64, intact bool) {
	c := columns{stmt: stmt, raw: make([]byte, 0, 160)}
	list(&c)
	sum = c.sum()
	return sum, !c.misfit && sum == stmt.ColumnInt64(c.at)
}
