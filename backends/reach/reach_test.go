package reach

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailsync/state"
)

func TestLoopbackNames(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "a.localhost.": true, "127.8.9.1": true, "::1": true, "10.0.0.1": false, "localhost.org": false, "": false,
	} {
		if IsLoopback(host) != want {
			t.Errorf("%q is loopback: %v", host, !want)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	for _, c := range []struct {
		s    Server
		says string // "" where it is right
	}{
		{Server{Host: "mail.example.org", TLS: Implicit}, ""},
		{Server{Host: "localhost", TLS: None}, ""},
		{Server{Host: "mail.example.org", TLS: None}, "plain text"},
		{Server{Host: "mail.example.org", TLS: None, Insecure: true}, ""},
		{Server{Host: "mail.example.org", TLS: "ssl"}, `tls cannot be "ssl"`},
		{Server{Host: "mail.example.org", TLS: Implicit, RootCAs: []byte("no PEM")}, "no certificate"},
		{Server{Host: "mail.example.org", TLS: Implicit, Pins: []string{"sha256/x"}}, "not a pin"},
		{Server{Host: "mail.example.org", TLS: Implicit, Pins: []string{"sha256/" + strings.Repeat("A", 43) + "="}}, ""},
	} {
		err := c.s.Prepare()
		if c.says == "" && err != nil || c.says != "" && (state.KindOf(err) != state.Usage || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%+v: %v", c.s, err)
		}
	}
}

// A name of this machine that resolves elsewhere gets no password in plain text.
func TestPlainTextEndsWhereTheAddressIsNotLoopback(t *testing.T) {
	s := Server{Host: "localhost", TLS: None}
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	far := &far{}
	if _, err := s.Secure(t.Context(), far); state.KindOf(err) != state.Usage || !far.closed {
		t.Errorf("%v, closed %v", err, far.closed)
	}
}

// far is a connection to another machine.
type far struct {
	net.Conn
	closed bool
}

func (*far) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 143} }
func (f *far) Close() error       { f.closed = true; return nil }

func TestFaultsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		err  error
		hint string
	}{
		{&net.DNSError{IsNotFound: true}, "spelling"},
		{&net.DNSError{IsTimeout: true}, "online"},
		{syscall.ECONNREFUSED, "nothing listens"},
		{os.ErrDeadlineExceeded, "down or slow"},
		{context.DeadlineExceeded, "down or slow"},
		{io.ErrUnexpectedEOF, ""},
		{state.Faultf(state.Unreachable, "it broke"), "goes on where it stopped"},
	} {
		err := Fault("connect", fmt.Errorf("dial: %w", c.err))
		if state.KindOf(err) != state.Unreachable || !strings.Contains(state.HintOf(err), c.hint) || c.hint == "" && state.HintOf(err) != "" {
			t.Errorf("%v: kind %d, hint %q", c.err, state.KindOf(err), state.HintOf(err))
		}
	}
	known := state.Faultf(state.Login, "refused")
	if got := Fault("connect", known); !errors.Is(got, known) || state.KindOf(got) != state.Login {
		t.Errorf("an error with a kind became %v", got)
	}
}

// certificate is a server's for localhost, with an RSA key or one on a curve, and its pin.
func certificate(t *testing.T, withRSA bool) (tls.Certificate, string) {
	t.Helper()
	var key interface {
		Public() crypto.PublicKey
	}
	var err error
	if withRSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, PinOf(parsed)
}

// Each way in which two ends do not agree on TLS has a hint of its own.
func TestHandshakesThatFailSayWhatToDo(t *testing.T) {
	curve, curvePin := certificate(t, false)
	withRSA, rsaPin := certificate(t, true)
	over := func(c *tls.Config) func(net.Conn) {
		return func(conn net.Conn) { _ = tls.Server(conn, c).Handshake() }
	}
	alert := func(n byte) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 100))
			_, _ = conn.Write([]byte{21, 3, 3, 0, 2, 2, n})
		}
	}
	for _, c := range []struct {
		name  string
		mode  TLSMode
		serve func(net.Conn)
		hint  string
	}{
		{"TLS 1.1", Implicit, over(&tls.Config{Certificates: []tls.Certificate{curve}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), "1.2 or newer"},
		{"no version in common", Implicit, alert(70), "1.2 or newer"},
		{"no cipher in common", Implicit, over(&tls.Config{Certificates: []tls.Certificate{withRSA}, MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}}), "no safe cipher"},
		{"too weak", Implicit, alert(71), "no safe cipher"},
		{"a name it does not know", Implicit, alert(112), "as host"},
		{"a certificate of ours", Implicit, alert(116), "client certificate"},
		{"a fault of its own", Implicit, alert(80), "out of order"},
		{"plain text", Implicit, func(conn net.Conn) { _, _ = io.WriteString(conn, "* OK ready\r\n") }, `"starttls"`},
		{"plain text after STARTTLS", StartTLS, func(conn net.Conn) { _, _ = io.WriteString(conn, "* OK ready\r\n") }, `try tls = "implicit"`},
		{"hung up", Implicit, func(conn net.Conn) { _, _ = conn.Read(make([]byte, 4096)) }, "closed in the middle of the handshake"},
		{"silent", Implicit, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, "within 1s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				if conn, err := l.Accept(); err == nil {
					c.serve(conn)
					_ = conn.Close()
				}
			}()
			s := Server{Host: "localhost", Port: l.Addr().(*net.TCPAddr).Port, TLS: c.mode, Pins: []string{curvePin, rsaPin}, Timeout: 20 * time.Second}
			if c.name == "silent" {
				s.Timeout = time.Second
			}
			if err := s.Prepare(); err != nil {
				t.Fatal(err)
			}
			conn, err := s.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Handshake(t.Context(), conn)
			if state.KindOf(err) != state.Unreachable || !strings.Contains(err.Error()+"\n"+state.HintOf(err), c.hint) {
				t.Errorf("%v\nhint: %s", err, state.HintOf(err))
			}
		})
	}
}

func TestPatience(t *testing.T) {
	var waited []time.Duration
	at := time.Unix(0, 0)
	p := &Patience{Most: time.Minute, Now: func() time.Time { return at }, Sleep: func(_ context.Context, d time.Duration) error {
		waited, at = append(waited, d), at.Add(d)
		return nil
	}}
	until := func(asked ...time.Duration) {
		for _, d := range asked {
			if ok, err := p.Wait(t.Context(), d); !ok || err != nil {
				return
			}
		}
	}
	until(0, 7*time.Second, 0, 0, time.Second)
	if want := []time.Duration{5 * time.Second, 7 * time.Second, 10 * time.Second, 20 * time.Second, time.Second}; !slices.Equal(waited, want) {
		t.Errorf("waited %v, want %v", waited, want)
	}
	if ok, _ := p.Wait(t.Context(), 18*time.Second); ok {
		t.Error("waited beyond Most")
	}
	p.Worked()
	if ok, _ := p.Wait(t.Context(), 18*time.Second); !ok {
		t.Error("what worked does not begin anew")
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.EOF)
	p := &Patience{Most: time.Hour}
	if waited, err := p.Wait(ctx, time.Minute); !waited || !errors.Is(err, io.EOF) {
		t.Errorf("%v, %v", waited, err)
	}
}

func TestServersTextIsShownOnOneLine(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"a\x1b[2J\r\nb", `"a\x1b[2J\r\nb"`},
		{strings.Repeat("x", 300), `"` + strings.Repeat("x", 200) + `…"`},
		{strings.Repeat("x", 199) + "ä", `"` + strings.Repeat("x", 199) + `…"`},
	} {
		if got := Quoted(c.in); got != c.want {
			t.Errorf("%q is shown as %s, want %s", c.in, got, c.want)
		}
		if got := `"` + Clean(c.in) + `"`; c.in != "" && got != c.want {
			t.Errorf("%q is clean as %s, want %s", c.in, got, c.want)
		}
	}
}
