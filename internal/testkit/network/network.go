// Package network is a network between the program and a server, for tests: a TCP proxy
// on loopback. As it comes it passes everything on; while it is bad it refuses, cuts,
// resets, stalls and falls silent at random.
package network

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Network listens on loopback and passes connections on to one address.
type Network struct {
	listener net.Listener
	target   string
	bad      atomic.Bool
	done     sync.WaitGroup

	mu     sync.Mutex
	random *rand.Rand
	open   map[*link]bool // nil once closed
	struck Struck
}

// Struck is what a network did to connections so far.
type Struck struct{ Connections, Refused, Cut, Reset, Stalled, Silent int }

// Faults is how many connections met one.
func (s Struck) Faults() int { return s.Refused + s.Cut + s.Reset + s.Stalled + s.Silent }

// Start begins to pass connections on to target.
func Start(target string, seed uint64) (*Network, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &Network{listener: l, target: target, random: rand.New(rand.NewPCG(seed, 7)), open: map[*link]bool{}}
	n.done.Go(n.accept)
	return n, nil
}

// Port is where it listens.
func (n *Network) Port() int { return n.listener.Addr().(*net.TCPAddr).Port }

// SetBad makes the network bad, or good again, for connections to come.
func (n *Network) SetBad(bad bool) { n.bad.Store(bad) }

// CutAll cuts every connection that is open.
func (n *Network) CutAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for l := range n.open {
		n.struck.Cut++
		l.close()
	}
}

// Struck returns what it did so far.
func (n *Network) Struck() Struck {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.struck
}

// Close cuts every connection, and returns when nothing passes any more.
func (n *Network) Close() {
	_ = n.listener.Close() // there is nothing to lose
	n.mu.Lock()
	for l := range n.open {
		l.close()
	}
	n.open = nil
	n.mu.Unlock()
	n.done.Wait()
}

func (n *Network) accept() {
	for {
		client, err := n.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", n.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		n.join(&link{client: client.(*net.TCPConn), server: server.(*net.TCPConn), over: make(chan struct{})})
	}
}

// join decides what becomes of a connection, and carries it.
func (n *Network) join(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.struck.Connections++
	if n.bad.Load() {
		l.fault, l.pause = n.draw()
		l.left.Store(n.random.Int64N(1 << (4 + n.random.IntN(15)))) // small numbers are as likely as large ones
	}
	if n.open == nil || l.fault == refused {
		l.reset()
		return
	}
	n.open[l] = true
	var ways sync.WaitGroup
	ways.Go(func() { l.carry(l.client, l.server) })
	ways.Go(func() { l.carry(l.server, l.client) })
	n.done.Go(func() {
		ways.Wait()
		n.mu.Lock()
		delete(n.open, l)
		n.mu.Unlock()
	})
}

// fault is what happens to a connection, once.
type fault int

const (
	none fault = iota
	refused
	cut
	reset
	stalled // for a while
	silent  // until one end has had enough
)

func (n *Network) draw() (fault, time.Duration) {
	switch n.random.IntN(20) {
	case 0:
		n.struck.Refused++
		return refused, 0
	case 1, 2, 3, 4:
		n.struck.Cut++
		return cut, 0
	case 5, 6, 7:
		n.struck.Reset++
		return reset, 0
	case 8, 9, 10:
		n.struck.Stalled++
		return stalled, time.Duration(n.random.Int64N(int64(time.Second)))
	case 11:
		n.struck.Silent++
		return silent, 0
	}
	return none, 0
}

// link is one connection on its way through.
type link struct {
	client, server *net.TCPConn
	fault          fault
	pause          time.Duration
	left           atomic.Int64 // octets in both directions until the fault
	struck         atomic.Bool
	once           sync.Once
	over           chan struct{}
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.over)
		_, _ = l.client.Close(), l.server.Close()
	})
}

func (l *link) reset() {
	_, _ = l.client.SetLinger(0), l.server.SetLinger(0)
	l.close()
}

// carry passes octets on in one direction until the connection is over.
func (l *link) carry(from, to *net.TCPConn) {
	defer l.close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if n > 0 && !l.pass(from, to, buf[:n]) || err != nil {
			return
		}
	}
}

// pass hands octets on that came from one end. It is false where the connection is over.
func (l *link) pass(from, to *net.TCPConn, b []byte) bool {
	after := l.left.Add(-int64(len(b)))
	if l.fault != none && after < 0 && l.struck.CompareAndSwap(false, true) {
		here := max(0, int64(len(b))+after)
		if _, err := to.Write(b[:here]); err != nil {
			return false
		}
		b = b[here:]
		switch l.fault {
		case cut:
			return false
		case reset:
			l.reset()
			return false
		case stalled:
			l.wait(l.pause)
		case silent:
			// What else comes is lost. Who reads on learns that this end has had enough.
			_ = from.SetReadDeadline(time.Now().Add(time.Minute))
			_, _ = io.Copy(io.Discard, from)
			return false
		}
	}
	_, err := to.Write(b)
	return err == nil
}

// wait waits, or until the connection is over.
func (l *link) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-l.over:
	}
}
