package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Outcome is what one run came to.
type Outcome struct {
	Code           int // -1: killed
	Stdout, Stderr string
	Took           time.Duration
	Peak           int64 // octets that it had in memory at most; 0 where the system does not tell
}

// Interruption is a signal to a run, some time after that began. Without a signal it is none.
type Interruption struct {
	After  time.Duration
	Signal os.Signal
}

// Run runs a command to its end, interrupted or not. One that ctx had to end hung, and fails
// the test as one that panics does.
func Run(ctx context.Context, t testing.TB, cmd *exec.Cmd, i Interruption) Outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	peak := follow(cmd.Process.Pid)
	if i.Signal != nil {
		strike := time.AfterFunc(i.After, func() { _ = cmd.Process.Signal(i.Signal) }) // it may have ended
		defer strike.Stop()
	}
	err := cmd.Wait()
	o := Outcome{Stdout: stdout.String(), Stderr: stderr.String(), Took: time.Since(began), Peak: peak()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%v: hung\n%s%s", cmd.Args, Tail(o.Stdout), Tail(o.Stderr))
	case errors.As(err, &exit):
		o.Code = exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	// The runtime ends the program itself where a call of its own fails: a write by which it wakes its threads, or
	// its look at stdin, stdout and stderr before main begins. A test that makes system calls fail hits those, too.
	said := o.Stdout + o.Stderr
	if (strings.Contains(said, "panic:") || strings.Contains(said, "goroutine ")) && !strings.Contains(said, "runtime: netpollBreak write failed") {
		t.Fatalf("%v panicked:\n%s", cmd.Args, said)
	}
	if !strings.Contains(said, "goroutine ") && !strings.Contains(said, "runtime: unexpected error while checking standard file descriptor") {
		for _, line := range Jargon(said) {
			t.Errorf("no user understands: %s", line)
		}
	}
	return o
}

// Tail is the end of what a run said, as much as one wants to read.
func Tail(s string) string { return s[max(0, len(s)-6000):] }

// follow follows a process' highest resident size until the returned function is called.
// The kernel's account of a finished child will not do: it begins with its parent's size.
func follow(pid int) func() int64 {
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
