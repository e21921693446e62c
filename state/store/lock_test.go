package store_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailsync/state"
	"mailsync/state/store"
)

// With this variable set the test binary holds the lock of that directory until it is
// killed.
const holdEnv = "MAILSYNC_TEST_HOLD_LOCK"

func TestMain(m *testing.M) {
	if dir := os.Getenv(commitEnv); dir != "" {
		commitUntilStopped(dir)
	}
	if dir := os.Getenv(holdEnv); dir != "" {
		if _, err := store.TryLock(dir); err != nil {
			os.Stdout.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Stdout.WriteString("held\n")
		_, _ = os.Stdin.Read(make([]byte, 1)) // never comes
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// hold starts a process that holds a lock.
func hold(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdEnv+"="+dir)
	_, err := cmd.StdinPipe()
	ok(t, err)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "held\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	return cmd
}

func TestALockDiesWithItsProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	holder := hold(t, dir)
	_, err := store.TryLock(dir)
	if state.KindOf(err) != state.Locked {
		t.Fatalf("got %v", err)
	}
	if pid := strconv.Itoa(holder.Process.Pid); !strings.Contains(err.Error(), pid) {
		t.Errorf("%q does not name process %s", err, pid)
	}
	if !strings.Contains(state.HintOf(err), "--wait") {
		t.Errorf("the hint is %q", state.HintOf(err))
	}
	ok(t, holder.Process.Kill())
	_ = holder.Wait() // it was killed
	l, err := store.TryLock(dir)
	ok(t, err)
	ok(t, l.Unlock())
}

func TestWaitingForALock(t *testing.T) {
	dir := t.TempDir()
	l, err := store.TryLock(dir)
	ok(t, err)
	if _, err := store.WaitLock(t.Context(), dir, 0); state.KindOf(err) != state.Locked {
		t.Errorf("without a wait: %v", err)
	}
	if _, err := store.WaitLock(t.Context(), dir, time.Millisecond); state.KindOf(err) != state.Locked {
		t.Errorf("after a short wait: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.WaitLock(ctx, dir, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	got := make(chan error)
	go func() {
		l, err := store.WaitLock(t.Context(), dir, time.Hour)
		if err == nil {
			err = l.Unlock()
		}
		got <- err
	}()
	ok(t, l.Unlock())
	ok(t, <-got)
}

// A lock file that someone removed locks nobody out, so a new one takes its place.
func TestARemovedLockIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	l, err := store.TryLock(dir)
	ok(t, err)
	ok(t, l.Unlock())
	ok(t, os.Remove(filepath.Join(dir, "lock")))
	l, err = store.TryLock(dir)
	ok(t, err)
	defer func() { ok(t, l.Unlock()) }()
	if _, err := store.TryLock(dir); state.KindOf(err) != state.Locked {
		t.Errorf("got %v", err)
	}
}

func TestAStateDirectoryThatIsAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	ok(t, os.WriteFile(dir, nil, 0o600))
	if _, err := store.TryLock(dir); state.KindOf(err) != state.Storage {
		t.Errorf("got %v", err)
	}
}
