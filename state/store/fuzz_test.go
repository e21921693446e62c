package store_test

import (
	"bytes"
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/state"
	"mailsync/state/store"
)

// remains are a state directory's files, by name, as a run left them, and what they say.
type remains struct {
	files map[string][]byte
	gen   state.GenID
	want  content
}

// newRemains fills a store and returns what a run leaves that closed it, or that was
// killed.
func newRemains(t testing.TB, killed bool) remains {
	t.Helper()
	dir := t.TempDir()
	s, _, err := store.Open(lock(t, dir))
	ok(t, err)
	r := remains{gen: filled(t, s, 40), files: map[string][]byte{}}
	ok(t, s.SetAccount(t.Context(), state.AccountRow{ID: "x", Host: "imap.example.org", User: "ada", Ino: 1}))
	ok(t, s.Commit(t.Context(), state.Commit{Gen: r.gen, Keywords: []string{"$Junk"},
		Put:     []state.Record{{UID: 2, Status: state.Outstanding}, {UID: 4, Status: state.Released, Seen: state.Seen}},
		UIDLs:   []state.UIDL{{UID: 1, UIDL: "one"}},
		Intents: []state.Intent{{Key: state.IntentKey{Name: "a"}, UIDNext: 7, Bytes: 8}}}))
	r.want, err = read(t, s, r.gen)
	ok(t, err)
	if killed {
		copied := t.TempDir()
		copyFiles(t, dir, copied)
		dir = copied
		defer closed(t, s)
	} else {
		closed(t, s)
	}
	for _, name := range []string{"state.db", "state.db-wal", "state.seal"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			r.files[name] = b
		}
	}
	if _, journal := r.files["state.db-wal"]; journal != killed {
		t.Fatalf("a run leaves %v", slices.Sorted(maps.Keys(r.files)))
	}
	return r
}

// damage cuts a file and changes octets of it: three octets say where, one what.
func damage(b []byte, cut uint32, flips []byte) []byte {
	b = bytes.Clone(b)
	if cut > 0 {
		b = b[:int(cut)%(len(b)+1)]
	}
	for ; len(flips) >= 4 && len(b) > 0; flips = flips[4:] {
		b[int(binary.BigEndian.Uint32(flips)>>8)%len(b)] ^= flips[3]
	}
	return b
}

// meet opens what is left with other octets in one of the files, and demands what
// FuzzDamagedStore says.
func (left remains) meet(t *testing.T, name string, b []byte) {
	dir := t.TempDir()
	for other, b := range left.files {
		ok(t, os.WriteFile(filepath.Join(dir, other), b, 0o600))
	}
	if _, there := left.files[name]; there {
		ok(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	db, err := os.ReadFile(filepath.Join(dir, "state.db"))
	ok(t, err)

	if s, err := store.OpenReadOnly(dir); err == nil {
		if got, err := read(t, s, left.gen); err == nil && !reflect.DeepEqual(got, left.want) {
			t.Error("a reader is told other things than were committed")
		}
		closed(t, s)
	}

	// With a journal beside it SQLite may fold some of that into the file when it opens or closes it.
	_, journal := left.files["state.db-wal"]
	s, found, err := store.Open(lock(t, dir))
	switch {
	case err != nil:
		if state.KindOf(err) != state.Storage || !strings.Contains(err.Error(), "knows versions up to") {
			t.Fatal(err)
		}
		if kept, err := os.ReadFile(filepath.Join(dir, "state.db")); err != nil || !journal && !bytes.Equal(kept, db) {
			t.Fatalf("a newer version's file was touched: %v", err)
		}
		return
	case found.SetAside == "":
		if got, err := read(t, s, left.gen); err != nil || !reflect.DeepEqual(got, left.want) {
			t.Fatalf("it was kept, and says other things than were committed (%v)", err)
		}
	default:
		if kept, err := os.ReadFile(found.SetAside); err != nil || !journal && !bytes.Equal(kept, db) || !found.Fresh || found.Damage == nil {
			t.Fatalf("set aside: %+v, %v", found, err)
		}
		if boxes, err := s.Mailboxes(t.Context()); err != nil || len(boxes) > 0 {
			t.Fatalf("the fresh one has %v, %v", boxes, err)
		}
	}
	closed(t, s)
}

// Cut at the end of any page of the file or frame of its journal, or just before it.
func TestAFileCutAtAnyPage(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	for _, c := range []struct {
		killed      bool
		name        string
		first, page int
	}{{false, "state.db", 0, 4096}, {true, "state.db", 0, 4096}, {true, "state.db-wal", 32, 4096 + 24}} {
		left := newRemains(t, c.killed)
		whole := left.files[c.name]
		for end := c.first; end <= len(whole); end += c.page {
			for n := max(0, end-1); n <= end; n++ {
				left.meet(t, c.name, whole[:n])
				if t.Failed() {
					t.Fatalf("%s of a run that was killed: %v; cut at %d of %d", c.name, c.killed, n, len(whole))
				}
			}
		}
	}
}

// Whatever becomes of the octets of a state file, of its journal or of its seal: it says
// all that was committed, or is set aside as it is and a fresh one begins, or it is left
// alone as a newer version's.
func FuzzDamagedStore(f *testing.F) {
	left := []remains{newRemains(f, false), newRemains(f, true)}
	names := []string{"state.db", "state.db-wal", "state.seal"}
	for which := range byte(6) {
		f.Add(which, uint32(0), []byte{})
		f.Add(which, uint32(4096), []byte{})
		f.Add(which, uint32(3*4096+1), []byte{})
		f.Add(which, uint32(0), []byte{0, 0, 60, 1, 0, 0, 63, 1})
		f.Add(which, uint32(0), []byte{0, 0x20, 200, 4})
		f.Add(which, uint32(0), []byte{0, 0, 18, 3, 0, 0, 19, 3})
	}
	f.Add(byte(0), uint32(0), []byte{0, 0, 63, 1}) // a newer version's
	f.Fuzz(func(t *testing.T, which byte, cut uint32, flips []byte) {
		one, name := left[which%2], names[int(which/2)%3]
		one.meet(t, name, damage(one.files[name], cut, flips))
	})
}

// Whatever stands in the small files beside the state: nothing of it is an error.
func FuzzSmallFiles(f *testing.F) {
	dir := f.TempDir()
	ok(f, store.WriteLastRun(dir, store.LastRun{Command: "sync", Ended: time.Unix(1_700_000_000, 0), Status: "ok"}))
	lastRun, err := os.ReadFile(filepath.Join(dir, "last-run.json"))
	ok(f, err)
	for _, b := range [][]byte{lastRun, nil, []byte("mailsync-root 1\nroot \"/x\"\naccount \"y\"\nsince z\n")} {
		f.Add(b, uint32(0), []byte{})
		f.Add(b, uint32(50), []byte{})
		f.Add(b, uint32(0), []byte{0, 0, 30, 1})
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint32, flips []byte) {
		dir := t.TempDir()
		t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "home"))
		roots := filepath.Join(dir, "home", "mailsync", "roots")
		ok(t, os.MkdirAll(roots, 0o700))
		registry, err := store.OpenRegistry()
		ok(t, err)
		ok(t, registry.Remember("/x", "y"))
		entries, err := os.ReadDir(roots)
		ok(t, err)
		b = damage(b, cut, flips)
		for _, path := range []string{filepath.Join(dir, "last-run.json"), filepath.Join(roots, entries[0].Name())} {
			ok(t, os.WriteFile(path, b, 0o600))
		}

		if known, there, err := registry.Known("/x"); err != nil || !there {
			t.Fatalf("the root is %q, %v, %v", known, there, err)
		}
		last, there, err := store.ReadLastRun(dir)
		if err != nil || there == last.Ended.IsZero() {
			t.Fatalf("the last run is %+v, %v, %v", last, there, err)
		}
		if trusted, why := last.ClockTrusted(time.Now()); trusted == (why != "") {
			t.Fatalf("the clock is trusted: %v, %q", trusted, why)
		}
	})
}
