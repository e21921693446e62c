// Package program is the program under test, for the tests that run it as a user does: it is
// built once a test binary, and the memory that a run took can be asked for.
package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Path is where the program lies while Main runs the tests.
var Path string

// Main builds the program, runs the tests, and returns the exit code.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "mailsync-program-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	Path = filepath.Join(dir, "mailsync")
	if out, err := exec.Command("go", "build", "-o", Path, "mailsync/cmd/mailsync").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// Peak follows a process' highest resident size, in octets, until the returned function is
// called. The kernel's account of a finished child will not do: it begins with its
// parent's size.
func Peak(pid int) func() int64 {
	stop, done := make(chan struct{}), make(chan int64)
	go func() {
		var peak int64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				done <- peak
				return
			case <-tick.C:
				peak = max(peak, highest(pid))
			}
		}
	}()
	return func() int64 { close(stop); return <-done }
}

// highest is VmHWM of a process, 0 where the system does not tell.
func highest(pid int) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10
}
