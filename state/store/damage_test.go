package store

import (
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"mailsync/state"
)

// What is no error of SQLite's keeps its own words: a seal that has no room, where the file is closed.
func TestFaultOfTheSystemKeepsItsWords(t *testing.T) {
	cause := &fs.PathError{Op: "write", Path: "/m/.mailsync/state.seal", Err: syscall.ENOSPC}
	if err := sqlFault("close /m/.mailsync/state.db", cause); state.KindOf(err) != state.Storage || !strings.Contains(err.Error(), "no space left on device") {
		t.Error(err)
	}
}
