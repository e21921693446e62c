package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"time"
)

// The kernel counts what the parent had resident into a child's peak. So a program is
// started by a process that has next to nothing: this one again, told by the environment
// to start its arguments and to write down what they cost.
const launcher = "MAILSYNC_BENCH_LAUNCH"

// measured is what the launcher writes.
type measured struct {
	Wall, CPU time.Duration
	Peak      int64
}

// launched runs a command through the launcher.
func launched(ctx context.Context, cmd *exec.Cmd) (cost, error) {
	self, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return cost{}, err
	}
	defer read.Close()
	outer := exec.CommandContext(ctx, self, append([]string{cmd.Path}, cmd.Args[1:]...)...)
	outer.Env = append(cmd.Environ(), launcher+"=1")
	outer.ExtraFiles = []*os.File{write}
	// A signal to the launcher alone would leave the program behind.
	outer.Cancel = func() error { return outer.Process.Signal(os.Interrupt) }
	var out bytes.Buffer
	outer.Stdout, outer.Stderr = &out, &out
	err = outer.Run()
	write.Close()
	if err != nil {
		return cost{}, fmt.Errorf("%w\n%s", err, out.Bytes())
	}
	var m measured
	if err := json.NewDecoder(read).Decode(&m); err != nil {
		return cost{}, fmt.Errorf("read the launcher: %w", err)
	}
	return cost{m.Wall, m.CPU, m.Peak}, nil
}

// launch is the launcher. It returns the exit code of what it ran.
func launch(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	began := time.Now()
	err := cmd.Run()
	wall := time.Since(began)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1)
	}
	if err == nil {
		s := cmd.ProcessState
		err = json.NewEncoder(os.NewFile(3, "measured")).Encode(measured{wall, s.UserTime() + s.SystemTime(), peak(s)})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
