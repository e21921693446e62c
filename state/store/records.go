package store

import (
	"encoding/binary"
	"hash/crc64"
	"math"
	"sync"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// There is a record for every message, so its row is as short as can be: it has no sum of
// its own, and NULL, which takes no byte, for what most have in common. The generation's
// row has the sum, modulo 2^64, of the CRC-64 of each.

// ecma is made when it is first needed, and not in runs that read no record.
var ecma = sync.OnceValue(func() *crc64.Table { return crc64.MakeTable(crc64.ECMA) })

// sumRecord is a record's share in its generation's sum.
func sumRecord(r *state.Record) uint64 {
	var b [40]byte
	binary.LittleEndian.PutUint32(b[0:], uint32(r.UID))
	b[4], b[5], b[6], b[7] = r.Variant, uint8(r.Status), uint8(r.Form), r.Tries
	binary.LittleEndian.PutUint64(b[8:], uint64(r.Seen))
	binary.LittleEndian.PutUint64(b[16:], uint64(r.Agreed))
	binary.LittleEndian.PutUint64(b[24:], uint64(r.Size))
	binary.LittleEndian.PutUint64(b[32:], uint64(r.Date))
	return crc64.Checksum(b[:], ecma())
}

const recordQuery = "SELECT uid, seen, agreed, size, date, status, more FROM message WHERE gen = ?"

var (
	insertRecord  = insert("INSERT OR IGNORE", "message", 8)
	replaceRecord = insert("REPLACE", "message", 8)
)

func bindRecord(stmt *sqlite.Stmt, gen state.GenID, r *state.Record) {
	orNull := func(param int, v, untold int64) {
		if v == untold {
			stmt.BindNull(param)
		} else {
			stmt.BindInt64(param, v)
		}
	}
	stmt.BindInt64(1, int64(gen))
	stmt.BindInt64(2, int64(r.UID))
	stmt.BindInt64(3, int64(r.Seen))
	orNull(4, int64(r.Agreed), int64(r.Seen))
	orNull(5, r.Size, -1)
	orNull(6, r.Date, state.NoDate)
	stmt.BindInt64(7, int64(r.Status))
	stmt.BindInt64(8, int64(r.Variant)|int64(r.Form)<<8|int64(r.Tries)<<16)
}

// scanRecord reads a row of recordQuery.
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

// readRecords reads a generation's records and compares them with its sum and its tally.
func readRecords(conn *sqlite.Conn, g *generation) ([]state.Record, error) {
	records := make([]state.Record, 0, min(g.records, 1<<24)) // the bound is for a count that is wrong
	var sum uint64
	var tally state.Tally
	err := each(conn, recordQuery+" ORDER BY uid", func(stmt *sqlite.Stmt) error {
		r, err := scanRecord(stmt)
		sum += sumRecord(&r)
		tally.Add(r)
		records = append(records, r)
		return err
	}, g.row.ID)
	intact := sum == g.sum && int64(len(records)) == g.records && tally == g.row.Tally
	return records, matched(err, intact, "the records", g.row.ID)
}
