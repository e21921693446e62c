package reach

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"

	"mailsync/state"
)

// tlsConfig makes the TLS settings: TLS 1.2 or newer, the certificate and its name checked,
// pins obeyed.
func (s *Server) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.Host}
	if len(s.RootCAs) > 0 {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool() // no system roots here: those of tls_ca alone
		}
		if !roots.AppendCertsFromPEM(s.RootCAs) {
			return nil, state.Faultf(state.Usage, "tls_ca holds no certificate").
				WithHint("it must be a PEM file with BEGIN CERTIFICATE")
		}
		c.RootCAs = roots
	}
	if len(s.Pins) == 0 {
		return c, nil
	}
	pins, err := parsePins(s.Pins)
	if err != nil {
		return nil, err
	}
	// The usual check would refuse a self-signed certificate before its pin is looked at;
	// pins.verify does that check where no pin of the server's own key takes its place.
	c.InsecureSkipVerify = true
	roots, host := c.RootCAs, s.Host
	c.VerifyConnection = func(cs tls.ConnectionState) error { return pins.verify(cs.PeerCertificates, roots, host) }
	return c, nil
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

// verify accepts a server whose own key is pinned, whatever else its certificate says,
// and one whose valid chain holds a pinned key. Nothing else.
func (p pins) verify(sent []*x509.Certificate, roots *x509.CertPool, host string) error {
	leaf := sent[0]
	if p[PinOf(leaf)] {
		return nil
	}
	between := x509.NewCertPool()
	for _, c := range sent[1:] {
		between.AddCert(c)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: host})
	for _, chain := range chains {
		for _, c := range chain {
			if err == nil && p[PinOf(c)] {
				return nil
			}
		}
	}
	return state.Faultf(state.Unreachable, "TLS with %s: %w", host, errNotPinned).
		WithHint("its key is %s: add it to tls_pins only if the server's operator confirms it", PinOf(leaf))
}
