package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailsync/state"
	"mailsync/state/store"
)

func TestTheHolderOfALock(t *testing.T) {
	dir := t.TempDir()
	nobody := func(when string) {
		t.Helper()
		if h, held := store.ReadHolder(dir); held || h != (store.Holder{}) {
			t.Errorf("%s: %+v, %v", when, h, held)
		}
	}
	nobody("without a lock")
	began := time.Now().Add(-time.Second)
	l, err := store.TryLock(dir)
	ok(t, err)
	l.Describe("sync")
	h, held := store.ReadHolder(dir)
	if !held || h.PID != os.Getpid() || h.Command != "sync" || h.Since.Before(began.Truncate(time.Second)) || time.Since(h.Since) > time.Minute {
		t.Errorf("got %+v, %v", h, held)
	}
	_, err = store.TryLock(dir)
	if state.KindOf(err) != state.Locked || !strings.Contains(err.Error(), "another run (sync, process ") {
		t.Errorf("got %v", err)
	}
	ok(t, l.Unlock())
	nobody("after the run")
}

// A run that was killed leaves its note in the lock, and does not hold it.
func TestARunThatWasKilledIsNotUnderWay(t *testing.T) {
	dir := t.TempDir()
	holder := hold(t, dir)
	if h, held := store.ReadHolder(dir); !held || h.PID != holder.Process.Pid {
		t.Errorf("while it runs: %+v, %v", h, held)
	}
	ok(t, holder.Process.Kill())
	_ = holder.Wait() // it was killed
	if h, held := store.ReadHolder(dir); held || h.PID != holder.Process.Pid {
		t.Errorf("after it was killed: %+v, %v", h, held)
	}
	l, err := store.TryLock(dir)
	ok(t, err)
	ok(t, l.Unlock())
	if h, held := store.ReadHolder(dir); held || h.PID != 0 {
		t.Errorf("after the next run: %+v, %v", h, held)
	}
}

// Who looks at the moment in which a run starts does not keep it from starting.
func TestLookingTakesNoLockAway(t *testing.T) {
	dir := t.TempDir()
	for range 100 {
		// As a run leaves it that was killed: only then a look takes the shared lock.
		ok(t, os.WriteFile(filepath.Join(dir, "lock"), []byte("1\n"), 0o600))
		looked := make(chan struct{})
		go func() {
			store.ReadHolder(dir)
			close(looked)
		}()
		l, err := store.TryLock(dir)
		ok(t, err)
		<-looked
		ok(t, l.Unlock())
	}
}

// What a lock of an older version, or a disk, left in it.
func TestLocksThatCannotBeRead(t *testing.T) {
	for content, pid := range map[string]int{
		"": 0, "\n": 0, "4711\n": 4711, "x y z": 0, "-3 2026-01-01T00:00:00Z sync": 0, "4711 noon sync": 4711, "\x00\x00\x00": 0,
		strings.Repeat("9", 500): 0,
	} {
		dir := t.TempDir()
		ok(t, os.WriteFile(filepath.Join(dir, "lock"), []byte(content), 0o600))
		if h, held := store.ReadHolder(dir); held || h.PID != pid {
			t.Errorf("%q: %+v, %v", content, h, held)
		}
	}
}

func TestTheLastSuccessStays(t *testing.T) {
	dir := t.TempDir()
	ended := time.Now().UTC().Truncate(time.Second)
	ok(t, store.WriteLastRun(dir, store.LastRun{Command: "sync", Ended: ended, Status: "ok", Success: &store.Success{Command: "sync", Ended: ended}}))
	last, _, err := store.ReadLastRun(dir)
	ok(t, err)
	last.Status, last.Ended = "failed", ended.Add(time.Hour)
	ok(t, store.WriteLastRun(dir, last))
	last, known, err := store.ReadLastRun(dir)
	ok(t, err)
	if !known || last.Status != "failed" || last.Success == nil || !last.Success.Ended.Equal(ended) {
		t.Errorf("got %+v", last)
	}
	// A file of the format before names no success.
	ok(t, os.WriteFile(filepath.Join(dir, "last-run.json"), []byte(`{"command":"sync","started":"2026-01-01T00:00:00Z","ended":"2026-01-01T00:00:01Z","status":"ok"}`), 0o600))
	last, known, err = store.ReadLastRun(dir)
	ok(t, err)
	if !known || last.Success != nil || last.Status != "ok" {
		t.Errorf("of the format before: %+v, %v", last, known)
	}
}
