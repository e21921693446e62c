package store

import (
	"errors"
	"path/filepath"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"mailsync/state"
)

// Names in the state directory.
const (
	storeName = "state.db"
	sealName  = "state.seal"
)

// busyTimeout is how long one step waits for a reader of the state file. Only
// OpenReadOnly reads it beside us, and it does not dawdle.
const busyTimeout = 10 * time.Second

// foldTimeout is how long Close waits for one, since it can do without.
const foldTimeout = 250 * time.Millisecond

// Store is the memory of one account: an SQLite file. It meets sync.Base.
//
// Opening and reading it writes nothing. The first SetAccount, SaveMailbox or Commit
// makes the file if it is not there, and begins to write. Contexts are not looked at:
// a step on the local disk finishes what it began.
type Store struct {
	mu     sync.Mutex
	path   string
	reader bool // opened by OpenReadOnly
	remote func(path string) bool

	conn    *sqlite.Conn // nil while there is no file
	writing bool         // conn has its journal set up and the seal is broken
	loose   bool         // the file was found unsealed, and proved to be whole
	seal    *sealWriter  // while writing
	moved   bool
	closed  bool
	failed  error // what made the store unusable

	serial  int64
	account state.AccountRow
	boxes   map[int64]*state.MailboxRow // without their generations
	gens    map[state.GenID]*generation
}

// generation is a row of that table, as it was last committed.
type generation struct {
	box     int64
	row     state.Generation
	records int64
	sum     uint64
	proofs  int64 // the sums of their rows' sums
	uidls   int64
	intents int64
	departs int64
	top     state.UID // no record and no proof has a higher UID; noTop before the first commit asked
}

// looks is how often a state file has to seem damaged before it is set aside. That costs what only
// the state knows: what was deleted or flagged since the last run looks like what never was.
const looks = 5

// OpenResult says what Open found.
type OpenResult struct {
	// Fresh: the store is empty, because there was no file or it was set aside. The
	// caller rebuilds it from the Maildirs.
	Fresh bool
	// SetAside is the path that a damaged file was renamed to, "" where there was none,
	// and Damage says what was wrong with it.
	SetAside string
	Damage   error
}

// Open opens the store of a state directory whose lock is held. A file that is damaged
// is set aside, never deleted, and the store begins afresh; a disk that fails, a file of
// a newer version or one that may not be read is an error of kind Storage, and nothing
// is touched.
func Open(lock *Lock) (*Store, OpenResult, error) {
	s := newStore(lock.Dir())
	err := s.open()
	for n := 1; n < looks && errors.Is(err, errDamaged); n++ {
		_ = s.closeConn() // it only read, and err says more
		s = newStore(lock.Dir())
		err = s.openAgain()
	}
	if err == nil {
		return s, OpenResult{Fresh: s.conn == nil}, nil
	}
	_ = s.closeConn()
	if !errors.Is(err, errDamaged) {
		return nil, OpenResult{}, err
	}
	aside, asideErr := setAside(s.path)
	if asideErr != nil {
		return nil, OpenResult{}, storageFault("set aside "+s.path, errors.Join(asideErr, err))
	}
	return newStore(lock.Dir()), OpenResult{Fresh: true, SetAside: aside, Damage: err}, nil
}

// OpenReadOnly opens the store of a state directory for reading, with or without its
// lock, beside a run that writes it. It shows the store as it was at that moment, holds
// up commits until it is closed, and refuses to write. A damaged file is an error and
// stays where it is; one that is not there reads as an empty store.
func OpenReadOnly(dir string) (*Store, error) {
	s := newStore(dir)
	s.reader = true
	if err := s.open(); err != nil {
		_ = s.closeConn() // it only read, and err says more
		return nil, inUse(s.path, err)
	}
	return s, nil
}

func newStore(dir string) *Store {
	return &Store{
		path:   filepath.Join(dir, storeName),
		remote: IsRemote,
		boxes:  map[int64]*state.MailboxRow{},
		gens:   map[state.GenID]*generation{},
	}
}

func (s *Store) sealPath() string { return filepath.Join(filepath.Dir(s.path), sealName) }

// Moved reports whether the state file is another than the one the account row vouches
// for: it was copied, restored, or moved to another disk. Absence on disk then proves
// nothing. SetAccount with an Ino of 0 vouches for the file as it is now.
func (s *Store) Moved() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moved
}

// Close closes the store; what was committed is durable before. The second call does
// nothing. An error means that the next Open has to check the file, not that anything
// is lost.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.conn == nil || !s.writing && !s.loose && s.seal == nil {
		return sqlFault("close "+s.path, s.closeConn())
	}
	// One file without a journal beside it can be copied by any backup, and be opened the
	// next time without a write.
	err := s.failed
	if err == nil {
		err = s.foldJournal()
	}
	err = errors.Join(err, s.closeConn())
	if err == nil && s.seal == nil {
		s.seal, err = breakSeal(s.sealPath(), s.serial)
	}
	if err == nil {
		err = s.setSeal()
	}
	if s.seal != nil {
		err = errors.Join(err, s.seal.close())
	}
	return sqlFault("close "+s.path, err)
}

// foldJournal brings everything into the one file. A reader that is in the way keeps the
// journal where it is: nothing is lost, and the next Open checks and folds.
func (s *Store) foldJournal() error {
	s.conn.SetBusyTimeout(foldTimeout)
	err := sqlitex.ExecuteTransient(s.conn, "PRAGMA journal_mode = DELETE", nil)
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultBusy {
		return nil
	}
	return err
}

// setSeal writes down what the closed file looks like.
func (s *Store) setSeal() error {
	for _, journal := range journals(s.path) {
		if there, err := exists(journal); there || err != nil {
			return err // a reader keeps it; the next Open checks
		}
	}
	id, err := identify(s.path)
	if err != nil {
		return err
	}
	id.Born = 0
	return s.seal.write(seal{serial: s.serial, file: id})
}

func (s *Store) closeConn() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}

// journals are the files SQLite keeps beside a database while it writes or after it
// was interrupted.
func journals(path string) []string { return []string{path + "-wal", path + "-journal"} }
