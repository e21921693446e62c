//go:build unix

package store_test

import (
	"fmt"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"mailsync/state"
)

// limitFiles makes every write beyond so many bytes of a file fail.
func limitFiles(bytes string) {
	n, err := strconv.ParseInt(bytes, 10, 64)
	if err != nil {
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	assign(&limit.Cur, n)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
}

// assign hides that the limit is signed on some systems.
func assign[T int64 | uint64](field *T, n int64) { *field = T(n) }

// The disk takes no more: nothing is set aside, and what was committed is there.
func TestADiskThatEnds(t *testing.T) {
	for _, limit := range []string{"30000", "100000", "300000"} {
		dir := t.TempDir()
		commits, last := committer(t, dir, -1, limitEnv+"="+limit)
		if !strings.HasPrefix(last, fmt.Sprintf("stopped %d ", state.Storage)) {
			t.Errorf("limit %s: its last word was %q", limit, last)
		}
		asides, err := filepath.Glob(filepath.Join(dir, "*.broken-*"))
		ok(t, err)
		if len(asides) != 0 {
			t.Errorf("set aside: %v", asides)
		}
		if commits > 0 {
			recovered(t, dir, commits)
		}
	}
}
