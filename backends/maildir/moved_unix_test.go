//go:build unix

package maildir_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// A Maildir that is moved, removed or replaced while messages are delivered and flagged in it: Sync fails with something to do
// about it, so nothing is recorded as here that is not, and what is at the path now is as it was.
func TestMaildirThatMovesInMidRun(t *testing.T) {
	for what, change := range map[string]func(t *testing.T, at, away string){
		"moved":   func(t *testing.T, at, away string) { rename(t, at, away) },
		"removed": func(t *testing.T, at, _ string) { removeAll(t, at) },
		"replaced": func(t *testing.T, at, away string) {
			rename(t, at, away)
			for _, sub := range []string{"cur", "new", "tmp"} {
				if err := os.MkdirAll(filepath.Join(at, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			root := t.TempDir()
			md := realInbox(t, root)
			scan(t, md)
			first := deliver(t, md, 1, state.Seen, bodies[1])
			if err := md.Sync(); err != nil {
				t.Fatal(err)
			}
			deliver(t, md, 2, state.Seen, bodies[2])
			at := filepath.Join(root, "INBOX")
			change(t, at, filepath.Join(root, "away"))
			if place, err := md.Flag(first, state.Flagged, state.Flagged, &state.Keywords{}); err != nil {
				t.Logf("flag: %v", err)
			} else if _, err := os.Stat(filepath.Join(at, place.Name)); err == nil {
				t.Errorf("%s is there", place.Name)
			}
			err := md.Sync()
			if err == nil || errors.Is(err, disk.ErrMoved) && (state.KindOf(err) != state.Storage || state.HintOf(err) == "") {
				t.Errorf("sync: %v (kind %d, hint %q)", err, state.KindOf(err), state.HintOf(err))
			}
			if left, err := os.ReadDir(filepath.Join(at, "cur")); err == nil && len(left) > 0 {
				t.Errorf("in the other Maildir: %v", left)
			}
			// What is removed is looked for at its path, not in the folder that was there.
			if err := md.Trash(first); err == nil {
				t.Error("moved to the trash what is not there")
			}
		})
	}
}

func rename(t *testing.T, old, new string) {
	t.Helper()
	if err := os.Rename(old, new); err != nil {
		t.Fatal(err)
	}
}

func removeAll(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}
