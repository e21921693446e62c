//go:build unix

package main_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// Without a state file, or with a damaged one, the Maildirs alone are enough.
func TestStateFileLost(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	// Messages with one Message-ID, and equal ones, are the ones to be mixed up.
	var twins []corpus.Message
	for _, m := range corpus.Odd() {
		if m.Plain() && strings.HasPrefix(m.Name, "the same") {
			twins = append(twins, m)
		}
	}
	client, n := lay(t, srv, 5, 200, twins...)
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, w *world)
	}{
		{"deleted", func(t *testing.T, w *world) {
			for _, f := range stateFiles(t, w) {
				remove(t, f)
			}
		}},
		{"the folder deleted", func(t *testing.T, w *world) { remove(t, filepath.Join(w.root, ".mailsync")) }},
		{"cut to half", func(t *testing.T, w *world) {
			for _, f := range stateFiles(t, w) {
				info, err := os.Stat(f)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(f, info.Size()/2); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"overwritten with noise", func(t *testing.T, w *world) {
			for _, f := range stateFiles(t, w) {
				noise(t, f)
			}
		}},
		{"cut to nothing", func(t *testing.T, w *world) {
			for _, f := range stateFiles(t, w) {
				if err := os.Truncate(f, 0); err != nil {
					t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, bin, srv)
			w.syncOK()
			before := entries(t, w.root)
			c.damage(t, w)
			a := w.syncOK()
			if a.Fetched != 0 || a.Here != n || a.DeletedOnDisk != 0 {
				t.Errorf("fetched %d, here %d of %d: %+v", a.Fetched, a.Here, n, a)
			}
			after := entries(t, w.root)
			for p := range before {
				if _, ok := after[p]; !ok {
					t.Errorf("%s is gone", p)
				}
			}
			compareAll(t, client, w.root)
			if a := w.syncOK(); a.Fetched != 0 {
				t.Errorf("and the run after it fetched %d", a.Fetched)
			}
		})
	}
}

// stateFiles are the SQLite files of an account, with what lies beside them.
func stateFiles(t *testing.T, w *world) []string {
	t.Helper()
	var all []string
	for _, name := range names(t, filepath.Join(w.root, ".mailsync")) {
		p := filepath.Join(w.root, ".mailsync", name)
		if info, err := os.Stat(p); err != nil || !info.Mode().IsRegular() {
			continue
		}
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(text, []byte("SQLite format 3")) {
			for _, beside := range []string{"", "-wal", "-shm", "-journal"} {
				if _, err := os.Stat(p + beside); err == nil {
					all = append(all, p+beside)
				}
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("there is no state file")
	}
	return all
}

// noise overwrites a file with as many random bytes.
func noise(t *testing.T, p string) {
	t.Helper()
	info, err := os.Stat(p)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.NewChaCha8([32]byte{6})
	bytes := make([]byte, info.Size())
	if _, err := random.Read(bytes); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, p string) {
	t.Helper()
	if err := os.RemoveAll(p); err != nil {
		t.Fatal(err)
	}
}
