package state_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"mailsync/state"
)

// version1 makes a state directory of a file that was written before special uses were kept,
// with one mailbox of two messages.
func version1(t *testing.T) (dir string) {
	t.Helper()
	packed, err := os.ReadFile("testdata/version1.db.gz")
	ok(t, err)
	r, err := gzip.NewReader(bytes.NewReader(packed))
	ok(t, err)
	db, err := io.ReadAll(r)
	ok(t, err)
	dir = t.TempDir()
	ok(t, os.WriteFile(filepath.Join(dir, "state.db"), db, 0o600))
	return dir
}

// wants expects the one mailbox of version1, with a special use.
func wants(t *testing.T, s *state.Store, use string) state.MailboxRow {
	t.Helper()
	rows, err := s.Mailboxes(t.Context())
	ok(t, err)
	if len(rows) != 1 || rows[0].Raw != "Gesendete Elemente" || len(rows[0].Keywords) != 1 || rows[0].Use != use {
		t.Fatalf("the mailboxes are %+v, want one with the use %q", rows, use)
	}
	rs, err := s.Records(t.Context(), rows[0].Current().ID)
	ok(t, err)
	if len(rs) != 2 {
		t.Errorf("it has %d records, want 2", len(rs))
	}
	return rows[0]
}

func version(t *testing.T, dir string) byte {
	t.Helper()
	db, err := os.ReadFile(filepath.Join(dir, "state.db"))
	ok(t, err)
	return db[63] // user_version
}

func TestAFileOfVersion1IsReadAsItIs(t *testing.T) {
	dir := version1(t)
	r, err := state.OpenReadOnly(dir)
	ok(t, err)
	wants(t, r, "")
	closed(t, r)

	// Whoever opens it and writes nothing leaves it at that version.
	l := lock(t, dir)
	for range 2 {
		s, found, err := state.Open(l)
		ok(t, err)
		if found.SetAside != "" || found.Fresh {
			t.Fatalf("it was set aside: %v", found.Damage)
		}
		wants(t, s, "")
		closed(t, s)
		if v := version(t, dir); v != 1 {
			t.Errorf("reading made it version %d", v)
		}
	}
	before := look(t, dir)
	s, _, err := state.Open(l)
	ok(t, err)
	closed(t, s)
	if after := look(t, dir); !maps.Equal(before, after) {
		t.Errorf("an open changed\n%v to\n%v", before, after)
	}
}

func TestAFileOfVersion1IsBroughtUpByTheFirstWrite(t *testing.T) {
	for _, remote := range []bool{false, true} {
		dir := version1(t)
		l := lock(t, dir)
		s, _, err := state.Open(l)
		ok(t, err)
		if remote {
			s.PretendRemote()
		}
		row := wants(t, s, "")
		row.Use = "sent"
		ok(t, s.SaveMailbox(t.Context(), &row))
		closed(t, s)
		if v := version(t, dir); v != 2 {
			t.Errorf("it is of version %d", v)
		}
		for _, seal := range []bool{true, false} { // trusted, and checked row by row
			if !seal {
				ok(t, os.Remove(filepath.Join(dir, "state.seal")))
			}
			s, found, err := state.Open(l)
			ok(t, err)
			if found.SetAside != "" {
				t.Fatalf("it was set aside: %v", found.Damage)
			}
			wants(t, s, "sent")
			closed(t, s)
		}
	}
}

// Cut off at any byte of the journal, the file is of one version or of the other, and whole.
func TestAnUpgradeThatIsCutOffLosesNothing(t *testing.T) {
	dir := version1(t)
	l := lock(t, dir)
	s, _, err := state.Open(l)
	ok(t, err)
	row := wants(t, s, "")
	row.Use = "sent"
	ok(t, s.SaveMailbox(t.Context(), &row))
	db, err := os.ReadFile(filepath.Join(dir, "state.db"))
	ok(t, err)
	wal, err := os.ReadFile(filepath.Join(dir, "state.db-wal"))
	ok(t, err)
	closed(t, s)

	uses := map[string]int{}
	for n := 0; ; n = min(n+2060, len(wal)) {
		cut := t.TempDir()
		ok(t, os.WriteFile(filepath.Join(cut, "state.db"), db, 0o600))
		ok(t, os.WriteFile(filepath.Join(cut, "state.db-wal"), wal[:n], 0o600))
		s := open(t, cut)
		rows, err := s.Mailboxes(t.Context())
		ok(t, err)
		if len(rows) != 1 {
			t.Fatalf("cut at %d of %d: %+v", n, len(wal), rows)
		}
		wants(t, s, rows[0].Use)
		uses[rows[0].Use]++
		if n == len(wal) {
			break
		}
	}
	if len(uses) != 2 {
		t.Errorf("before and after the commit it was %v", uses)
	}
}

func TestASpecialUseOfNoMailboxIsDamage(t *testing.T) {
	dir := t.TempDir()
	l := lock(t, dir)
	s, _, err := state.Open(l)
	ok(t, err)
	row := state.MailboxRow{Raw: "Sent", Path: "Sent", Use: "sent"}
	ok(t, s.SaveMailbox(t.Context(), &row))
	closed(t, s)
	path := filepath.Join(dir, "state.db")
	db, err := os.ReadFile(path)
	ok(t, err)
	if n := bytes.Count(db, []byte("sent")); n != 1 {
		t.Fatalf("the use stands there %d times", n)
	}
	ok(t, os.WriteFile(path, bytes.Replace(db, []byte("sent"), []byte("junk"), 1), 0o600))
	_, found, err := state.Open(l)
	ok(t, err)
	if found.SetAside == "" {
		t.Error("a use that is not the one that was written was believed")
	}
}
