package auth

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"testing"
)

// Both ends of a connection have the same binding, of the kind that fits the version of TLS.
func TestBinding(t *testing.T) {
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	for version, kind := range map[uint16]string{tls.VersionTLS12: "tls-unique", tls.VersionTLS13: "tls-exporter"} {
		here, there := net.Pipe()
		defer here.Close()
		s := tls.Server(there, &tls.Config{Certificates: srv.TLS.Certificates})
		c := tls.Client(here, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
		done := make(chan error, 1)
		go func() { done <- s.Handshake() }()
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		if version == tls.VersionTLS13 { // the server reads the end of the handshake only now
			go func() { _, _ = c.Write([]byte("x")) }()
			_, _ = s.Read(make([]byte, 1))
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		ours, theirs := c.ConnectionState(), s.ConnectionState()
		got, want := BindingOf(&ours), BindingOf(&theirs)
		if got.Kind != kind || len(got.Data) < 12 || got.Kind != want.Kind || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%x: %+v and %+v", version, got, want)
		}
		if version == tls.VersionTLS12 {
			ours.TLSUnique = nil
			sum := sha256.Sum256(srv.Certificate().Raw)
			if got := BindingOf(&ours); got.Kind != "tls-server-end-point" || !bytes.Equal(got.Data, sum[:]) {
				t.Errorf("%+v", got)
			}
		}
	}
	if got := BindingOf(nil); got.Kind != "" {
		t.Errorf("%+v", got)
	}
	for algorithm, size := range map[x509.SignatureAlgorithm]int{x509.MD5WithRSA: 32, x509.SHA1WithRSA: 32, x509.ECDSAWithSHA384: 48, x509.SHA512WithRSAPSS: 64, x509.PureEd25519: 0} {
		if got := endPoint(&x509.Certificate{SignatureAlgorithm: algorithm, Raw: []byte("x")}); len(got.Data) != size {
			t.Errorf("%v: %+v", algorithm, got)
		}
	}
}
