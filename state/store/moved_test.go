package store_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"mailsync/state"
	"mailsync/state/store"
)

func TestACopiedFileHasMoved(t *testing.T) {
	dir := t.TempDir()
	l := lock(t, dir)
	s, _, err := store.Open(l)
	ok(t, err)
	ok(t, s.SetAccount(t.Context(), state.AccountRow{ID: "x"}))
	row, err := s.Account(t.Context())
	ok(t, err)
	if row.Ino == 0 || (runtime.GOOS == "linux" && row.Born == 0) {
		t.Errorf("the row vouches for no file: %+v", row)
	}
	if s.Moved() {
		t.Error("a new file has moved")
	}
	ok(t, s.Close())

	path := filepath.Join(dir, "state.db")
	b, err := os.ReadFile(path)
	ok(t, err)
	ok(t, os.Rename(path, path+".old")) // keeps its inode from being used again
	ok(t, os.WriteFile(path, b, 0o600))
	for range 2 { // until someone vouches for it
		s, _, err = store.Open(l)
		ok(t, err)
		if !s.Moved() {
			t.Error("a copy has not moved")
		}
		row, err = s.Account(t.Context())
		ok(t, err)
		ok(t, s.SetAccount(t.Context(), row)) // as it was read: vouches for nothing
		if !s.Moved() {
			t.Error("writing the row back vouched for the copy")
		}
		ok(t, s.Close())
	}
	s, _, err = store.Open(l)
	ok(t, err)
	row.Ino = 0
	ok(t, s.SetAccount(t.Context(), row))
	if s.Moved() {
		t.Error("a file that was vouched for has moved")
	}
	ok(t, s.Close())
	s, _, err = store.Open(l)
	ok(t, err)
	if s.Moved() {
		t.Error("a file that was vouched for has moved, once opened again")
	}
	ok(t, s.Close())
}

func TestReadOnlyBesideAWriter(t *testing.T) {
	dir := t.TempDir()
	empty, err := store.OpenReadOnly(dir)
	ok(t, err)
	if rows, err := empty.Mailboxes(t.Context()); err != nil || len(rows) != 0 {
		t.Errorf("got %v, %v", rows, err)
	}
	closed(t, empty)

	s := open(t, dir)
	gen := filled(t, s, 10)
	r, err := store.OpenReadOnly(dir)
	ok(t, err)
	ok(t, s.Commit(t.Context(), state.Commit{Gen: gen, Put: []state.Record{{UID: 1000}}}))
	rs, err := r.Records(t.Context(), gen)
	ok(t, err)
	if len(rs) != 10 {
		t.Errorf("the reader sees %d records, want the 10 of the moment it began", len(rs))
	}
	if err := r.Commit(t.Context(), state.Commit{Gen: gen}); state.KindOf(err) != state.Storage {
		t.Errorf("a reader's commit: %v", err)
	}
	closed(t, r)
	r, err = store.OpenReadOnly(dir)
	ok(t, err)
	defer closed(t, r)
	if rs, err = r.Records(t.Context(), gen); err != nil || len(rs) != 11 {
		t.Errorf("the reader sees %d records, want 11: %v", len(rs), err)
	}
}

// A reader does not keep a run from ending well, nor the next one from being right.
func TestClosingUnderAReader(t *testing.T) {
	dir := t.TempDir()
	l := lock(t, dir)
	s, _, err := store.Open(l)
	ok(t, err)
	gen := filled(t, s, 10)
	r, err := store.OpenReadOnly(dir)
	ok(t, err)
	ok(t, s.Close())
	ok(t, r.Close())
	s, found, err := store.Open(l)
	ok(t, err)
	defer closed(t, s)
	if rs, err := s.Records(t.Context(), gen); err != nil || len(rs) != 10 || found != (store.OpenResult{}) {
		t.Errorf("%d records, %v, found %+v", len(rs), err, found)
	}
}

func TestAClosedStoreRefuses(t *testing.T) {
	s := open(t, t.TempDir())
	gen := filled(t, s, 1)
	ok(t, s.Close())
	if _, err := s.Records(t.Context(), gen); err == nil {
		t.Error("a closed store was read")
	}
	if err := s.Commit(t.Context(), state.Commit{Gen: gen, Put: []state.Record{{UID: 1}}}); err == nil {
		t.Error("a closed store took a commit")
	}
}
