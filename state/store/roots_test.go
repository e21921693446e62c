package store_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mailsync/state/store"
)

func registry(t *testing.T) *store.Registry {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	r, err := store.OpenRegistry()
	ok(t, err)
	return r
}

func known(t *testing.T, r *store.Registry, root string) (account string, there bool) {
	t.Helper()
	account, there, err := r.Known(root)
	ok(t, err)
	return account, there
}

func TestRootsAreRemembered(t *testing.T) {
	r := registry(t)
	for _, root := range []string{"/mail/ada", "/mail/with \"quotes\"\nand a line", "/mail/\xff\xfe", "/mail/b %d", "/mail/ünï"} {
		if _, there := known(t, r, root); there {
			t.Errorf("%q is known before", root)
		}
		ok(t, r.Remember(root, "account 1"))
		again, err := store.OpenRegistry()
		ok(t, err)
		if account, there := known(t, again, root+"/x/../"); !there || account != "account 1" {
			t.Errorf("%q is known as %q, %v", root, account, there)
		}
	}
}

// What a run that was killed had begun to write does not lie there for ever.
func TestLeftoversOfReplacedFilesGo(t *testing.T) {
	r := registry(t)
	ok(t, r.Remember("/mail", "one"))
	roots := filepath.Join(os.Getenv("XDG_STATE_HOME"), "mailsync", "roots")
	entries, err := os.ReadDir(roots)
	ok(t, err)
	dir := t.TempDir()
	ok(t, store.WriteLastRun(dir, store.LastRun{Command: "sync"}))
	for _, p := range []string{filepath.Join(roots, entries[0].Name()), filepath.Join(dir, "last-run.json")} {
		ok(t, os.WriteFile(p+".4711.new", []byte("half"), 0o600))
		ok(t, os.WriteFile(p+".mine.new", []byte("whole"), 0o600))
	}
	ok(t, r.Remember("/mail", "two"))
	ok(t, store.WriteLastRun(dir, store.LastRun{Command: "sync"}))
	for _, d := range []string{roots, dir} {
		left, err := filepath.Glob(filepath.Join(d, "*.new"))
		ok(t, err)
		if len(left) != 1 || !strings.HasSuffix(left[0], ".mine.new") {
			t.Errorf("beside %s there are %v", d, left)
		}
	}
}

func TestRememberingAgainWritesNothing(t *testing.T) {
	r := registry(t)
	ok(t, r.Remember("/mail", "one"))
	dir := filepath.Join(os.Getenv("XDG_STATE_HOME"), "mailsync", "roots")
	old := time.Unix(1_000_000_000, 0)
	entries, err := os.ReadDir(dir)
	ok(t, err)
	if len(entries) != 1 {
		t.Fatalf("there are %d files", len(entries))
	}
	file := filepath.Join(dir, entries[0].Name())
	ok(t, os.Chtimes(file, old, old))
	ok(t, r.Remember("/mail", "one"))
	if info, err := os.Stat(file); err != nil || !info.ModTime().Equal(old) {
		t.Errorf("the entry was written again: %v", err)
	}
	ok(t, r.Remember("/mail", "two"))
	if account, _ := known(t, r, "/mail"); account != "two" {
		t.Errorf("the entry is %q", account)
	}
	// An entry that is damaged still says that the root is known.
	ok(t, os.WriteFile(file, []byte("mailsync-root 1\nro"), 0o600))
	if account, there := known(t, r, "/mail"); !there || account != "" {
		t.Errorf("a damaged entry reads as %q, %v", account, there)
	}
}

func TestRootsAreRememberedAtOnce(t *testing.T) {
	r := registry(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := r.Remember(fmt.Sprint("/mail/", i), fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 8 {
		if account, there := known(t, r, fmt.Sprint("/mail/", i)); !there || account != fmt.Sprint(i) {
			t.Errorf("root %d is known as %q, %v", i, account, there)
		}
	}
}

func TestLastRun(t *testing.T) {
	dir := t.TempDir()
	if got, there, err := store.ReadLastRun(dir); err != nil || there || !got.Ended.IsZero() {
		t.Errorf("before the first: %+v, %v, %v", got, there, err)
	}
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	want := store.LastRun{Command: "sync", Started: at.Add(-time.Minute), Ended: at, Status: "ok", Summary: json.RawMessage(`{"fetched":3}`)}
	for range 2 {
		ok(t, store.WriteLastRun(dir, want))
		got, there, err := store.ReadLastRun(dir)
		ok(t, err)
		if !there || got.Command != want.Command || !got.Started.Equal(want.Started) || !got.Ended.Equal(want.Ended) ||
			got.Status != want.Status || string(got.Summary) != string(want.Summary) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	// Cut by a power failure: the state file's time stands in.
	ok(t, os.WriteFile(filepath.Join(dir, "last-run.json"), nil, 0o600))
	ok(t, os.WriteFile(filepath.Join(dir, "state.db"), nil, 0o600))
	touch(t, dir, at)
	if got, there, err := store.ReadLastRun(dir); err != nil || there || !got.Ended.Equal(at) {
		t.Errorf("after a cut: %+v, %v, %v", got, there, err)
	}
}

func TestClockRule(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, test := range []struct {
		last, now time.Time
		want      bool
	}{
		{time.Time{}, at, true},
		{at, at, true},
		{at, at.Add(-time.Nanosecond), false},
		{at, at.Add(400 * day), true},
		{at, at.Add(400*day + time.Nanosecond), false},
	} {
		got, reason := store.LastRun{Ended: test.last}.ClockTrusted(test.now)
		if got != test.want || got == (reason != "") {
			t.Errorf("last %v, now %v: %v, %q", test.last, test.now, got, reason)
		}
	}
}

func TestRemote(t *testing.T) {
	dir := t.TempDir()
	if store.IsRemote(dir) != store.IsRemote(filepath.Join(dir, "not", "there", "yet")) {
		t.Error("a path that is not there is not where its directory is")
	}
	if runtime.GOOS == "linux" && store.IsRemote("/proc") {
		t.Error("another machine serves /proc")
	}
}
