package store

import (
	"errors"
	"path/filepath"
	"sync"

	"mailsync/state"
)

// Names in the state directory.
const (
	storeName = "state.db"
	sealName  = "state.seal"
)

// Store is the memory of one account: an SQLite file. It meets sync.Base.
//
// Opening and reading it writes nothing. The first SetAccount, SaveMailbox or Commit
// makes the file if it is not there, and begins to write. Contexts are not looked at:
// a step on the local disk finishes what it began.
type Store struct {
	queue  queue // commits that wait for mu
	mu     sync.Mutex
	file   file
	known  memory
	reader bool // opened by OpenReadOnly
	moved  bool
	closed bool
	failed error // what made the store unusable
}

// looks is how often a state file has to seem damaged before it is set aside. Without the state,
// nobody knows what was deleted or flagged since the last run.
const looks = 5

// OpenResult is what Open found.
type OpenResult struct {
	// Fresh: the store is empty, because there was no file or it was set aside. The
	// caller rebuilds it from the Maildirs.
	Fresh bool
	// SetAside is the path that a damaged file was renamed to, "" where there was none,
	// and Damage is what was wrong with it.
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
		_ = s.file.disconnect() // it only read, and err says more
		s = newStore(lock.Dir())
		err = s.openAgain()
	}
	if err == nil {
		return s, OpenResult{Fresh: s.file.conn == nil}, nil
	}
	_ = s.file.disconnect()
	if !errors.Is(err, errDamaged) {
		return nil, OpenResult{}, err
	}
	aside, asideErr := setAside(s.file.path)
	if asideErr != nil {
		return nil, OpenResult{}, storageFault("set aside "+s.file.path, errors.Join(asideErr, err))
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
		_ = s.file.disconnect() // it only read, and err says more
		return nil, inUse(s.file.path, err)
	}
	return s, nil
}

func newStore(dir string) *Store {
	return &Store{file: file{path: filepath.Join(dir, storeName), remote: IsRemote},
		known: memory{boxes: map[int64]*mailbox{}, gens: map[state.GenID]*generation{0: {}}}}
}

// Moved reports whether the state file is another than the one that the account row
// names: it was copied, restored, or moved to another disk. Absence on disk then proves
// nothing. SetAccount with an Ino of 0 confirms the file as it is now.
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
	return sqlFault("close "+s.file.path, s.file.close(s.known.account.serial, s.failed))
}
