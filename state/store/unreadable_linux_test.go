package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"mailsync/state"
	"mailsync/state/store"
)

// Where a part of what lies there cannot be read, what seems damaged may not be: nothing is
// set aside.
func TestWhatCannotBeReadIsNotDamaged(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "state.db")
	ok(t, os.WriteFile(file, []byte("this is no state file"), 0o600))
	// It is there, and reading its first byte is EIO.
	ok(t, os.Symlink("/proc/self/mem", file+"-journal"))
	lock, err := store.TryLock(dir)
	ok(t, err)
	defer func() { ok(t, lock.Unlock()) }()
	_, result, err := store.Open(lock)
	if state.KindOf(err) != state.Storage || state.HintOf(err) == "" || result.SetAside != "" {
		t.Errorf("%+v, %v (hint %q)", result, err, state.HintOf(err))
	}
	if _, err := os.Lstat(file); err != nil {
		t.Error(err)
	}
}
