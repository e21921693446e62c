package store_test

import (
	"testing"

	"mailsync/internal/testkit/contract"
	"mailsync/state/store"
	"mailsync/sync/port"
)

var (
	_ port.Base       = (*store.Store)(nil)
	_ contract.Memory = (*store.Store)(nil)
)

func TestStoreContract(t *testing.T) {
	contract.Base(t, func(t *testing.T) contract.Memory { return open(t, t.TempDir()) })
}

// A store that is closed and opened after every commit holds what one that stays open does.
func TestStoreContractReopened(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	contract.Base(t, func(t *testing.T) contract.Memory { return &reopened{t: t, dir: t.TempDir()} })
}

// lock takes the lock of a state directory until the test ends.
func lock(t testing.TB, dir string) *store.Lock {
	t.Helper()
	l, err := store.TryLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Unlock(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// open opens a store that has nothing wrong, until the test ends.
func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, found, err := store.Open(lock(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if found.SetAside != "" {
		t.Fatalf("a whole store was set aside: %v", found.Damage)
	}
	t.Cleanup(func() { closed(t, s) })
	return s
}

func closed(t testing.TB, s *store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
