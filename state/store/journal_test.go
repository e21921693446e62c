package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"mailsync/state"
	"mailsync/state/store"
)

// killed returns a directory as a run that committed twice and was killed leaves it.
func killed(t *testing.T) (dir string, gen state.GenID) {
	t.Helper()
	live := t.TempDir()
	s := open(t, live)
	gen = filled(t, s, 100)
	ok(t, s.Commit(t.Context(), state.Commit{Gen: gen, Put: []state.Record{{UID: 1, Status: state.Released}}}))
	dir = t.TempDir()
	copyFiles(t, live, dir)
	return dir, gen
}

// A base that lost a commit could take what we deleted for the user's own deletion.
func TestAJournalThatLostCommitsIsSetAside(t *testing.T) {
	spoil := map[string]func(t *testing.T, wal string){
		"cut by a commit": func(t *testing.T, wal string) {
			info, err := os.Stat(wal)
			ok(t, err)
			ok(t, os.Truncate(wal, info.Size()-3*(4096+24)))
		},
		"cut to nothing": func(t *testing.T, wal string) { ok(t, os.Truncate(wal, 0)) },
		"taken away":     func(t *testing.T, wal string) { ok(t, os.Remove(wal)) },
		"flipped in the middle": func(t *testing.T, wal string) {
			b, err := os.ReadFile(wal)
			ok(t, err)
			b[len(b)/2] ^= 4
			ok(t, os.WriteFile(wal, b, 0o600))
		},
		"flipped in its header": func(t *testing.T, wal string) {
			b, err := os.ReadFile(wal)
			ok(t, err)
			b[17] ^= 4
			ok(t, os.WriteFile(wal, b, 0o600))
		},
	}
	for name, spoil := range spoil {
		t.Run(name, func(t *testing.T) {
			dir, _ := killed(t)
			ok(t, os.Remove(filepath.Join(dir, "state.db-shm")))
			spoil(t, filepath.Join(dir, "state.db-wal"))
			s, found, err := store.Open(lock(t, dir))
			ok(t, err)
			defer closed(t, s)
			if found.SetAside == "" || !found.Fresh {
				t.Fatalf("found %+v", found)
			}
			if _, err := os.Stat(found.SetAside); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAJournalWithoutItsFileIsSetAside(t *testing.T) {
	dir, _ := killed(t)
	ok(t, os.Remove(filepath.Join(dir, "state.db")))
	s, found, err := store.Open(lock(t, dir))
	ok(t, err)
	defer closed(t, s)
	if found.SetAside == "" || !found.Fresh {
		t.Fatalf("found %+v", found)
	}
	if _, err := os.Stat(found.SetAside + "-wal"); err != nil {
		t.Error(err)
	}
	filled(t, s, 3)
}

func TestAnOlderCopyInPlaceIsSetAside(t *testing.T) {
	dir := t.TempDir()
	l := lock(t, dir)
	s, _, err := store.Open(l)
	ok(t, err)
	gen := filled(t, s, 10)
	ok(t, s.Close())
	path := filepath.Join(dir, "state.db")
	older, err := os.ReadFile(path)
	ok(t, err)

	s, _, err = store.Open(l)
	ok(t, err)
	ok(t, s.Commit(t.Context(), state.Commit{Gen: gen, Put: []state.Record{{UID: 1, Status: state.KeptAway}}}))
	ok(t, s.Close())
	ok(t, os.WriteFile(path, older, 0o600))
	s, found, err := store.Open(l)
	ok(t, err)
	defer closed(t, s)
	if found.SetAside == "" {
		t.Error("an older state file was taken for the current one")
	}
}

// The seal is a help: without it the file is checked, and stays.
func TestALostSealIsNoDamage(t *testing.T) {
	for _, content := range []string{"", "noise\n"} {
		p := newSpecimen(t)
		p.seal = []byte(content)
		if p.meet(t, p.db, "seal "+content, 0) {
			t.Errorf("the store was set aside for its seal being %q", content)
		}
	}
}

// What the disk does not let us read or write is not damage.
func TestADiskThatRefusesSetsNothingAside(t *testing.T) {
	storage := func(t *testing.T, dir string, err error) {
		t.Helper()
		if state.KindOf(err) != state.Storage {
			t.Errorf("got %v, of kind %d", err, state.KindOf(err))
		}
		asides, globErr := filepath.Glob(filepath.Join(dir, "*.broken-*"))
		ok(t, globErr)
		if len(asides) != 0 {
			t.Errorf("set aside: %v", asides)
		}
	}
	t.Run("a directory in its place", func(t *testing.T) {
		dir := t.TempDir()
		ok(t, os.Mkdir(filepath.Join(dir, "state.db"), 0o700))
		_, _, err := store.Open(lock(t, dir))
		storage(t, dir, err)
	})
	t.Run("a link in its place", func(t *testing.T) {
		dir := t.TempDir()
		ok(t, os.Symlink("elsewhere", filepath.Join(dir, "state.db")))
		_, _, err := store.Open(lock(t, dir))
		storage(t, dir, err)
	})
	t.Run("the place of the new file is taken", func(t *testing.T) {
		dir := t.TempDir()
		ok(t, os.MkdirAll(filepath.Join(dir, "state.db.new", "x"), 0o700))
		s := open(t, dir)
		storage(t, dir, s.SetAccount(t.Context(), state.AccountRow{ID: "x"}))
		if got, err := s.Account(t.Context()); err != nil || got.ID != "" {
			t.Errorf("what failed is remembered: %+v, %v", got, err)
		}
		ok(t, os.RemoveAll(filepath.Join(dir, "state.db.new")))
		ok(t, s.SetAccount(t.Context(), state.AccountRow{ID: "x"}))
	})
}

func TestModesWhateverTheUmask(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // it has no such modes
	}
	for _, umask := range []int{0, 0o277} {
		restore := setUmask(umask)
		dir := filepath.Join(t.TempDir(), "a", "b")
		l, err := store.TryLock(dir)
		if err == nil {
			var s *store.Store
			if s, _, err = store.Open(l); err == nil {
				err = s.SetAccount(t.Context(), state.AccountRow{ID: "x"})
				checkModes(t, dir, umask)
				err = errors.Join(err, s.Close(), l.Unlock())
			}
		}
		restore()
		ok(t, err)
		checkModes(t, dir, umask)
	}
}

func checkModes(t *testing.T, dir string, umask int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Dir(dir), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("umask %o: %s is %o, want %o", umask, path, info.Mode().Perm(), want)
		}
		return nil
	})
	ok(t, err)
}
