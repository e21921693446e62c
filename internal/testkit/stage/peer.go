package stage

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"strings"
)

// Peer is the server's end of one connection. A method that cannot go on because the client
// is gone ends the goroutine that serves it.
type Peer struct {
	Stage *Stage

	conn net.Conn // below whatever was wrapped around it
	r    *bufio.Reader
	w    io.Writer
	tls  *tls.Conn
	left int64 // octets until cut, -1: no cut
	cut  func()
}

func newPeer(s *Stage, conn net.Conn) *Peer {
	return &Peer{Stage: s, conn: conn, r: bufio.NewReader(conn), w: conn, left: -1}
}

// Close closes the connection.
func (p *Peer) Close() {
	p.publish()
	_ = p.conn.Close()
}

// publish makes what this connection's goroutine has done known to that of the next one, which the
// client makes because of it: the race detector sees no order in what goes over a network.
func (p *Peer) publish() {
	p.Stage.mu.Lock()
	defer p.Stage.mu.Unlock()
}

// HangUp ends the connection behind what was sent, and reads on until the client has closed it, too. Close takes back what
// was sent and did not arrive yet, where the client has sent more than was read.
func (p *Peer) HangUp() {
	p.publish()
	if half, ok := p.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		p.Stall()
	}
	p.Close()
}

// End closes the connection and ends the goroutine.
func (p *Peer) End() {
	p.Close()
	runtime.Goexit()
}

// Reset breaks the connection with a TCP reset and ends the goroutine.
func (p *Peer) Reset() {
	p.reset()
	p.End()
}

func (p *Peer) reset() {
	if tcp, ok := p.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	p.Close()
}

// CutAfter closes the connection when n more octets were sent, wherever that is.
func (p *Peer) CutAfter(n int64) { p.left, p.cut = n, p.Close }

// ResetAfter breaks the connection with a TCP reset when n more octets were sent.
func (p *Peer) ResetAfter(n int64) { p.left, p.cut = n, p.reset }

// Raw sends octets as they are.
func (p *Peer) Raw(b []byte) {
	p.publish()
	last := p.left >= 0 && int64(len(b)) >= p.left
	if last {
		b = b[:p.left]
	}
	_, err := p.w.Write(b)
	if p.left >= 0 {
		p.left -= int64(len(b))
	}
	if last {
		p.cut()
	}
	if err != nil || last {
		p.End()
	}
}

// Stall sends nothing more, takes what comes, and returns when the client has gone.
func (p *Peer) Stall() { _, _ = io.Copy(io.Discard, p.r) }

// Read reads what the client sent, part of which may have been read ahead.
func (p *Peer) Read(b []byte) (int, error) { return p.r.Read(b) }

// ReadLine reads a line, and returns it without its end. Beside an error it returns what came
// before it.
func (p *Peer) ReadLine() (string, error) {
	line, err := p.r.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

// Wrap puts something between the Peer and its connection from here on: TLS, or
// compression.
func (p *Peer) Wrap(wrap func(net.Conn) (io.Reader, io.Writer)) {
	r, w := wrap(buffered{p.conn, p.r})
	p.r, p.w = bufio.NewReader(r), w
	if t, ok := w.(*tls.Conn); ok {
		p.tls = t
	}
}

// Secure returns the server's end of TLS, nil without.
func (p *Peer) Secure() *tls.Conn { return p.tls }

// buffered is a connection part of which was read ahead.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }
