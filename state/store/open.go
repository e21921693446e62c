package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"mailsync/state"
)

// open connects to the file, if there is one, and loads everything but the records. It
// returns errDamaged where the bytes are not those that were committed.
func (s *Store) open() error {
	journal, err := s.hasJournal()
	if err != nil {
		return storageFault("open "+s.path, err)
	}
	id, err := identify(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		if journal && !s.reader {
			return damage("there is a journal and no file it belongs to")
		}
		return nil
	}
	if err != nil {
		return storageFault("open "+s.path, err)
	}
	seal, err := readSeal(s.sealPath())
	if err != nil {
		return storageFault("read the seal of "+s.path, err)
	}
	sealed := !journal && seal.holds(id)
	if !s.reader {
		// Never in a reader: closing this second descriptor would drop the POSIX locks that a
		// writer in the same process holds.
		if err := checkHeader(s.path, id.Size, journal); err != nil {
			return err
		}
	}
	if err := s.connect(sealed || s.reader && !journal); err != nil {
		return err
	}
	if err := s.read(sealed || s.reader); err != nil {
		return sqlFault("read "+s.path, err)
	}
	if s.serial < seal.serial {
		return damage("it ends with commit %d, and %d were made", s.serial, seal.serial)
	}
	s.loose = !sealed && !s.reader
	s.moved = s.account.Ino != 0 && id.Ino != 0 && (s.account.Ino != id.Ino || s.account.Born != id.Born)
	return nil
}

// openAgain looks once more at a file that seemed damaged, for SQLite says the same of a page
// that the disk did not give (EIO). It returns errDamaged only where every byte can be read,
// and something is wrong again.
func (s *Store) openAgain() error {
	for _, p := range append(journals(s.path), s.path) {
		if err := readThrough(p); err != nil {
			return state.Faultf(state.Storage, "read %s: %w", p, err).
				WithHint("if the disk has lost a part of it, move it away: it is made again from the Maildirs")
		}
	}
	return s.open()
}

// readThrough reads every byte of a file, if it is there.
func readThrough(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, f)
	return errors.Join(err, f.Close())
}

func (s *Store) hasJournal() (bool, error) {
	for _, journal := range journals(s.path) {
		if there, err := exists(journal); there || err != nil {
			return there, err
		}
	}
	return false, nil
}

// checkHeader looks at the first 100 bytes before SQLite does. With a journal beside it
// the file may lack pages that the journal has.
func checkHeader(path string, size int64, journal bool) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return storageFault("open "+path, err)
	}
	defer func() { _ = f.Close() }() // only read
	var h [100]byte
	if _, err := f.ReadAt(h[:], 0); errors.Is(err, io.EOF) {
		return damage("it is %d bytes long", size)
	} else if err != nil {
		return storageFault("read "+path, err)
	}
	word := func(at int) int64 { return int64(binary.BigEndian.Uint32(h[at:])) }
	switch {
	case string(h[:16]) != "SQLite format 3\x00":
		return damage("it is not an SQLite file")
	case word(68) != applicationID:
		return damage("it is another program's SQLite file")
	}
	if err := checkVersion(path, word(60)); err != nil {
		return err
	}
	switch {
	case binary.BigEndian.Uint16(h[16:]) != pageSize || h[18] < 1 || h[18] > 2 || h[19] < 1 || h[19] > 2 || h[20] != 0 ||
		word(44) != 4 || word(56) != 1: // the schema format and UTF-8
		return damage("its header is not one of ours")
	case !journal && word(28)*pageSize != size:
		return damage("it is %d bytes long, and its header says %d", size, word(28)*pageSize)
	}
	return nil
}

const pageSize = 4096

// checkVersion refuses what a newer program wrote; a number far beyond is noise.
func checkVersion(path string, version int64) error {
	switch {
	case version > schemaVersion && version < schemaVersion+1000:
		return state.Faultf(state.Storage, "%s has version %d, and this program knows none above %d", path, version, schemaVersion).
			WithHint("use the newer version of mailsync that wrote it")
	case version != schemaVersion:
		return damage("it says that its version is %d", version)
	}
	return nil
}

// connect opens the connection that reads, and that writes once begin was called.
func (s *Store) connect(readOnly bool) error {
	flag := sqlite.OpenReadWrite
	if readOnly {
		flag = sqlite.OpenReadOnly
	}
	conn, err := sqlite.OpenConn(s.path, flag)
	if err != nil {
		return sqlFault("open "+s.path, err)
	}
	s.conn = conn
	conn.SetBusyTimeout(busyTimeout)
	for _, pragma := range []string{"synchronous = FULL", "trusted_schema = OFF", "cell_size_check = ON"} {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+pragma, nil); err != nil {
			return sqlFault("open "+s.path, err)
		}
	}
	return nil
}

// read loads what Mailboxes and Account return, all of it from one moment. Unless the
// file is trusted, every row and page is checked. A reader stays at that moment.
func (s *Store) read(trusted bool) error {
	if err := sqlitex.ExecuteTransient(s.conn, "BEGIN", nil); err != nil {
		return err
	}
	version, err := sqlitex.ResultInt64(s.conn.Prep("PRAGMA user_version"))
	if err != nil {
		return err
	}
	if err := checkVersion(s.path, version); err != nil {
		return err
	}
	if err := checkSchema(s.conn); err != nil {
		return err
	}
	if !trusted {
		if err := checkPages(s.conn); err != nil {
			return err
		}
	}
	if err := s.load(); err != nil {
		return err
	}
	if !trusted {
		if err := s.checkRows(); err != nil {
			return err
		}
	}
	if s.reader {
		return nil
	}
	return sqlitex.ExecuteTransient(s.conn, "COMMIT", nil)
}

func checkPages(conn *sqlite.Conn) error {
	return sqlitex.ExecuteTransient(conn, "PRAGMA quick_check(1)", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			if said := stmt.ColumnText(0); said != "ok" {
				return damage("%s", said)
			}
			return nil
		}})
}

// checkRows reads every row and compares it with its sum.
func (s *Store) checkRows() error {
	var total int64
	for gen, g := range s.gens {
		records, err := s.records(g)
		if err != nil {
			return err
		}
		total += g.records
		open, err := s.unsettled(gen)
		if err != nil {
			return err
		}
		if want := slices.DeleteFunc(records, settled); !slices.Equal(open, want) {
			return damage("the index of generation %d names %d open messages of %d", gen, len(open), len(want))
		}
	}
	n, err := sqlitex.ResultInt64(s.conn.Prep("SELECT count(*) FROM message"))
	if err != nil {
		return err
	}
	if n != total {
		return damage("it has %d records, and its generations %d", n, total)
	}
	for _, g := range s.gens {
		_, proofs := s.proofs(g, nil)
		_, uidls := s.uidls(g)
		_, intents := s.intents(g)
		_, departures := s.departures(g)
		if err := errors.Join(proofs, uidls, intents, departures); err != nil {
			return err
		}
	}
	return nil
}

func settled(r state.Record) bool { return r.Status.Settled() && r.Seen == r.Agreed }

// errNoGeneration says that a caller asked for a generation which is not there.
func errNoGeneration(gen state.GenID) error { return fmt.Errorf("there is no generation %d", gen) }
