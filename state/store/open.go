package store

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"

	"zombiezen.com/go/sqlite/sqlitex"

	"mailsync/state"
)

// open connects to the file, if there is one, and loads everything but the records. It
// returns errDamaged where the bytes are not those that were committed.
func (s *Store) open() error {
	journal, err := anyExists(s.file.path, journalSuffixes)
	if err != nil {
		return storageFault("open "+s.file.path, err)
	}
	id, err := identify(s.file.path)
	if errors.Is(err, fs.ErrNotExist) {
		if journal && !s.reader {
			return damage("there is a journal and no file it belongs to")
		}
		return nil
	}
	if err != nil {
		return storageFault("open "+s.file.path, err)
	}
	seal, err := s.file.readSeal()
	if err != nil {
		return storageFault("read the seal of "+s.file.path, err)
	}
	sealed := !journal && seal.holds(id)
	if !s.reader {
		// Never in a reader: closing this second descriptor would drop the POSIX locks that a
		// writer in the same process holds.
		if err := checkHeader(s.file.path, id.Size, journal); err != nil {
			return err
		}
	}
	if err := s.file.connect(sealed || s.reader && !journal); err != nil {
		return err
	}
	if err := s.read(sealed || s.reader); err != nil {
		return sqlFault("read "+s.file.path, err)
	}
	if s.known.account.serial < seal.serial {
		return damage("it ends with commit %d, and %d were made", s.known.account.serial, seal.serial)
	}
	s.file.loose = !sealed && !s.reader
	was := s.known.account
	s.moved = was.Ino != 0 && id.Ino != 0 && (was.Ino != id.Ino || was.Born != id.Born)
	return nil
}

// openAgain looks once more at a file that seemed damaged, for SQLite reports the same of a page
// that the disk did not return (EIO). It returns errDamaged only where every byte can be read,
// and something is wrong again.
func (s *Store) openAgain() error {
	for _, suffix := range append(journalSuffixes, "") {
		p := s.file.path + suffix
		if err := readThrough(p); err != nil {
			return state.Faultf(state.Storage, "read %s: %w", p, err).
				WithHint("if the disk has lost a part of it, move it away: it is rebuilt from the Maildirs")
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
		return damage("it is not a state file")
	case word(68) != applicationID:
		return damage("it is another program's file")
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

// checkVersion refuses what a newer program wrote; any other number is noise.
func checkVersion(path string, version int64) error {
	switch {
	case version > schemaVersion && version < schemaVersion+1000:
		return state.Faultf(state.Storage, "%s has version %d, and this program knows versions up to %d", path, version, schemaVersion).
			WithHint("use the newer version of mailsync that wrote it")
	case version != schemaVersion:
		return damage("its version is %d", version)
	}
	return nil
}

// read loads what Mailboxes and Account return, all of it from one moment. Unless the
// file is trusted, every row and page is checked. A reader stays at that moment.
func (s *Store) read(trusted bool) error {
	if err := execute(s.file.conn, "BEGIN"); err != nil {
		return err
	}
	version, err := sqlitex.ResultInt64(s.file.conn.Prep("PRAGMA user_version"))
	if err != nil {
		return err
	}
	if err := checkVersion(s.file.path, version); err != nil {
		return err
	}
	if err := checkSchema(s.file.conn); err != nil {
		return err
	}
	if err := s.known.load(s.file.conn); err != nil {
		return err
	}
	if !trusted {
		if err := s.known.check(s.file.conn); err != nil {
			return err
		}
	}
	if s.reader {
		return nil
	}
	return execute(s.file.conn, "COMMIT")
}
