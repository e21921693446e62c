package servers

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// errExited says that a server ended before it greeted.
var errExited = errors.New("it ended at once")

// proc is one server process, leader of its own group: its children and their open
// sessions end with it.
type proc struct {
	cmd   *exec.Cmd
	guard *exec.Cmd // ends the group if this process dies first
	done  chan struct{}
}

// said collects what a process writes to stdout and stderr.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// spawn starts a command in a process group of its own; what it says goes to out.
func spawn(cmd *exec.Cmd, out *said) (*proc, error) {
	p := &proc{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = out, out
	// A child that outlives its master holds the pipe: do not wait for it.
	cmd.WaitDelay = time.Second
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	guard, err := guardGroup(cmd.Process.Pid)
	if err != nil {
		killGroup(cmd.Process.Pid)
		return nil, errors.Join(err, cmd.Wait())
	}
	p.guard = guard
	go func() {
		// How it ended is in ProcessState; the pipe held by a child is no concern.
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// exited returns errExited with the reason once the process has ended.
func (p *proc) exited() error {
	select {
	case <-p.done:
		return fmt.Errorf("%w: %s: %s", errExited, strings.Join(p.cmd.Args, " "), p.cmd.ProcessState)
	default:
		return nil
	}
}

// stop takes the guard off, for a pid may be given to another once it is free. Then it
// asks the process to end, waits until it has, and kills what is left of its group:
// sessions outlive Dovecot's and Courier's master. A process that was not waited for
// would look alive to the next start in the same folder.
func (p *proc) stop() {
	_ = p.guard.Process.Kill()
	_ = p.guard.Wait()
	askToEnd(p.cmd.Process)
	select {
	case <-p.done:
	case <-time.After(stopWithin):
	}
	killGroup(p.cmd.Process.Pid)
	<-p.done
}

// outputWithin is how long Output waits.
const outputWithin = 2 * time.Minute

// Output runs a command to its end and returns what it wrote to stdout and stderr. One that
// takes longer than two minutes is killed, and that is an error: no test waits for ever.
func Output(cmd *exec.Cmd) ([]byte, error) {
	var out said
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	killer := time.AfterFunc(outputWithin, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !killer.Stop() {
		err = fmt.Errorf("it did not end in %v", outputWithin)
	}
	return []byte(out.String()), err
}
