package store

import "runtime"

// PretendRemote makes a store that was not written yet take the journal it would take
// on a network's file system.
func (s *Store) PretendRemote() { s.file.remote = func(string) bool { return true } }

// PanicOnce makes the first commit of a store that was not written yet panic.
func (s *Store) PanicOnce() {
	remote := s.file.remote
	s.file.remote = func(string) bool {
		s.file.remote = remote
		panic("by a test")
	}
}

// Serial is the number of the last transaction.
func (s *Store) Serial() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known.account.serial
}

// Held is a store in which another commit seems to be under way.
type Held struct{ s *Store }

// Hold keeps commits waiting.
func (s *Store) Hold() Held {
	s.mu.Lock()
	return Held{s}
}

// For waits until so many commits wait.
func (h Held) For(n int) {
	for {
		h.s.queue.mu.Lock()
		there := len(h.s.queue.all)
		h.s.queue.mu.Unlock()
		if there == n {
			return
		}
		runtime.Gosched()
	}
}

// Release lets them go on.
func (h Held) Release() { h.s.mu.Unlock() }
