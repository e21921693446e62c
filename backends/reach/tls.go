package reach

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"

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
	valid := false
	for _, o.Roots = range t.roots() {
		chains, err := leaf.Verify(o)
		if err == nil && (len(t.pins) == 0 || t.pins.in(chains)) {
			return nil
		}
		valid = valid || err == nil
		if unknown := (x509.UnknownAuthorityError{}); refused == nil || errors.As(refused, &unknown) {
			refused = err
		}
	}
	if len(t.pins) > 0 {
		refused = &wrongPin{t.pins.sorted(), valid}
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

func (p pins) sorted() []string { return slices.Sorted(maps.Keys(p)) }

// in reports whether one of the chains holds a pinned key.
func (p pins) in(chains [][]*x509.Certificate) bool {
	return slices.ContainsFunc(chains, func(chain []*x509.Certificate) bool {
		return slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return p[PinOf(c)] })
	})
}

// NoStartTLS is the error for a server that does not offer to begin TLS.
func (s *Server) NoStartTLS() error {
	return state.Faultf(state.Unreachable, "server does not offer %s", s.protocol.StartTLS).
		WithHint("%s; somebody in between may also have removed the offer", "use "+s.by(Implicit))
}

// StartTLSRefused is the error for a server that does not begin TLS although it offered to.
func (s *Server) StartTLSRefused(answer error) error {
	return state.Faultf(state.Unreachable, "%s: %w", s.protocol.StartTLS, answer).WithHint("%s", "use "+s.by(Implicit))
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
	if ended, ok := errors.AsType[*TunnelEnded](err); ok {
		return ended
	}
	hint := "it may not be " + s.protocol.Name + " port, or the server allows no more connections"
	if tip != "" {
		hint += "; or " + tip
	}
	return state.Faultf(state.Unreachable, "%w", state.InWords(err, "%s closed the connection without a greeting", s.Addr())).WithHint("%s", hint)
}
