package reach

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
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

// trust says which servers are the one that is meant.
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

// Pin is the SHA-256 of a certificate's SubjectPublicKeyInfo.
type Pin [sha256.Size]byte

// PinOf returns the pin of a certificate's key.
func PinOf(c *x509.Certificate) Pin { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// String spells a pin as the configuration has it: "sha256/" and its base64.
func (p Pin) String() string { return "sha256/" + base64.StdEncoding.EncodeToString(p[:]) }

type pins map[Pin]bool

func parsePins(list []string) (pins, error) {
	p := make(pins, len(list))
	for _, s := range list {
		b64, ok := strings.CutPrefix(s, "sha256/")
		raw, err := base64.StdEncoding.DecodeString(b64)
		if !ok || err != nil || len(raw) != sha256.Size {
			return nil, state.Faultf(state.Usage, "tls_pins: %s is no pin", Quoted(s)).
				WithHint(`a pin is "sha256/" and the base64 of a certificate's SubjectPublicKeyInfo's SHA-256`)
		}
		p[Pin(raw)] = true
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
