package reach

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"mailsync/state"
)

// tlsConfig makes the TLS settings: TLS 1.2 or newer, the certificate and its name checked,
// pins obeyed.
func (s *Server) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.Host}
	if len(s.RootCAs) == 0 && len(s.Pins) == 0 {
		return c, nil
	}
	t := trust{host: s.Host}
	if len(s.RootCAs) > 0 {
		t.own = x509.NewCertPool()
		if !t.own.AppendCertsFromPEM(s.RootCAs) {
			return nil, state.Faultf(state.Usage, "tls_ca holds no certificate").
				WithHint("it must be a PEM file with BEGIN CERTIFICATE")
		}
	}
	var err error
	if t.pins, err = parsePins(s.Pins); err != nil {
		return nil, err
	}
	// The usual check would refuse a self-signed certificate before its pin is looked at, and read
	// all of the system's roots before one of ours: trust.verify is that check, in another order.
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(cs tls.ConnectionState) error { return t.verify(cs.PeerCertificates) }
	return c, nil
}

// trust decides which certificates are the server's.
type trust struct {
	host string
	own  *x509.CertPool // tls_ca's, nil without
	pins pins           // none: every valid chain will do
}

// verify accepts a server whose own key is pinned, whatever else its certificate says,
// and one with a valid chain, which holds a pinned key where there are pins. Nothing else.
// The system's roots are asked last: to read them takes longer than a run without news.
func (t *trust) verify(sent []*x509.Certificate) error {
	leaf := sent[0]
	if t.pins[PinOf(leaf)] {
		return nil
	}
	o := x509.VerifyOptions{DNSName: t.host, Intermediates: x509.NewCertPool()}
	for _, c := range sent[1:] {
		o.Intermediates.AddCert(c)
	}
	var refused error
	for _, o.Roots = range t.roots() {
		chains, err := leaf.Verify(o)
		if err == nil && (len(t.pins) == 0 || t.pins.in(chains)) {
			return nil
		}
		if unknown := (x509.UnknownAuthorityError{}); refused == nil || errors.As(refused, &unknown) {
			refused = err
		}
	}
	if len(t.pins) > 0 {
		return state.Faultf(state.Unreachable, "TLS with %s: %w", t.host, errNotPinned).
			WithHint("its key is %s: add it to tls_pins only if the server's operator confirms it", PinOf(leaf))
	}
	return &tls.CertificateVerificationError{UnverifiedCertificates: sent, Err: refused}
}

// roots are where a valid chain ends; nil stands for the system's.
func (t *trust) roots() []*x509.CertPool {
	if t.own == nil {
		return []*x509.CertPool{nil}
	}
	return []*x509.CertPool{t.own, nil}
}

// PinOf returns the pin of a certificate's key as the configuration has it: "sha256/" and the base64 of the
// SHA-256 of its SubjectPublicKeyInfo.
func PinOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return pinPrefix + base64.StdEncoding.EncodeToString(sum[:])
}

const pinPrefix = "sha256/"

type pins map[string]bool

func parsePins(list []string) (pins, error) {
	p := make(pins, len(list))
	for _, s := range list {
		b64, ok := strings.CutPrefix(s, pinPrefix)
		raw, err := base64.StdEncoding.DecodeString(b64)
		if !ok || err != nil || len(raw) != sha256.Size {
			return nil, state.Faultf(state.Usage, "tls_pins: %s is not a pin", Quoted(s)).
				WithHint(`a pin is "sha256/" and the base64 of a certificate's SubjectPublicKeyInfo's SHA-256`)
		}
		p[pinPrefix+base64.StdEncoding.EncodeToString(raw)] = true
	}
	return p, nil
}

var errNotPinned = errors.New("no key in the server's certificates is pinned")

// in reports whether one of the chains holds a pinned key.
func (p pins) in(chains [][]*x509.Certificate) bool {
	return slices.ContainsFunc(chains, func(chain []*x509.Certificate) bool {
		return slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return p[PinOf(c)] })
	})
}

// handshakeFault is Fault for a handshake that failed.
func (s *Server) handshakeFault(err error) error {
	doing := "TLS with " + s.Addr()
	if tip := s.handshakeHint(err); tip != "" && state.KindOf(err) == state.Other {
		return state.Faultf(state.Unreachable, "%s: %w", doing, err).WithHint("%s", tip)
	}
	return Fault(doing, err)
}

// handshakeHint is what to do where the two ends could not agree on a handshake, "" where something else
// failed.
func (s *Server) handshakeHint(err error) string {
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record) && s.TLS == StartTLS:
		return `the server answers STARTTLS with something that is not TLS, or something in between does; try tls = "implicit"`
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the server closed the connection during the TLS handshake: check that port and tls fit each other, and that it lets this machine connect"
	}
	return AlertHint(err)
}

// AlertHint is what to do about a TLS alert, the server's or ours; "" for any other error. With TLS 1.3
// one may arrive when the handshake has ended for us. crypto/tls names the alerts of RFC 8446 section 6
// only in its texts.
func AlertHint(err error) string {
	const operator = ": ask its operator"
	says := func(texts ...string) bool {
		for _, text := range texts {
			if strings.Contains(err.Error(), "tls: "+text) {
				return true
			}
		}
		return false
	}
	switch {
	case says("protocol version not supported", "server selected unsupported protocol version"):
		return "the server does not offer TLS 1.2 or newer, and older versions are not safe" + operator
	case says("handshake failure", "insufficient security level", "server chose an unconfigured cipher suite"):
		return "the server has no safe TLS cipher in common with mailsync" + operator
	case says("unrecognized name"):
		return "the server does not answer to this name: use the name that the provider gives as host"
	case says("certificate required"):
		return "the server asks for a client certificate, which mailsync does not support"
	case says("internal error", "decode error", "illegal parameter", "unexpected message"):
		return "the server's TLS is not set up correctly" + operator
	}
	return ""
}

// NoStartTLS is the error for a server that does not offer to begin TLS.
func (s *Server) NoStartTLS() error {
	return state.Faultf(state.Unreachable, "server does not offer %s", s.protocol.StartTLS).
		WithHint("%s; somebody in between may also have removed the offer", s.useImplicit())
}

// StartTLSRefused is the error for a server that does not begin TLS although it offered to.
func (s *Server) StartTLSRefused(answer error) error {
	return state.Faultf(state.Unreachable, "%s: %w", s.protocol.StartTLS, answer).WithHint("%s", s.useImplicit())
}

func (s *Server) useImplicit() string {
	return fmt.Sprintf(`use tls = "implicit" (port %d)`, s.protocol.Implicit)
}

// Upgrade puts TLS on a connection on which server and client agreed to begin it. ahead is how much
// the server sent beyond that: it would pass for sent with TLS (CVE-2011-0411), and must be 0. A
// connection that does not become safe is closed.
func (s *Server) Upgrade(ctx context.Context, conn net.Conn, ahead int) (net.Conn, error) {
	if ahead > 0 {
		conn.Close()
		return nil, state.Faultf(state.Unreachable, "%s: server sent %d octets ahead of the handshake", s.protocol.StartTLS, ahead).
			WithHint("somebody may be injecting answers: do not use this network")
	}
	return s.Handshake(ctx, conn)
}

// NoGreeting is the error for a server that closed the connection without a greeting. tip is what else
// may be the reason, "" nothing.
func (s *Server) NoGreeting(err error, tip string) error {
	hint := "it may not be " + s.protocol.Name + " port, or the server allows no more connections"
	if tip != "" {
		hint += "; or " + tip
	}
	return state.Faultf(state.Unreachable, "%s closed the connection without a greeting (%w)", s.Addr(), err).WithHint("%s", hint)
}

// SpeaksTLS is a hint for a server that is silent, or hangs up, where it should greet in plain
// text: it may expect TLS. "" where TLS is on already.
func (s *Server) SpeaksTLS() string {
	if s.TLS == Implicit {
		return ""
	}
	return `the port may speak TLS from the first byte: tls = "implicit", with port 993 for IMAP and 995 for POP3, may be right`
}
