package auth

import (
	"crypto"
	_ "crypto/sha256" // the digests of bindings
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
)

// Binding is what proves to the server that our end of the TLS connection is the one that it talks to
// (RFC 5056). The zero Binding is that of a connection that has none.
type Binding struct {
	Kind string // its registered name, "" for none
	Data []byte
}

// BindingOf returns the binding of a TLS connection: tls-exporter for TLS 1.3 (RFC 9266), else tls-unique
// (RFC 5929 section 3), or where a connection has none, tls-server-end-point (section 4).
func BindingOf(cs *tls.ConnectionState) Binding {
	if cs == nil || !cs.HandshakeComplete {
		return Binding{}
	}
	if cs.Version >= tls.VersionTLS13 {
		data, err := cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
		if err != nil {
			return Binding{}
		}
		return Binding{"tls-exporter", data}
	}
	if len(cs.TLSUnique) > 0 {
		return Binding{"tls-unique", cs.TLSUnique}
	}
	if len(cs.PeerCertificates) == 0 {
		return Binding{}
	}
	return endPoint(cs.PeerCertificates[0])
}

// endPoint is tls-server-end-point: the digest of the server's certificate, by the hash of its signature, or
// by SHA-256 where that is an older one. A signature without a hash has none.
func endPoint(c *x509.Certificate) Binding {
	h := crypto.SHA256
	switch c.SignatureAlgorithm {
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		h = crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		h = crypto.SHA512
	case x509.PureEd25519, x509.UnknownSignatureAlgorithm:
		return Binding{}
	}
	sum := h.New()
	sum.Write(c.Raw)
	return Binding{"tls-server-end-point", sum.Sum(nil)}
}
