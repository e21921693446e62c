// Package reach connects an account to its server, for every protocol: options, address, TLS with
// certificates and pins, plain text only where it is allowed, what an error of the network means to a
// user, the secret, what a refused log-in means, and how long a busy server is waited for. It sends no
// command: STARTTLS and STLS are up to the protocols.
package reach

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"mailsync/backends/redact"
	"mailsync/state"
)

// TLSMode is how a connection is made safe.
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
	ByFlags  bool          // the account is from the command line: hints name its flags, and not keys

	Certificate *tls.Certificate // who we are, where the server asks; nil: nobody
	Proxy       *Proxy           // by which the server is reached; nil: directly
	Tunnel      *Tunnel          // through which the server is reached; nil: none
	Gate        Gate             // which lets connections be made; nil: none, all are made at once
	// Connect makes a connection in place of the network. For tests; nil: the network does.
	Connect func(ctx context.Context) (net.Conn, error)

	protocol Protocol
	config   *tls.Config
}

// Prepare checks what is set, and makes the TLS settings. It has to return nil before another
// method is called.
func (s *Server) Prepare() (err error) {
	switch s.TLS {
	case Implicit, StartTLS:
	case None:
		// At the end of a proxy, "localhost" is another machine.
		if s.Tunnel == nil && !s.Insecure && (s.Proxy != nil || !IsLoopback(s.Host)) {
			return plainText(s.Host)
		}
	default:
		return state.Faultf(state.Usage, "tls cannot be %q", string(s.TLS)).
			WithHint(`it is "implicit", "starttls" or "none"`)
	}
	if s.Proxy != nil && s.Tunnel != nil {
		return state.Faultf(state.Usage, "a tunnel_command needs no proxy").WithHint("take one of the two out")
	}
	s.config, err = s.tlsConfig()
	return err
}

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Dial connects, without TLS: directly, by a proxy, or by a program, once the gate lets it.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) { return s.dial(ctx, false) }

// DialBeside is Dial for one connection more than the account has: ErrFull where the gate lets it have no more.
func (s *Server) DialBeside(ctx context.Context) (net.Conn, error) { return s.dial(ctx, true) }

func (s *Server) dial(ctx context.Context, beside bool) (net.Conn, error) {
	if s.Gate != nil {
		return s.throughGate(ctx, beside)
	}
	return s.connect(ctx)
}

func (s *Server) connect(ctx context.Context) (net.Conn, error) {
	switch {
	case s.Connect != nil:
		return s.Connect(ctx)
	case s.Tunnel != nil:
		return s.Tunnel.dial(ctx)
	case s.Proxy != nil:
		return s.dialProxy(ctx)
	}
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

// Secure puts TLS on a connection where TLS begins with the first byte, and allows plain text
// only where the options do. A connection that is not allowed is closed.
func (s *Server) Secure(ctx context.Context, conn net.Conn) (net.Conn, error) {
	switch s.TLS {
	case Implicit:
		return s.Handshake(ctx, conn)
	case None:
		// A loopback name can resolve to another address. What a tunnel leads to is up to the user.
		if s.Tunnel == nil && !IsLoopbackAddr(conn.RemoteAddr()) && !s.Insecure {
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
	asked, config := false, s.config.Clone()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		if s.Certificate != nil {
			return s.Certificate, nil
		}
		return &tls.Certificate{}, nil
	}
	c := tls.Client(&ahead{Conn: conn}, config)
	if err := c.HandshakeContext(limited); err != nil {
		conn.Close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, s.handshakeFault(err, asked)
	}
	return c, nil
}

// StateOf returns the state of a connection's TLS, nil without.
func StateOf(conn net.Conn) *tls.ConnectionState {
	t, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	cs := t.ConnectionState()
	return &cs
}

func plainText(host string) error {
	return state.Faultf(state.Usage, "plain text to %s is not allowed", host).
		WithHint(`use tls = "implicit" or "starttls", or set insecure = true`)
}

// IsLoopback reports whether a host is this machine by its name alone. Secure checks the address.
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

// Secret is what proves who the user is: a password, or an access token of OAuth 2.0.
type Secret struct {
	Password string
	Token    bool // Password is a bearer token (RFC 6750), for OAUTHBEARER or XOAUTH2 only
}

// String hides the secret where it is printed.
func (Secret) String() string { return "[secret]" }

// LogValue hides the secret where it is logged.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// Options are what every protocol needs to know of an account.
type Options struct {
	Server // 0 and "" in it: see Complete

	User string
	// Secret is called once for all connections, and again after a refused log-in; for a token, which
	// ends by itself, before each log-in. Its error is of kind state.Login, unless it has another.
	Secret func(ctx context.Context) (Secret, error)
	// Refused is called with a token that the server refused: the next Secret should be another one. Several
	// connections may report the same one, also after there is a new one. nil: nobody wants to know.
	Refused func(Secret)
	// Again is asked after a log-in with a password was refused, with that error: whether Secret is to be called once
	// more, because somebody may type another one. nil: it is not.
	Again func(error) bool
	// Way is the way of logging in with a password that worked last, as Login.Way returned it: it is tried first, and
	// a proof of the password that worked before and is refused is not followed by the password itself. "": not known.
	Way string
	// LoginHint is what to do about a token that stays refused; "": what is true of any.
	LoginHint string

	MaxWait  time.Duration // how long a busy server is waited for in all; 0: not at all
	ReadOnly bool          // the connection refuses what could change the server

	// Secrets are words that no error, log or trace may show, whoever sent them. The password is
	// added when it is known; nil: there are none before.
	Secrets *redact.Secrets

	Trace io.Writer    // protocol log, secrets removed; nil: none
	Log   *slog.Logger // nil: none
}

// Protocol is the language of a server.
type Protocol struct {
	Name           string // with its article
	Port, Implicit int    // without TLS, and with TLS from the first byte
	StartTLS       string // the command that begins TLS
}

// Complete sets defaults (TLS from the first byte, the protocol's port, a timeout of 60 s, no
// secrets, no log), and prepares the server. It has to return nil before the options are used.
func (o *Options) Complete(p Protocol) error {
	if o.TLS == "" {
		o.TLS = Implicit
	}
	if o.Port == 0 {
		o.Port = p.Port
		if o.TLS == Implicit {
			o.Port = p.Implicit
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.Secrets == nil {
		o.Secrets = &redact.Secrets{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Host == "" || o.User == "" || o.Secret == nil {
		return state.Faultf(state.Usage, "%s account needs a host, a user and a password", p.Name)
	}
	if o.Tunnel != nil {
		o.Tunnel.secrets = o.Secrets
	}
	o.protocol = p
	return o.Prepare()
}
