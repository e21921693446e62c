// Package delay puts a distant server on loopback: a TCP proxy that holds back what
// passes it, in each direction, by half of a round trip. It limits nothing else: as much
// may be under way as a connection with a wide window has.
package delay

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// window is how many octets may be under way in one direction of one connection.
	window = 8 << 20
	chunk  = 32 << 10
)

// Proxy listens on loopback and passes every connection on to one address.
type Proxy struct {
	// Addr is where it listens.
	Addr string

	listener net.Listener
	target   string
	half     time.Duration

	mu     sync.Mutex
	conns  map[net.Conn]bool // nil once closed
	opened int               // connections since Count
	turns  int               // the most on one of them
	done   sync.WaitGroup
}

// Start begins to pass connections on to target. What passes takes rtt from a question
// to its answer, and so does the first octet of a connection, as a handshake would.
func Start(target string, rtt time.Duration) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{Addr: l.Addr().String(), listener: l, target: target, half: rtt / 2, conns: map[net.Conn]bool{}}
	p.done.Go(p.accept)
	return p, nil
}

// Close cuts every connection and returns when nothing passes any more.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		c.Close()
	}
	p.conns = nil
	p.mu.Unlock()
	p.done.Wait()
	return err
}

// Count returns how many connections there were since it was called last, and the most turns
// on one of them: how often the client spoke after it had heard something, and a round trip
// or more after the turn before, which it may have waited for.
func (p *Proxy) Count() (connections, turns int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	connections, turns = p.opened, p.turns
	p.opened, p.turns = 0, 0
	return connections, turns
}

// turn notes that a client spoke for the nth time.
func (p *Proxy) turn(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns = max(p.turns, n)
}

func (p *Proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.done.Go(func() { p.serve(near) })
	}
}

// serve passes one connection on until both directions have ended.
func (p *Proxy) serve(near net.Conn) {
	defer near.Close()
	if !p.keep(near) {
		return
	}
	defer p.drop(near)
	time.Sleep(2 * p.half)
	far, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer far.Close()
	if !p.keep(far) {
		return
	}
	defer p.drop(far)
	p.mu.Lock()
	p.opened++
	p.mu.Unlock()
	// What a client hears and what it says is noted where it stands: at its end of the line.
	var heard atomic.Bool
	heard.Store(true)
	turns := 0
	var last time.Time
	said := func() {
		if time.Since(last) >= 2*p.half && heard.Swap(false) {
			turns, last = turns+1, time.Now()
			p.turn(turns)
		}
	}
	var both sync.WaitGroup
	both.Go(func() { p.pass(far, near, said, func() {}) })
	both.Go(func() { p.pass(near, far, func() {}, func() { heard.Store(true) }) })
	both.Wait()
}

// keep notes a connection for Close; false where that was called already.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		return false
	}
	p.conns[c] = true
	return true
}

func (p *Proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// parcel is what came at one time.
type parcel struct {
	data []byte
	due  time.Time
}

// pass copies one direction, late. Where it ends the other side is told, late as well. It calls
// read when something came, and passed when it has gone on.
func (p *Proxy) pass(to, from net.Conn, read, passed func()) {
	parcels := make(chan parcel, window/chunk)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(parcels)
		for {
			buf := make([]byte, chunk)
			n, err := from.Read(buf)
			if n > 0 {
				read()
				parcels <- parcel{buf[:n], time.Now().Add(p.half)}
			}
			if err != nil {
				return
			}
		}
	})
	var err error
	for c := range parcels {
		if err != nil {
			continue // drained, so that the reader ends
		}
		time.Sleep(time.Until(c.due))
		passed()
		if _, err = to.Write(c.data); err != nil {
			from.Close()
		}
	}
	time.Sleep(p.half)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // a connection that is closed already needs none
	}
	reader.Wait()
}
