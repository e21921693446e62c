package store

import (
	"errors"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"mailsync/state"
)

// execute executes a statement that has no parameters, and reads no answer.
func execute(conn *sqlite.Conn, query string) error {
	return sqlitex.ExecuteTransient(conn, query, nil)
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
