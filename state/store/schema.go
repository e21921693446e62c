package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"zombiezen.com/go/sqlite"
)

const (
	// schemaVersion is the file's user_version. A file with another one is refused.
	schemaVersion = 1
	// applicationID marks the file as ours: "msyn" in ASCII.
	applicationID = 0x6d73796e
)

// schema is every statement that makes the file, in the order sqlite_schema lists them; the
// rows of a table are written and read in the order of its columns (tables.go).
// docs/state-format.md explains each column.
var schema = []string{
	`CREATE TABLE account (
	id INTEGER PRIMARY KEY,
	account TEXT NOT NULL,
	host TEXT NOT NULL,
	user TEXT NOT NULL,
	ino INTEGER NOT NULL,
	born INTEGER NOT NULL,
	estimated INTEGER NOT NULL,
	policy TEXT NOT NULL,
	serial INTEGER NOT NULL,
	sum INTEGER NOT NULL
)`,
	`CREATE TABLE mailbox (
	id INTEGER PRIMARY KEY,
	raw TEXT NOT NULL,
	path TEXT NOT NULL,
	sep TEXT NOT NULL,
	role TEXT NOT NULL,
	use TEXT NOT NULL,
	mailboxid TEXT NOT NULL,
	keywords TEXT NOT NULL,
	sum INTEGER NOT NULL
)`,
	`CREATE UNIQUE INDEX mailbox_path ON mailbox (path)`,
	`CREATE TABLE generation (
	id INTEGER PRIMARY KEY,
	mailbox INTEGER NOT NULL,
	token TEXT NOT NULL,
	current INTEGER NOT NULL,
	uidvalidity INTEGER NOT NULL,
	uidnext INTEGER NOT NULL,
	modseq INTEGER NOT NULL,
	"exists" INTEGER NOT NULL,
	cur_ino INTEGER NOT NULL,
	new_ino INTEGER NOT NULL,
	cur_btime INTEGER NOT NULL,
	cur_ctime INTEGER NOT NULL,
	new_ctime INTEGER NOT NULL,
	kw_ctime INTEGER NOT NULL,
	marker_ctime INTEGER NOT NULL,
	trusted INTEGER NOT NULL,
	clean INTEGER NOT NULL,
	unsettable INTEGER NOT NULL,
	denied INTEGER NOT NULL,
	held_server INTEGER NOT NULL,
	held_disk INTEGER NOT NULL,
	compared INTEGER NOT NULL,
	records INTEGER NOT NULL,
	on_server INTEGER NOT NULL,
	here INTEGER NOT NULL,
	here_bytes INTEGER NOT NULL,
	outstanding INTEGER NOT NULL,
	kept_away INTEGER NOT NULL,
	skipped INTEGER NOT NULL,
	only_here INTEGER NOT NULL,
	doubtful INTEGER NOT NULL,
	estimated INTEGER NOT NULL,
	misfits INTEGER NOT NULL,
	messages_sum INTEGER NOT NULL,
	proofs_sum INTEGER NOT NULL,
	uidls_sum INTEGER NOT NULL,
	intents_sum INTEGER NOT NULL,
	departures_sum INTEGER NOT NULL,
	sum INTEGER NOT NULL
)`,
	`CREATE TABLE message (
	gen INTEGER NOT NULL,
	uid INTEGER NOT NULL,
	seen INTEGER NOT NULL,
	agreed INTEGER,
	size INTEGER,
	date INTEGER,
	status INTEGER NOT NULL,
	more INTEGER NOT NULL,
	PRIMARY KEY (gen, uid)
) WITHOUT ROWID`,
	`CREATE TABLE proof (
	gen INTEGER NOT NULL,
	uid INTEGER NOT NULL,
	digest BLOB NOT NULL,
	bytes INTEGER NOT NULL,
	by_server INTEGER NOT NULL,
	emailid TEXT NOT NULL,
	fetched INTEGER NOT NULL,
	sum INTEGER NOT NULL,
	PRIMARY KEY (gen, uid)
) WITHOUT ROWID`,
	`CREATE TABLE uidl (
	gen INTEGER NOT NULL,
	uid INTEGER NOT NULL,
	uidl TEXT NOT NULL,
	sum INTEGER NOT NULL,
	PRIMARY KEY (gen, uid)
) WITHOUT ROWID`,
	`CREATE TABLE intent (
	gen INTEGER NOT NULL,
	name TEXT NOT NULL,
	kind INTEGER NOT NULL,
	uidnext INTEGER NOT NULL,
	uid INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	digest BLOB NOT NULL,
	flags INTEGER NOT NULL,
	agreed INTEGER NOT NULL,
	confirmed INTEGER NOT NULL,
	sum INTEGER NOT NULL,
	PRIMARY KEY (gen, name, kind)
) WITHOUT ROWID`,
	`CREATE TABLE departure (
	gen INTEGER NOT NULL,
	uid INTEGER NOT NULL,
	run INTEGER NOT NULL,
	root TEXT NOT NULL,
	path TEXT NOT NULL,
	sum INTEGER NOT NULL,
	PRIMARY KEY (gen, uid)
) WITHOUT ROWID`,
}

// checkSchema compares the file's tables with what they must be.
func checkSchema(conn *sqlite.Conn) error {
	var got []string
	err := each(conn, "SELECT sql FROM sqlite_schema ORDER BY rowid", func(stmt *sqlite.Stmt) error {
		got = append(got, stmt.ColumnText(0))
		return nil
	})
	if err != nil {
		return err
	}
	if !slices.Equal(got, schema) {
		return damage("its tables are not the ones that version %d has", schemaVersion)
	}
	return nil
}

// createStore makes an empty store under another name and renames it, so that a file
// with the store's name is always a complete one.
func createStore(path string) error {
	tmp := path + ".new"
	if err := errors.Join(removeIfThere(tmp), removeIfThere(tmp+"-journal")); err != nil {
		return err
	}
	f, err := createFile(tmp)
	if err != nil {
		return err
	}
	err = errors.Join(fillStore(tmp), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(tmp))
	}
	return syncDir(filepath.Dir(path))
}

func fillStore(path string) error {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	// One transaction is one fsync; without it every statement waits for the disk.
	err = execute(conn, "PRAGMA journal_mode = OFF", "BEGIN IMMEDIATE",
		fmt.Sprintf("PRAGMA application_id = %d", applicationID), fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
	if err == nil {
		err = execute(conn, schema...)
	}
	if err == nil {
		err = put(conn, insertAccount, new(account).list)
	}
	if err == nil {
		err = execute(conn, "COMMIT")
	}
	return errors.Join(err, conn.Close())
}
