// Package reach is how an account is reached, whatever is spoken with its server then: the
// options, the address, TLS with certificates and pins, plain text only where it may be, what an
// error of the network means to a user, the secret and what a refused log-in says of it, how long
// a busy server is waited for, and the protocol log. It starts no conversation: STARTTLS and STLS
// are asked for in the protocols' own words.
package reach

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"time"

	"mailsync/state"
)

// TLSMode says how a connection is made safe.
type TLSMode string

// The ways to connect.
const (
	Implicit TLSMode = "implicit" // TLS from the first byte (RFC 8314 section 3.3)
	StartTLS TLSMode = "starttls" // STARTTLS (RFC 9051 section 6.2.1), STLS (RFC 2595 section 4)
	None     TLSMode = "none"     // plain text, to loopback or with Insecure
)

// Server is where a server is, and what makes a connection to it safe.
type Server struct {
	Host     string
	Port     int
	TLS      TLSMode
	RootCAs  []byte        // PEM, trusted besides the system's roots
	Pins     []string      // "sha256/" and the base64 of a SHA-256 of a SubjectPublicKeyInfo
	Insecure bool          // plain text to a host that is not loopback
	Timeout  time.Duration // for connecting, and again for the handshake

	protocol Protocol
	config   *tls.Config
}

// Prepare checks what is set, and makes the TLS settings. It has to be called, and to return
// nil, before the other methods.
func (s *Server) Prepare() (err error) {
	switch s.TLS {
	case Implicit, StartTLS:
	case None:
		if !s.Insecure && !IsLoopback(s.Host) {
			return plainText(s.Host)
		}
	default:
		return state.Faultf(state.Usage, "tls cannot be %q", string(s.TLS)).
			WithHint(`it is "implicit", "starttls" or "none"`)
	}
	s.config, err = s.tlsConfig()
	return err
}

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Dial connects, without TLS.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: s.Timeout}
	conn, err := d.DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, Fault("connect to "+s.Addr(), err)
	}
	return conn, nil
}

// Secure puts TLS on a connection where it is to be there from the start, and lets plain
// text pass where it may. A connection that is refused is closed.
func (s *Server) Secure(ctx context.Context, conn net.Conn) (net.Conn, error) {
	switch s.TLS {
	case Implicit:
		return s.Handshake(ctx, conn)
	case None:
		// A name can be loopback's and resolve elsewhere.
		if !IsLoopbackAddr(conn.RemoteAddr()) && !s.Insecure {
			conn.Close()
			return nil, plainText(conn.RemoteAddr().String())
		}
	}
	return conn, nil
}

// Handshake puts TLS on a connection. Where that fails the connection is closed.
func (s *Server) Handshake(ctx context.Context, conn net.Conn) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	c := tls.Client(conn, s.config)
	if err := c.HandshakeContext(limited); err != nil {
		conn.Close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, s.handshakeFault(err)
	}
	return c, nil
}

func plainText(host string) error {
	return state.Faultf(state.Usage, "plain text to %s is not allowed", host).
		WithHint(`use tls = "implicit" or "starttls", or set insecure = true`)
}

// IsLoopback reports whether a host is this machine by its name alone; what it resolved to
// is looked at again once the connection is up.
func IsLoopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// IsLoopbackAddr reports whether an address is this machine's own.
func IsLoopbackAddr(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
