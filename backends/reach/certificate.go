package reach

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"strings"
	"time"

	"mailsync/backends/redact"
	"mailsync/state"
)

// verdict is why a handshake failed, and what to do about it.
type verdict struct {
	what, tip string
	ofClient  bool // where the server asked for a client certificate, that may be the reason
}

// wrongPin is the error for a server whose key is none of those that are pinned.
type wrongPin struct {
	pinned []string
	valid  bool // its certificate would be trusted without pins
}

func (*wrongPin) Error() string { return "no key in the server's certificates is pinned" }

// maxListed is how many names or pins of a list are shown, and maxName how long one may be.
const (
	maxListed = 5
	maxName   = 80
)

// fault is the error for a connection that ended for that reason.
func (v *verdict) fault(doing string, err error) error {
	return state.Faultf(state.Unreachable, "%s: %w", doing, state.InWords(err, "%s", v.what)).WithHint("%s", v.tip)
}

// certificateFault is the fault for a certificate that is not accepted. All that it shows of it may be
// made up by whoever answered: it is quoted and cut.
func (s *Server) certificateFault(doing string, e *tls.CertificateVerificationError) error {
	leaf := e.UnverifiedCertificates[0]
	what, tip := s.refusedFor(e, leaf, time.Now())
	v := verdict{what: what + ": " + details(leaf), tip: tip}
	return v.fault(doing, e)
}

// refusedFor is what is wrong with a certificate, and what to do about it.
func (s *Server) refusedFor(e *tls.CertificateVerificationError, leaf *x509.Certificate, now time.Time) (what, tip string) {
	var (
		pin     *wrongPin
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		noRoots x509.SystemRootsError
	)
	byPin := fmt.Sprintf("only if its operator confirms this key: %s", s.pinBy(leaf))
	switch {
	case errors.As(e.Err, &pin):
		return s.anotherKey(pin, leaf)
	case errors.As(e.Err, &invalid) && invalid.Reason == x509.Expired:
		return s.outOfDate(invalid.Cert, leaf, now)
	case errors.As(e.Err, &name):
		what, names := "the certificate", namesOf(leaf)
		if isSelfSigned(leaf) {
			what = "the self-signed certificate"
		}
		if len(names) == 0 {
			return what + " names no host", byPin
		}
		return fmt.Sprintf("%s is not for %s, but for %s", what, Quoted(s.Host), listed(names, quotedName)),
			"use a name that it has as the host; or, " + byPin
	case errors.As(e.Err, &noRoots):
		return "this machine's trusted certificates cannot be read", "install the package ca-certificates; or, " + byPin
	case errors.As(e.Err, &unknown) && isSelfSigned(leaf):
		return "the certificate is self-signed", "ask the server's operator whether this is its key; if it is: " + s.pinBy(leaf)
	case errors.As(e.Err, &unknown):
		tip := "ask the server's operator whether this is its key; if it is: " + s.pinBy(leaf) + ", or " + s.issuerBy()
		if roots, err := x509.SystemCertPool(); err == nil && roots.Equal(x509.NewCertPool()) {
			tip = "this machine trusts no issuer at all: install the package ca-certificates; or " + tip
		}
		return "the certificate's issuer is not trusted", tip
	}
	return "the certificate is not valid for a server", "ask its operator to renew it; or, " + byPin
}

func isSelfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// anotherKey is for a server that has another key than the pinned one: a new one, or another server.
func (s *Server) anotherKey(e *wrongPin, leaf *x509.Certificate) (what, tip string) {
	by := "whose certificate would not be trusted either"
	if e.valid {
		by = "whose certificate would be trusted"
	}
	return fmt.Sprintf("the server's key is not the pinned one: pinned is %s, the server has %s, %s", listed(e.pinned, strings.Clone), PinOf(leaf), by),
		"somebody may be in between, or the server has a new key: only if its operator confirms that: " + s.pinBy(leaf)
}

// outOfDate is for a certificate, the server's or one of its issuers', that is not valid now.
func (s *Server) outOfDate(at, leaf *x509.Certificate, now time.Time) (what, tip string) {
	if at == nil {
		at = leaf
	}
	what = "the certificate"
	if !at.Equal(leaf) {
		what = "the issuer's certificate " + nameOf(at.Subject)
	}
	clock := fmt.Sprintf("; the clock of this machine says %s", minute(now))
	if now.Before(at.NotBefore) {
		return fmt.Sprintf("%s is not valid before %s%s", what, minute(at.NotBefore), clock),
			"set this machine's clock; if it is right, ask the server's operator"
	}
	return fmt.Sprintf("%s ended on %s%s", what, minute(at.NotAfter), clock),
		"if the clock is right, the server's operator has to renew it; until then, only if its operator confirms this key: " + s.pinBy(leaf)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// details are what a user can compare with what an operator says.
func details(c *x509.Certificate) string {
	return fmt.Sprintf("subject %s, issuer %s, ends %s, key %s", subjectOf(c), nameOf(c.Issuer), c.NotAfter.UTC().Format(time.DateOnly), PinOf(c))
}

func subjectOf(c *x509.Certificate) string {
	if names := namesOf(c); c.Subject.CommonName == "" && len(names) > 0 {
		return quotedName(names[0])
	}
	return nameOf(c.Subject)
}

func nameOf(n pkix.Name) string {
	if n.CommonName != "" {
		return quotedName(n.CommonName)
	}
	if s := n.String(); s != "" {
		return quotedName(s)
	}
	return "(none)"
}

func quotedName(s string) string { return Quoted(redact.Cut(s, maxName)) }

// namesOf are the names and addresses that a certificate is for.
func namesOf(c *x509.Certificate) []string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// listed lists the first few.
func listed(all []string, show func(string) string) string {
	var out []string
	for _, s := range all[:min(len(all), maxListed)] {
		out = append(out, show(s))
	}
	text := strings.Join(out, ", ")
	if more := len(all) - maxListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// pinBy is how the user trusts a certificate's key.
func (s *Server) pinBy(c *x509.Certificate) string {
	if s.ByFlags {
		return "--tls-pin " + PinOf(c)
	}
	return fmt.Sprintf("tls_pins = [%q]", PinOf(c))
}

// issuerBy is how the user trusts an issuer.
func (s *Server) issuerBy() string {
	if s.ByFlags {
		return "--tls-ca with its issuer's PEM file"
	}
	return "tls_ca with its issuer's PEM file"
}
