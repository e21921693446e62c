package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

// busyTimeout is how long one step waits for a reader of the state file. Only
// OpenReadOnly reads it beside us, and it is quick.
const busyTimeout = 10 * time.Second

// foldTimeout is how long Close waits for one, since it can do without.
const foldTimeout = 250 * time.Millisecond

// file is the state file, with the seal and the journal beside it.
type file struct {
	path    string
	remote  func(path string) bool
	conn    *sqlite.Conn // nil while there is no file
	writing bool         // the journal is set up and the seal is broken
	loose   bool         // it was found unsealed, and proved to be intact
	seal    *os.File     // open once the seal is broken
}

// connect opens the connection that reads, and that writes once startWriting was called.
func (f *file) connect(readOnly bool) error {
	flag := sqlite.OpenReadWrite
	if readOnly {
		flag = sqlite.OpenReadOnly
	}
	conn, err := sqlite.OpenConn(f.path, flag)
	if err != nil {
		return sqlFault("open "+f.path, err)
	}
	f.conn = conn
	conn.SetBusyTimeout(busyTimeout)
	return sqlFault("open "+f.path, execute(conn,
		"PRAGMA synchronous = FULL", "PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON"))
}

// startWriting makes the file ready to be written: it creates the file if there is none,
// breaks its seal, and sets the journal that is safe on its file system.
func (f *file) startWriting(serial int64) error {
	if f.writing {
		return nil
	}
	if err := f.breakSeal(serial); err != nil {
		return storageFault("write "+f.sealPath(), err)
	}
	if f.conn == nil {
		if err := createStore(f.path); err != nil {
			return storageFault("create "+f.path, err)
		}
	}
	reading := f.conn
	if err := f.connect(false); err != nil {
		return err
	}
	if reading != nil {
		if err := reading.Close(); err != nil {
			return err
		}
	}
	if err := f.setJournal(); err != nil {
		return err
	}
	f.writing = true
	return nil
}

// setJournal takes the write-ahead log, which needs one fsync a commit, where memory is
// shared between those who open the file: not on a network's file system.
// https://www.sqlite.org/wal.html section 1
func (f *file) setJournal() error {
	mode := "WAL"
	if f.remote(f.path) {
		mode = "DELETE"
	}
	return execute(f.conn, "PRAGMA journal_mode = "+mode, "PRAGMA wal_autocheckpoint = 4000") // 16 MB
}

// close closes the file, and seals it where it was written or checked, and nothing failed.
func (f *file) close(serial int64, failed error) error {
	if f.conn == nil || !f.writing && !f.loose && f.seal == nil {
		return f.disconnect()
	}
	// One file without a journal beside it can be copied by any backup, and be opened the
	// next time without a write.
	err := failed
	if err == nil {
		err = f.foldJournal()
	}
	err = errors.Join(err, f.disconnect())
	if err == nil {
		err = f.breakSeal(serial)
	}
	if err == nil {
		err = f.setSeal(serial)
	}
	if f.seal != nil {
		err = errors.Join(err, f.seal.Close())
	}
	return err
}

// foldJournal brings everything into the one file. A reader that is in the way keeps the
// journal where it is: nothing is lost, and the next Open checks and folds.
func (f *file) foldJournal() error {
	f.conn.SetBusyTimeout(foldTimeout)
	err := execute(f.conn, "PRAGMA journal_mode = DELETE")
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultBusy {
		return nil
	}
	return plainSQL(err)
}

func (f *file) disconnect() error {
	if f.conn == nil {
		return nil
	}
	err := f.conn.Close()
	f.conn = nil
	return plainSQL(err)
}

// The seal is a small unsynced file beside the state file. It holds the serial number
// of the last commit that returned, written after it; and, once the store was closed
// by us, what the state file looked like then.
//
//   - While the file still looks so, nobody touched it, and opening it needs no check.
//   - A state file with a lower serial number than its seal lost commits: its journal
//     was cut or taken away, or an older copy was put in its place. The seal is written
//     after the commit is durable, so a power failure can only make it lag behind.
type seal struct {
	serial int64
	file   fileID // the zero one: not closed since it was written
}

const sealFormat = "mailsync-seal 1 serial %020d ino %020d size %020d modified %020d changed %020d"

func (s seal) encode() []byte {
	line := fmt.Sprintf(sealFormat, s.serial, s.file.Ino, s.file.Size, s.file.Modified, s.file.Changed)
	return fmt.Appendf(nil, "%s sum %08x\n", line, crc32.Checksum([]byte(line), castagnoli()))
}

// holds reports whether the state file is as it was when we closed it.
func (s seal) holds(id fileID) bool {
	id.Born = 0
	return s.file != fileID{} && s.file == id
}

func (f *file) sealPath() string { return filepath.Join(filepath.Dir(f.path), sealName) }

// readSeal reads the seal. One that is missing or cannot be understood seals nothing and
// is no error; a disk that does not answer is one.
func (f *file) readSeal() (seal, error) {
	b, err := os.ReadFile(f.sealPath())
	if errors.Is(err, fs.ErrNotExist) {
		return seal{}, nil
	}
	if err != nil {
		return seal{}, err
	}
	var s seal
	line, _, _ := strings.Cut(string(b), " sum ")
	_, err = fmt.Sscanf(line, sealFormat, &s.serial, &s.file.Ino, &s.file.Size, &s.file.Modified, &s.file.Changed)
	if err != nil || string(s.encode()) != string(b) {
		return seal{}, nil
	}
	return s, nil
}

// breakSeal notes that the state file is about to change, or has to be checked, unless that
// is noted already. It fails where the seal cannot be written: then nothing may be.
func (f *file) breakSeal(serial int64) error {
	if f.seal != nil {
		return nil
	}
	w, err := openOrCreate(f.sealPath())
	if err != nil {
		return err
	}
	broken := seal{serial: serial}.encode()
	err = w.Truncate(int64(len(broken)))
	if err == nil {
		_, err = w.WriteAt(broken, 0)
	}
	if err != nil {
		return errors.Join(err, w.Close())
	}
	f.seal = w
	return nil
}

// setSeal records what the closed file looks like. Where a reader keeps a journal beside it,
// the next Open has to check.
func (f *file) setSeal(serial int64) error {
	if there, err := anyExists(f.path, journalSuffixes); there || err != nil {
		return err
	}
	id, err := identify(f.path)
	if err != nil {
		return err
	}
	id.Born = 0
	_, err = f.seal.WriteAt(seal{serial, id}.encode(), 0)
	return err
}
