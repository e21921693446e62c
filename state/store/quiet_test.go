package store_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mailsync/state"
	"mailsync/state/store"
)

func touch(tb testing.TB, dir string, to time.Time) {
	tb.Helper()
	ok(tb, os.Chtimes(filepath.Join(dir, "state.db"), to, to))
}

type seen struct {
	size int64
	mode os.FileMode
	time time.Time
}

// look lists a directory and itself, with size, mode and mtime.
func look(t *testing.T, dir string) map[string]seen {
	t.Helper()
	files := map[string]seen{}
	entries, err := os.ReadDir(dir)
	ok(t, err)
	names := []string{"."}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(dir, name))
		ok(t, err)
		files[name] = seen{info.Size(), info.Mode(), info.ModTime()}
	}
	return files
}

// backdate gives everything an old mtime, so that a write shows whatever the clock's grain.
func backdate(t *testing.T, dir string) {
	t.Helper()
	old := time.Unix(1_000_000_000, 0)
	for name := range look(t, dir) {
		if name != "state.db" { // its mtime is in the seal
			ok(t, os.Chtimes(filepath.Join(dir, name), old, old))
		}
	}
}

func TestReadingWritesNothing(t *testing.T) {
	dir := t.TempDir()
	l := lock(t, dir)
	s, _, err := store.Open(l)
	ok(t, err)
	gen := filled(t, s, 1000)
	ok(t, s.SetAccount(t.Context(), state.AccountRow{ID: "x"}))
	ok(t, s.Close())
	backdate(t, dir)
	before := look(t, dir)

	read := func(s *store.Store) {
		_, err := s.Mailboxes(t.Context())
		ok(t, err)
		_, err = s.Account(t.Context())
		ok(t, err)
		_, err = s.Records(t.Context(), gen)
		ok(t, err)
		_, err = s.Proofs(t.Context(), gen, nil)
		ok(t, err)
		if during := look(t, dir); !maps.Equal(during, before) {
			t.Errorf("reading changed\n%v to\n%v", before, during)
		}
		ok(t, s.Close())
		if after := look(t, dir); !maps.Equal(after, before) {
			t.Errorf("reading changed\n%v to\n%v", before, after)
		}
	}
	s, found, err := store.Open(l)
	ok(t, err)
	if found != (store.OpenResult{}) {
		t.Errorf("found %+v", found)
	}
	read(s)
	s, err = store.OpenReadOnly(dir)
	ok(t, err)
	read(s)
}

func TestAnEmptyStoreMakesNoFile(t *testing.T) {
	dir := t.TempDir()
	l := lock(t, dir)
	before := look(t, dir)
	s, found, err := store.Open(l)
	ok(t, err)
	if !found.Fresh || found.SetAside != "" {
		t.Errorf("found %+v", found)
	}
	if rows, err := s.Mailboxes(t.Context()); err != nil || len(rows) != 0 {
		t.Errorf("got %v, %v", rows, err)
	}
	ok(t, s.Close())
	if after := look(t, dir); !maps.Equal(after, before) {
		t.Errorf("opening changed\n%v to\n%v", before, after)
	}
}

// A closed store is one file; what lies beside it is small and may go.
func TestACloseLeavesOneFile(t *testing.T) {
	dir := t.TempDir()
	l := lock(t, dir)
	s, _, err := store.Open(l)
	ok(t, err)
	filled(t, s, 10)
	ok(t, s.Close())
	ok(t, s.Close()) // does nothing
	for name := range look(t, dir) {
		switch name {
		case ".", "state.db", "state.seal", "lock":
		default:
			t.Errorf("%s lies there", name)
		}
	}
}

// The store is as a run left it that was killed at this point, and is checked, not set aside.
func TestAStoreThatWasNotClosed(t *testing.T) {
	dir, killed := t.TempDir(), t.TempDir()
	s := open(t, dir)
	gen := filled(t, s, 1000)
	copyFiles(t, dir, killed)
	l := lock(t, killed)
	for range 2 { // checked, then sealed
		again, found, err := store.Open(l)
		ok(t, err)
		if found != (store.OpenResult{}) {
			t.Fatalf("found %+v", found)
		}
		rs, err := again.Records(t.Context(), gen)
		ok(t, err)
		if len(rs) != 1000 {
			t.Errorf("%d of 1000 records are there", len(rs))
		}
		ok(t, again.Close())
		if _, err := os.Stat(filepath.Join(killed, "state.db-wal")); err == nil {
			t.Error("the journal stayed")
		}
	}
}

func copyFiles(t testing.TB, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	ok(t, err)
	for _, e := range entries {
		if e.Name() == "lock" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		ok(t, err)
		ok(t, os.WriteFile(filepath.Join(to, e.Name()), b, 0o600))
	}
}
