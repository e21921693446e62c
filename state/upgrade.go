package state

import (
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Version 1 had no tables special_use and intent_flags. A file of that version is read as it is:
// what the server said of any mailbox is unknown, and so are the flags of an intent. The first write brings it up to this version, for
// opening and reading write nothing.

// schemaOf returns the statements that make a file of a version.
func schemaOf(version int64) []string {
	if version == 1 {
		return schema[:len(schema)-2]
	}
	return schema
}

// upgrade brings a file of an older version up to this one, in one transaction.
func upgrade(conn *sqlite.Conn) (err error) {
	version, err := sqlitex.ResultInt64(conn.Prep("PRAGMA user_version"))
	if err != nil || version == schemaVersion {
		return err
	}
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer end(&err)
	for _, stmt := range schema[len(schemaOf(version)):] {
		if err := sqlitex.ExecuteTransient(conn, stmt, nil); err != nil {
			return err
		}
	}
	return sqlitex.ExecuteTransient(conn, fmt.Sprintf("PRAGMA user_version = %d", schemaVersion), nil)
}
