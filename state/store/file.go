package store

import (
	"errors"
	"path/filepath"
	"time"

	"zombiezen.com/go/sqlite"
)

// busyTimeout is how long one step waits for a reader of the state file. Only
// OpenReadOnly reads it beside us, and it does not dawdle.
const busyTimeout = 10 * time.Second

// foldTimeout is how long Close waits for one, since it can do without.
const foldTimeout = 250 * time.Millisecond

// file is the state file, with the seal and the journal beside it.
type file struct {
	path    string
	remote  func(path string) bool
	conn    *sqlite.Conn // nil while there is no file
	writing bool         // the journal is set up and the seal is broken
	loose   bool         // it was found unsealed, and proved to be whole
	seal    *sealWriter  // once the seal is broken
}

func newFile(dir string) file {
	return file{path: filepath.Join(dir, storeName), remote: IsRemote}
}

func (f *file) sealPath() string { return filepath.Join(filepath.Dir(f.path), sealName) }

// journals are the files SQLite keeps beside a database while it writes or after it
// was interrupted.
func journals(path string) []string { return []string{path + "-wal", path + "-journal"} }

func (f *file) hasJournal() (bool, error) {
	for _, journal := range journals(f.path) {
		if there, err := exists(journal); there || err != nil {
			return there, err
		}
	}
	return false, nil
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
	for _, pragma := range []string{"synchronous = FULL", "trusted_schema = OFF", "cell_size_check = ON"} {
		if err := execute(conn, "PRAGMA "+pragma); err != nil {
			return sqlFault("open "+f.path, err)
		}
	}
	return nil
}

// startWriting makes the file ready to be written: made if there is none, its seal broken,
// its journal the one that is safe where it lies.
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

// breakSeal says that the file is about to change, or has to be checked, unless that was
// said already.
func (f *file) breakSeal(serial int64) (err error) {
	if f.seal == nil {
		f.seal, err = breakSeal(f.sealPath(), serial)
	}
	return err
}

// setJournal takes the write-ahead log, which needs one fsync a commit, where memory is
// shared between those who open the file: not on a network's file system.
// https://www.sqlite.org/wal.html section 1
func (f *file) setJournal() error {
	mode := "WAL"
	if f.remote(f.path) {
		mode = "DELETE"
	}
	if err := execute(f.conn, "PRAGMA journal_mode = "+mode); err != nil {
		return err
	}
	return execute(f.conn, "PRAGMA wal_autocheckpoint = 4000") // 16 MB
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
		err = errors.Join(err, f.seal.close())
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
	return err
}

// setSeal writes down what the closed file looks like.
func (f *file) setSeal(serial int64) error {
	if there, err := f.hasJournal(); there || err != nil {
		return err // a reader keeps it; the next Open checks
	}
	id, err := identify(f.path)
	if err != nil {
		return err
	}
	id.Born = 0
	return f.seal.write(seal{serial: serial, file: id})
}

func (f *file) disconnect() error {
	if f.conn == nil {
		return nil
	}
	err := f.conn.Close()
	f.conn = nil
	return err
}
