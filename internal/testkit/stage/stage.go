// Package stage is what the scripted servers of both protocols stand on, for tests: a
// listener that ends with its test, and the server's end of a connection, which can send
// octets one at a time, fall silent, and close or reset wherever it likes.
package stage

import (
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Stage listens on loopback until the test ends.
type Stage struct {
	t        testing.TB
	serve    func(n int, p *Peer)
	listener net.Listener // nil: without a network
	running  sync.WaitGroup
	rtt      time.Duration // of Far

	mu       sync.Mutex
	turns    []int
	conns    []net.Conn
	commands []string
	closed   bool
}

// Start listens, and has each connection served by serve in a goroutine of its own, so that a
// Peer may end it by runtime.Goexit. The nth connection is 0, 1, 2 …; it is closed when serve
// returns.
func Start(t testing.TB, serve func(n int, p *Peer)) *Stage {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Stage{t: t, serve: serve, listener: l}
	s.running.Go(s.accept)
	t.Cleanup(s.Close)
	return s
}

// Inside is Start without a network, for tests of what takes long: in a bubble of testing/synctest
// no time passes while anybody has something to do, however busy the machine is. Dial is the only way in.
func Inside(t testing.TB, serve func(n int, p *Peer)) *Stage {
	s := &Stage{t: t, serve: serve}
	t.Cleanup(s.Close)
	return s
}

// T returns the test.
func (s *Stage) T() testing.TB { return s.t }

// Addr returns host:port of the server.
func (s *Stage) Addr() string { return s.listener.Addr().String() }

// Port returns the port of the server.
func (s *Stage) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Dial connects to the server; the connection is closed with the test.
func (s *Stage) Dial() net.Conn {
	s.t.Helper()
	if s.rtt > 0 {
		return s.dialFar()
	}
	if s.listener == nil {
		c, its := net.Pipe()
		s.take(its)
		s.t.Cleanup(func() { _ = c.Close() })
		return c
	}
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Record keeps a command for Commands.
func (s *Stage) Record(command string) {
	s.mu.Lock()
	s.commands = append(s.commands, command)
	s.mu.Unlock()
}

// Commands returns the commands that came on all connections, in order, as they were recorded.
func (s *Stage) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// Accepted returns how many connections were made.
func (s *Stage) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Ending reports whether Close was called.
func (s *Stage) Ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Close ends the listener and every connection, and waits until the last of them is no
// longer served. It is called at the end of the test.
func (s *Stage) Close() {
	s.mu.Lock()
	s.closed = true
	if s.listener != nil {
		_ = s.listener.Close()
	}
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

func (s *Stage) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.take(conn)
	}
}

// take serves one more connection.
func (s *Stage) take(conn net.Conn) {
	s.mu.Lock()
	n := len(s.conns)
	s.conns = append(s.conns, conn)
	if s.closed {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.running.Go(func() {
		p := newPeer(s, conn)
		defer p.Close()
		s.serve(n, p)
	})
}
