//go:build unix

package secret

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"mailsync/state"
)

// A pipe into which nobody writes hangs no run.
func TestPipeWithoutAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Source{File: path, Timeout: 20 * time.Millisecond}).Read(t.Context()); state.KindOf(err) != state.Login {
		t.Errorf("%v", err)
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	if _, err := (Source{File: path}).Read(ctx); !errors.Is(err, enough) {
		t.Errorf("%v", err)
	}
	// Those that were left behind get what comes, and so does one that waits.
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
}
