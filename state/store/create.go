package store

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// createStore makes an empty store under another name and renames it, so that a file
// with the store's name is always a whole one.
func createStore(path string) error {
	tmp := path + ".new"
	if err := errors.Join(removeIfThere(tmp), removeIfThere(tmp+"-journal")); err != nil {
		return err
	}
	f, err := createFile(tmp)
	if err != nil {
		return err
	}
	if err := errors.Join(fillStore(tmp), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, removeIfThere(tmp))
	}
	return renameDurably(tmp, path)
}

func fillStore(path string) (err error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := execute(conn, "PRAGMA journal_mode = OFF"); err != nil {
		return err
	}
	// One transaction is one fsync; without it every statement waits for the disk.
	done, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer done(&err)
	if err := makeSchema(conn); err != nil {
		return err
	}
	return put(conn, insertAccount, new(account).list)
}

// makeSchema fills an empty database.
func makeSchema(conn *sqlite.Conn) error {
	for _, stmt := range schema {
		if err := execute(conn, stmt); err != nil {
			return err
		}
	}
	for _, stmt := range []string{
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", schemaVersion),
	} {
		if err := execute(conn, stmt); err != nil {
			return err
		}
	}
	return nil
}
