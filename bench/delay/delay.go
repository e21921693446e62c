// Package delay puts a distant server on loopback: a TCP proxy that holds back what
// passes it, in each direction, by half of a round trip. It limits nothing else: as much
// may be under way as a connection with a wide window has.
package delay

import (
	"net"
	"sync"
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

	mu    sync.Mutex
	conns map[net.Conn]bool // nil once closed
	done  sync.WaitGroup
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
	var both sync.WaitGroup
	both.Go(func() { p.pass(far, near) })
	both.Go(func() { p.pass(near, far) })
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

// pass copies one direction, late. Where it ends the other side is told, late as well.
func (p *Proxy) pass(to, from net.Conn) {
	parcels := make(chan parcel, window/chunk)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(parcels)
		for {
			buf := make([]byte, chunk)
			n, err := from.Read(buf)
			if n > 0 {
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
