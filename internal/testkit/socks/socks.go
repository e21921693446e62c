// Package socks is a SOCKS5 proxy on loopback, for tests: it knows hosts that nobody else knows, and can refuse,
// stall and answer nonsense.
package socks

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// Options are how a proxy behaves.
type Options struct {
	Hosts          map[string]string // "imap.example.org:993" to the address that it stands for
	User, Password string            // it wants these
	Refuse         byte              // the code with which it refuses every connection
	Stall          bool              // it takes connections and says nothing
	Garbage        string            // it says this instead of SOCKS
	Cut            bool              // it hangs up in the middle of its answer
}

// Server is a proxy that listens until its test ends.
type Server struct {
	opts     Options
	listener net.Listener

	mu    sync.Mutex
	asked []string
}

// New starts a proxy.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{opts: o, listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Asked are the hosts and ports that it was asked for.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

func (s *Server) serve(conn net.Conn) {
	defer conn.Close()
	if s.opts.Stall {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	if s.opts.Garbage != "" {
		_, _ = conn.Read(make([]byte, 100))
		_, _ = io.WriteString(conn, s.opts.Garbage)
		return
	}
	if !s.logIn(conn) {
		return
	}
	target, ok := s.request(conn)
	if !ok {
		return
	}
	if s.opts.Cut {
		_, _ = conn.Write([]byte{5, 0, 0, 1, 127})
		return
	}
	code, onward := s.opts.Refuse, net.Conn(nil)
	if code == 0 {
		if addr, known := s.opts.Hosts[target]; !known {
			code = 4
		} else if c, err := net.Dial("tcp", addr); err != nil {
			code = 5
		} else {
			onward = c
		}
	}
	_, _ = conn.Write([]byte{5, code, 0, 1, 127, 0, 0, 1, 0, 80})
	if onward == nil {
		return
	}
	defer onward.Close()
	go func() {
		_, _ = io.Copy(onward, conn)
		_ = onward.Close()
	}()
	_, _ = io.Copy(conn, onward)
}

// logIn is RFC 1928 section 3 and RFC 1929.
func (s *Server) logIn(conn net.Conn) bool {
	head := read(conn, 2)
	methods := read(conn, int(head[1]))
	want := byte(0)
	if s.opts.User != "" {
		want = 2
	}
	for _, m := range methods {
		if m != want {
			continue
		}
		_, _ = conn.Write([]byte{5, want})
		if want == 0 {
			return true
		}
		user := read(conn, int(read(conn, 2)[1]))
		password := read(conn, int(read(conn, 1)[0]))
		if string(user) != s.opts.User || string(password) != s.opts.Password {
			_, _ = conn.Write([]byte{1, 1})
			return false
		}
		_, _ = conn.Write([]byte{1, 0})
		return true
	}
	_, _ = conn.Write([]byte{5, 0xff})
	return false
}

// request reads what is asked for.
func (s *Server) request(conn net.Conn) (target string, ok bool) {
	head, host := read(conn, 4), ""
	switch head[3] {
	case 1:
		host = net.IP(read(conn, 4)).String()
	case 4:
		host = net.IP(read(conn, 16)).String()
	case 3:
		host = string(read(conn, int(read(conn, 1)[0])))
	}
	port := read(conn, 2)
	target = net.JoinHostPort(host, fmt.Sprint(int(port[0])<<8|int(port[1])))
	s.mu.Lock()
	s.asked = append(s.asked, target)
	s.mu.Unlock()
	return target, head[0] == 5 && head[1] == 1
}

// read reads n octets; what does not come is zero.
func read(r io.Reader, n int) []byte {
	b := make([]byte, n)
	_, _ = io.ReadFull(r, b)
	return b
}
