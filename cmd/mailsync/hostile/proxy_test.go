//go:build unix

package hostile

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// fault is what a network does, once, when so many octets have passed.
type fault string

const (
	cuts     fault = "cut"
	resets   fault = "reset"
	stalls   fault = "stall"
	slows    fault = "slow"
	corrupts fault = "corrupt"
	none     fault = "none"
)

// proxy is a network between the program and a server.
type proxy struct {
	listener net.Listener
	target   string
	fault    fault
	upwards  bool // it strikes what goes to the server
	at       int64
	passed   atomic.Int64 // octets in that direction
	struck   atomic.Bool
	running  sync.WaitGroup
}

func newProxy(t *testing.T, target string, f fault, upwards bool, at int64) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, fault: f, upwards: upwards, at: at}
	p.running.Go(p.accept)
	t.Cleanup(func() { _ = l.Close(); p.running.Wait() })
	return p
}

func (p *proxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		both := &pair{client.(*net.TCPConn), server.(*net.TCPConn)}
		p.running.Go(func() { p.carry(both, client, server, p.upwards) })
		p.running.Go(func() { p.carry(both, server, client, !p.upwards) })
	}
}

type pair struct{ client, server *net.TCPConn }

func (c *pair) close() { _, _ = c.client.Close(), c.server.Close() }

// carry carries octets one way until one end is closed.
func (p *proxy) carry(both *pair, from, to net.Conn, counted bool) {
	defer both.close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if n > 0 && !p.pass(both, to, buf[:n], counted) {
			return
		}
		if err != nil {
			return
		}
	}
}

// pass hands octets on. It is false where the connection is over.
func (p *proxy) pass(both *pair, to net.Conn, b []byte, counted bool) bool {
	if counted {
		end := p.passed.Add(int64(len(b)))
		if here := int64(len(b)) - (end - p.at); here >= 0 && here < int64(len(b)) && p.fault != none && p.struck.CompareAndSwap(false, true) {
			switch p.fault {
			case cuts:
				_, _ = to.Write(b[:here])
				return false
			case resets:
				_, _ = to.Write(b[:here])
				_, _ = both.client.SetLinger(0), both.server.SetLinger(0)
				return false
			case stalls:
				_, _ = to.Write(b[:here])
				_, _ = io.Copy(io.Discard, both.client) // until the program has had enough
				return false
			case slows:
				for _, c := range b {
					if _, err := to.Write([]byte{c}); err != nil {
						return false
					}
					time.Sleep(200 * time.Microsecond)
				}
				return true
			case corrupts:
				b[here] ^= 0x20
			}
		}
	}
	_, err := to.Write(b)
	return err == nil
}

// A whole first sync over a network that fails once, at many places. Over TLS, for
// without it nobody could tell a changed octet.
func TestNetwork(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	cert := ca.sign(t, "localhost", -time.Hour, time.Hour)
	begin := func(t *testing.T, f fault, upwards bool, at int64) (*imapLife, *proxy) {
		l := newIMAP(t, situation{})
		l.serve(func(p *script.Peer) {
			cert.secure(p, tls.VersionTLS13)
			script.Healthy(l.acct, nil)(p)
		})
		net := newProxy(t, l.srv.Addr(), f, upwards, at)
		l.configure(append(slices.Clone(mirror), fmt.Sprintf("port = %d", net.port()), `tls = "implicit"`, fmt.Sprintf("tls_ca = %q", ca.file))...)
		return l, net
	}
	l, net := begin(t, none, false, 0)
	if o := l.sync(); o.Code != 0 {
		t.Fatalf("without a fault: exit %d\n%s", o.Code, program.Tail(o.Stderr))
	}
	down := net.passed.Load()
	l, net = begin(t, none, true, 0)
	if o := l.sync(); o.Code != 0 {
		t.Fatalf("without a fault: exit %d\n%s", o.Code, program.Tail(o.Stderr))
	}
	up := net.passed.Load()

	for _, c := range []struct {
		fault   fault
		upwards bool
		places  int64
	}{{cuts, false, 60}, {corrupts, false, 30}, {resets, false, 30}, {stalls, false, 12}, {slows, false, 6}, {cuts, true, 15}, {corrupts, true, 15}, {stalls, true, 6}} {
		total := down
		way := "down"
		if c.upwards {
			total, way = up, "up"
		}
		for i := range c.places {
			at := total * (2*i + 1) / (2 * c.places)
			t.Run(fmt.Sprintf("%s %s at %d", c.fault, way, at), func(t *testing.T) {
				t.Parallel()
				l, _ := begin(t, c.fault, c.upwards, at)
				o := l.sync()
				if !slices.Contains([]int{0, 1, 5}, o.Code) {
					t.Errorf("exit %d\n%s", o.Code, program.Tail(o.Stderr))
				}
				if o.Took > 3*timeout+slack {
					t.Errorf("it took %v", o.Took)
				}
				l.nothingLost(situation{}, nil)
				l.recovered(l.onServer())
			})
		}
	}
}
