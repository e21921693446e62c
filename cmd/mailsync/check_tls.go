package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"mailsync/cmd/mailsync/report"
	"mailsync/state"
)

// soon is how long before its end a certificate is worth a warning.
const soon = 14 * 24 * time.Hour

// tls tells how safe the connection is, and with which certificates. It returns false where
// it did not come so far, after telling why.
func (c *checking) tls(p state.Probe, err error) bool {
	var certs []*x509.Certificate
	if p.TLS != nil {
		certs = p.TLS.PeerCertificates
	}
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) {
		certs = unverified.UnverifiedCertificates
	}
	switch {
	case p.TLS == nil && c.a.TLS == "none" && !p.Greeted:
		return c.fail("greeting", err)
	case p.TLS == nil && c.a.TLS == "none":
		c.ok("TLS", "plain text, as configured")
		return true
	case p.TLS == nil:
		c.fail("TLS", err)
	case !p.Greeted:
		c.fail("greeting", err)
	default:
		c.ok("TLS", "%s, %s", tls.VersionName(p.TLS.Version), tls.CipherSuiteName(p.TLS.CipherSuite))
	}
	for _, cert := range certs {
		c.certificate(cert)
	}
	return p.Greeted
}

// certificate tells of one: whose it is, how long it lasts, and its key as a pin.
func (c *checking) certificate(cert *x509.Certificate) {
	who := cert.Subject.CommonName
	if who == "" && len(cert.DNSNames) > 0 {
		who = cert.DNSNames[0]
	}
	if who == "" {
		who = cert.Subject.String()
	}
	detail := fmt.Sprintf("%s, by %s, until %s", who, cert.Issuer.CommonName, cert.NotAfter.Format(time.DateOnly))
	switch left := time.Until(cert.NotAfter); {
	case left < 0:
		c.warn("certificate", "tell the server's operator, and check this machine's clock", "%s, out of date", detail)
	case left < soon:
		c.warn("certificate", "tell the server's operator", "%s, %s left", detail, report.Seconds(left))
	default:
		c.ok("certificate", "%s", detail)
	}
	key := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	c.ok("its key", "sha256/%s", base64.StdEncoding.EncodeToString(key[:]))
}
