package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"mailsync/state"
	"mailsync/state/store"
)

// A store that could not be locked within ten seconds is not waited for again at every step.
func TestALockIsWaitedForOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it waits for seconds")
	}
	t.Parallel()
	dir := t.TempDir()
	s, _, err := store.Open(lock(t, dir))
	ok(t, err)
	ok(t, s.SetAccount(t.Context(), state.AccountRow{ID: "one"}))
	other, err := sqlite.OpenConn(filepath.Join(dir, "state.db"), sqlite.OpenReadWrite)
	ok(t, err)
	ok(t, sqlitex.ExecuteTransient(other, "BEGIN IMMEDIATE", nil))
	began := time.Now()
	if err := s.SetAccount(t.Context(), state.AccountRow{ID: "two"}); state.KindOf(err) != state.Storage {
		t.Errorf("while it is locked: %v", err)
	}
	waited := time.Since(began)
	for range 3 {
		if err := s.SetAccount(t.Context(), state.AccountRow{ID: "two"}); state.KindOf(err) != state.Storage {
			t.Errorf("after it was waited for: %v", err)
		}
	}
	if again := time.Since(began) - waited; again > waited/2 {
		t.Errorf("it was waited for %v, and then %v more", waited, again)
	}
	ok(t, other.Close())
	if err := s.Close(); state.KindOf(err) != state.Storage {
		t.Errorf("closed with %v", err)
	}
}
