package store

import (
	"encoding/binary"
	"hash/crc32"

	"zombiezen.com/go/sqlite"
)

// SQLite keeps no checksum of what it stores, and a flipped bit in a row passes its
// integrity check. So every row but a record's ends with the CRC-32C of its columns.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// columns goes along one row in the order of its table's columns, either to bind them to
// a statement or to read them from one. The same list serves both, and what went by is
// summed up.
type columns struct {
	stmt    *sqlite.Stmt
	binding bool
	at      int    // columns that went by
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

func (c *columns) sum() int64 { return int64(crc32.Checksum(c.raw, castagnoli)) }

// bindRow binds a row, which list lists, and its sum behind it.
func bindRow(stmt *sqlite.Stmt, list func(*columns)) (sum int64) {
	c := columns{stmt: stmt, binding: true, raw: make([]byte, 0, 160)}
	list(&c)
	sum = c.sum()
	stmt.BindInt64(c.at+1, sum)
	return sum
}

// readRow reads a row, which list lists, and reports whether its sum fits it.
func readRow(stmt *sqlite.Stmt, list func(*columns)) (sum int64, whole bool) {
	c := columns{stmt: stmt, raw: make([]byte, 0, 160)}
	list(&c)
	sum = c.sum()
	return sum, !c.misfit && sum == stmt.ColumnInt64(c.at)
}
