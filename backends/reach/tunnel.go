package reach

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"mailsync/backends/redact"
	"mailsync/state"
)

const (
	// goodbye is how long a tunnel's program may take to end when its input has ended, and lastGoodbye when it
	// was asked to.
	goodbye, lastGoodbye = 250 * time.Millisecond, time.Second
	// maxSaid is how many lines of a program's stderr are shown.
	maxSaid = 10
)

// Tunnel is a program whose stdin and stdout are the connection to a server, which may be plain text. It is
// started once for each connection.
type Tunnel struct {
	Command []string     // argv; no shell
	Said    func(string) // is given what the program says on stderr, fit to be shown; nil: nobody is

	// secrets are hidden in what the program says: one that logs what passes through it shows the password.
	secrets *redact.Secrets

	mu   sync.Mutex
	open map[*tunnel]bool
}

// Close ends the programs of all connections that are left, and waits until they are gone.
func (t *Tunnel) Close() {
	t.mu.Lock()
	left := slices.Collect(maps.Keys(t.open))
	t.mu.Unlock()
	var ending sync.WaitGroup
	for _, c := range left {
		ending.Go(func() { _ = c.Close() })
	}
	ending.Wait()
}

func (t *Tunnel) note(c *tunnel, isOpen bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = map[*tunnel]bool{}
	}
	if t.open[c] = true; !isOpen {
		delete(t.open, c)
	}
}

// tunnel is one connection. Deadlines are those of a net.Pipe.
type tunnel struct {
	net.Conn
	of   *Tunnel
	name string
	cmd  *exec.Cmd
	shut sync.Once

	done  chan struct{} // closed when the program has ended
	heard chan struct{} // closed when its stderr has

	mu     sync.Mutex
	closed bool     // by us
	said   []string // on stderr, the last lines of it
}

// dial starts the program. ctx is for the start alone.
func (t *Tunnel) dial(ctx context.Context) (net.Conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c := &tunnel{of: t, name: filepath.Base(t.Command[0]), cmd: exec.Command(t.Command[0], t.Command[1:]...), done: make(chan struct{}), heard: make(chan struct{})}
	apart(c.cmd)
	ends, err := c.start()
	if err != nil {
		f := state.Faultf(state.Usage, "tunnel_command: %w", err)
		if errors.Is(err, exec.ErrNotFound) {
			f = state.Faultf(state.Usage, "tunnel_command: %s is not in $PATH", t.Command[0])
		}
		return nil, f.WithHint("write the program's full path; no shell is used")
	}
	ours, theirs := net.Pipe()
	c.Conn = ours
	t.note(c, true)
	go func() { _ = c.cmd.Wait(); close(c.done) }() // how it ended is in ProcessState
	go c.listen(ends.stderr)
	go func() {
		_, _ = io.Copy(ends.stdin, theirs) // the reading side finds out
		_ = ends.stdin.Close()
	}()
	go func() {
		_, _ = io.Copy(theirs, ends.stdout)
		_ = ends.stdout.Close()
		c.within(lastGoodbye)
		_ = theirs.Close()
	}()
	return c, nil
}

// ends are our ends of a program's pipes.
type ends struct{ stdin, stdout, stderr *os.File }

// start starts the program with pipes of our own: those of exec would keep Wait from returning while a grandchild
// (ssh's master connection, say) holds them.
func (t *tunnel) start() (ends, error) {
	var e ends
	var theirs [3]*os.File
	var errs [3]error
	theirs[0], e.stdin, errs[0] = os.Pipe()
	e.stdout, theirs[1], errs[1] = os.Pipe()
	e.stderr, theirs[2], errs[2] = os.Pipe()
	err := errors.Join(errs[:]...)
	if err == nil {
		t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = theirs[0], theirs[1], theirs[2]
		err = t.cmd.Start()
	}
	for _, f := range theirs {
		_ = f.Close()
	}
	if err != nil {
		for _, f := range []*os.File{e.stdin, e.stdout, e.stderr} {
			_ = f.Close()
		}
	}
	return e, err
}

// listen passes on what the program says on stderr, a line at a time and not much of it.
func (t *tunnel) listen(stderr *os.File) {
	defer close(t.heard)
	defer stderr.Close()
	r := bufio.NewReader(stderr)
	for n := 0; ; {
		line, err := r.ReadSlice('\n')
		text := strings.TrimSpace(string(line))
		if t.of.secrets != nil {
			text = t.of.secrets.Hide(text)
		}
		if text != "" && n < maxSaid {
			n++
			t.mu.Lock()
			t.said = append(t.said, text)
			t.mu.Unlock()
			if t.of.Said != nil {
				t.of.Said(Clean(text))
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// within reports whether the program ends within a time.
func (t *tunnel) within(d time.Duration) bool { return within(t.done, d) }

func within(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// Read implements net.Conn. Where the program ended, the error says how.
func (t *tunnel) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	return n, t.explain(err)
}

// Write implements net.Conn.
func (t *tunnel) Write(b []byte) (int, error) {
	n, err := t.Conn.Write(b)
	return n, t.explain(err)
}

func (t *tunnel) explain(err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	t.mu.Lock()
	closed := t.closed
	t.mu.Unlock()
	if closed {
		return net.ErrClosed
	}
	return &TunnelEnded{t.ended()}
}

// TunnelEnded is the fault of a tunnel whose program ended, or closed its output.
type TunnelEnded struct{ *state.Fault }

func (e *TunnelEnded) Unwrap() error { return e.Fault }

// ended is how the program ended. It wraps io.ErrUnexpectedEOF: the connection was interrupted.
func (t *tunnel) ended() *state.Fault {
	what := "closed its output"
	if t.within(lastGoodbye) {
		what = "ended with " + exitWords(t.cmd.ProcessState)
		within(t.heard, goodbye) // what it started may still hold its stderr
	}
	t.mu.Lock()
	said := strings.Join(t.said[max(0, len(t.said)-3):], "; ")
	t.mu.Unlock()
	if said != "" {
		what += ": " + Quoted(redact.Cut(said, maxShown))
	}
	return state.Faultf(state.Unreachable, "%w", state.InWords(io.ErrUnexpectedEOF, "tunnel_command: %s %s", t.name, what)).
		WithHint("run the command by hand to see what it says; it cannot ask anything at the terminal")
}

func exitWords(p *os.ProcessState) string {
	if code := p.ExitCode(); code >= 0 {
		return fmt.Sprintf("exit code %d", code)
	}
	return p.String() // "signal: killed"
}

// Close ends the program, and what it started: it is given a moment to end by itself. A second call
// does nothing.
func (t *tunnel) Close() error {
	t.shut.Do(func() {
		t.mu.Lock()
		t.closed = true
		t.mu.Unlock()
		_ = t.Conn.Close() // its input ends with that
		if !t.within(goodbye) {
			end(t.cmd, false)
			t.within(lastGoodbye)
		}
		end(t.cmd, true) // whoever is left of its group
		t.of.note(t, false)
	})
	return nil
}

// RemoteAddr implements net.Conn.
func (t *tunnel) RemoteAddr() net.Addr { return farAddr("the other end of " + t.name) }
