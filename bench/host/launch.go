package host

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

// Cost is what one run of a program took.
type Cost struct {
	Wall, User, System time.Duration
	Peak               int64 // octets resident at the most
	// What a server was asked, where somebody counted: connections, the most that were open at once, the
	// most turns on one of them, and log-ins.
	Connections, AtOnce, Turns, LogIns int
}

// CPU is the processor time, in the program and in the kernel for it.
func (c Cost) CPU() time.Duration { return c.User + c.System }

// Launcher ends the process where it was started as the launcher. A program that has a
// [Ground] calls it first.
func Launcher() {
	if os.Getenv(launcher) != "" {
		os.Exit(launch(os.Args[1:]))
	}
}

// launchBy runs a command through a launcher, and returns what it took. A command that
// fails is an error, which holds what it printed.
func launchBy(ctx context.Context, self string, cmd *exec.Cmd) (Cost, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return Cost{}, err
	}
	defer read.Close()
	outer := exec.CommandContext(ctx, self, append([]string{cmd.Path}, cmd.Args[1:]...)...)
	outer.Env = append(cmd.Environ(), launcher+"=1")
	outer.Dir, outer.SysProcAttr = cmd.Dir, cmd.SysProcAttr
	outer.ExtraFiles = []*os.File{write}
	// A signal to the launcher alone would leave the program behind.
	outer.Cancel = func() error { return outer.Process.Signal(os.Interrupt) }
	var out bytes.Buffer
	outer.Stdout, outer.Stderr = &out, &out
	err = outer.Run()
	write.Close()
	if err != nil {
		return Cost{}, fmt.Errorf("%w\n%s", err, out.Bytes())
	}
	var c Cost
	if err := json.NewDecoder(read).Decode(&c); err != nil {
		return Cost{}, fmt.Errorf("read the launcher: %w", err)
	}
	return c, nil
}

// launch is the launcher. It returns the exit code of what it ran.
func launch(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Unsetenv(launcher) // what is started may be this program too
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
		err = json.NewEncoder(os.NewFile(3, "cost")).Encode(Cost{Wall: wall, User: s.UserTime(), System: s.SystemTime(), Peak: peak(s)})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
