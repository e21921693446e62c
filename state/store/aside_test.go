package store_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"mailsync/state"
	"mailsync/state/store"
)

// content is everything a store says.
type content struct {
	Account   state.AccountRow
	Mailboxes []state.MailboxRow
	Records   []state.Record
	Proofs    map[state.UID]state.Proof
	UIDLs     []state.UIDL
	Intents   []state.Intent
}

func read(t testing.TB, s *store.Store, gen state.GenID) (c content, err error) {
	t.Helper()
	ctx := t.Context()
	var errs [6]error
	c.Account, errs[0] = s.Account(ctx)
	c.Mailboxes, errs[1] = s.Mailboxes(ctx)
	c.Records, errs[2] = s.Records(ctx, gen)
	c.Proofs, errs[3] = s.Proofs(ctx, gen, nil)
	c.UIDLs, errs[4] = s.UIDLs(ctx, gen)
	c.Intents, errs[5] = s.Intents(ctx, gen)
	return c, errors.Join(errs[:]...)
}

// specimen is a closed store's files and what it says.
type specimen struct {
	db, seal []byte
	gen      state.GenID
	want     content
}

func newSpecimen(t *testing.T) specimen {
	t.Helper()
	dir := t.TempDir()
	l := lock(t, dir)
	s, _, err := store.Open(l)
	ok(t, err)
	p := specimen{gen: filled(t, s, 300)}
	ok(t, s.SetAccount(t.Context(), state.AccountRow{ID: "x", Host: "imap.example.org", User: "ada", Ino: 1}))
	ok(t, s.Commit(t.Context(), state.Commit{Gen: p.gen, Keywords: []string{"$Junk", "later"},
		Put:     []state.Record{{UID: 2, Status: state.Outstanding}, {UID: 4, Status: state.KeptAway, Seen: state.Seen}},
		UIDLs:   []state.UIDL{{UID: 1, UIDL: "one"}, {UID: 3, UIDL: "three"}},
		Intents: []state.Intent{{Key: state.IntentKey{Name: "a"}, UIDNext: 7, Bytes: 8}}}))
	p.want, err = read(t, s, p.gen)
	ok(t, err)
	ok(t, s.Close())
	p.db, err = os.ReadFile(filepath.Join(dir, "state.db"))
	ok(t, err)
	p.seal, err = os.ReadFile(filepath.Join(dir, "state.seal"))
	ok(t, err)
	return p
}

// meet opens a store with these bytes and demands that it is whole and right, or set
// aside, or refused as a newer version's. It returns whether it was set aside.
func (p specimen) meet(t *testing.T, db []byte, what string, at int) bool {
	t.Helper()
	dir := t.TempDir()
	l := lock(t, dir)
	path := filepath.Join(dir, "state.db")
	ok(t, os.WriteFile(path, db, 0o600))
	ok(t, os.WriteFile(filepath.Join(dir, "state.seal"), p.seal, 0o600))
	p.trusted(t, dir, what, at)

	s, found, err := store.Open(l)
	if err != nil {
		if state.KindOf(err) != state.Storage || !strings.Contains(err.Error(), "knows versions up to") {
			t.Errorf("%s %d: %v", what, at, err)
		}
		return false
	}
	if found.SetAside == "" {
		if got, err := read(t, s, p.gen); err != nil || !reflect.DeepEqual(got, p.want) {
			t.Errorf("%s %d: it was kept, and says other things than were committed (%v)", what, at, err)
		}
		closed(t, s)
		return false
	}
	if kept, err := os.ReadFile(found.SetAside); err != nil || !bytes.Equal(kept, db) {
		t.Errorf("%s %d: the file set aside is not the damaged one: %v", what, at, err)
	}
	if !found.Fresh || found.Damage == nil {
		t.Errorf("%s %d: found %+v", what, at, found)
	}
	filled(t, s, 3) // the fresh one can be written, and stays
	closed(t, s)
	s, found, err = store.Open(l)
	if err != nil || found.Fresh {
		t.Fatalf("%s %d: the fresh one did not stay: %+v, %v", what, at, found, err)
	}
	closed(t, s)
	return true
}

// trusted opens the store as if its seal held, and demands that it says the truth or
// nothing.
func (p specimen) trusted(t *testing.T, dir, what string, at int) {
	t.Helper()
	s, err := store.OpenReadOnly(dir)
	if err != nil {
		return
	}
	defer closed(t, s)
	if got, err := read(t, s, p.gen); err == nil && !reflect.DeepEqual(got, p.want) {
		t.Errorf("%s %d: trusted, it says other things than were committed", what, at)
	}
}

func TestACutFileIsSetAside(t *testing.T) {
	p := newSpecimen(t)
	for n := 0; n < len(p.db); n += max(1, min(n/2+1, 2500)) {
		if !p.meet(t, p.db[:n], "cut at", n) {
			t.Errorf("a file cut at %d of %d was not set aside", n, len(p.db))
		}
	}
	if p.meet(t, p.db, "whole", 0) {
		t.Error("a whole file was set aside")
	}
}

func TestNoiseIsSetAside(t *testing.T) {
	p := newSpecimen(t)
	rng := rand.New(rand.NewPCG(3, 4))
	for i, size := range []int{1, 100, 4096, 40_000} {
		noise := make([]byte, size)
		for j := range noise {
			noise[j] = byte(rng.Uint32())
		}
		if !p.meet(t, noise, "noise", i) {
			t.Errorf("%d bytes of noise were not set aside", size)
		}
		if size >= 4096 { // a page of it in the middle of a whole file
			db := bytes.Clone(p.db)
			copy(db[4096*(i+1):4096*(i+2)], noise)
			if !p.meet(t, db, "a page of noise", i+1) {
				t.Errorf("page %d of noise was not set aside", i+1)
			}
		}
	}
}

func TestAFlippedBitIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	p := newSpecimen(t)
	rng := rand.New(rand.NewPCG(5, 6))
	aside := 0
	for range 60 {
		db := bytes.Clone(p.db)
		at := rng.IntN(len(db))
		if rng.IntN(4) == 0 {
			at = rng.IntN(200) // the header and the schema
		}
		db[at] ^= 1 << rng.IntN(8)
		if p.meet(t, db, "bit flipped at", at) {
			aside++
		}
	}
	if aside < 10 {
		t.Errorf("only %d of 60 were set aside", aside)
	}
}

func TestAnotherProgramsFileIsSetAside(t *testing.T) {
	p := newSpecimen(t)
	db := bytes.Clone(p.db)
	db[68] = 0
	if !p.meet(t, db, "application id", 0) {
		t.Error("another program's SQLite file was taken for ours")
	}
}

func TestANewerVersionIsRefused(t *testing.T) {
	p := newSpecimen(t)
	dir := t.TempDir()
	db := bytes.Clone(p.db)
	db[63]++ // user_version
	path := filepath.Join(dir, "state.db")
	ok(t, os.WriteFile(path, db, 0o600))
	_, _, err := store.Open(lock(t, dir))
	if err == nil || state.KindOf(err) != state.Storage || state.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	if kept, err := os.ReadFile(path); err != nil || !bytes.Equal(kept, db) {
		t.Errorf("the file was touched: %v", err)
	}
	if _, err := store.OpenReadOnly(dir); err == nil || !strings.Contains(err.Error(), "knows versions up to") || state.HintOf(err) == "" {
		t.Errorf("a reader got %v", err)
	}
}
