package imap

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mailsync/backends/reach"
	"mailsync/internal/testkit/freeport"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// identity is a server's key and certificate, and what trusts it.
type identity struct {
	tls.Certificate
	pem []byte // of the certificate, which signed itself
	pin string
}

// newIdentity makes a certificate for 127.0.0.1 and the names; change may spoil it.
func newIdentity(t *testing.T, change func(*x509.Certificate)) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		BasicConstraintsValid: true, IsCA: true,
	}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(parsed.RawSubjectPublicKeyInfo)
	return identity{
		Certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem:         pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pin:         "sha256/" + base64.StdEncoding.EncodeToString(sum[:]),
	}
}

// wrap puts TLS on the connection.
func (id identity) wrap(p *script.Peer, most uint16) {
	p.Wrap(func(c net.Conn) (io.Reader, io.Writer) {
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{id.Certificate}, MaxVersion: most, MinVersion: tls.VersionTLS10})
		return s, s
	})
}

// overTLS serves a handler behind TLS from the first byte.
func (id identity) overTLS(h script.Handler) script.Handler {
	return func(p *script.Peer) {
		id.wrap(p, 0)
		h(p)
	}
}

func TestCertificates(t *testing.T) {
	good := newIdentity(t, nil)
	other := newIdentity(t, nil)
	old := newIdentity(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	wrong := newIdentity(t, func(c *x509.Certificate) { c.IPAddresses = nil; c.DNSNames = []string{"mail.example.org"} })
	for _, c := range []struct {
		name   string
		server identity
		change func(*Options)
		hint   string // "" means that it works
	}{
		{"trusted", good, func(o *Options) { o.RootCAs = good.pem }, ""},
		{"unknown issuer", good, func(*Options) {}, good.pin},
		{"out of date", old, func(o *Options) { o.RootCAs = old.pem }, "clock"},
		{"another name", wrong, func(o *Options) { o.RootCAs = wrong.pem }, "use a name that it has"},
		{"pinned", good, func(o *Options) { o.Pins = []string{other.pin, good.pin} }, ""},
		{"pinned, another name, out of date", wrong, func(o *Options) { o.Pins = []string{wrong.pin} }, ""},
		{"pin of another key", good, func(o *Options) { o.Pins, o.RootCAs = []string{other.pin}, good.pem }, good.pin},
	} {
		t.Run(c.name, func(t *testing.T) {
			handler := script.Healthy(boxes(), nil)
			if c.hint != "" {
				handler = func(p *script.Peer) { p.Stall() }
			}
			srv := script.Every(t, c.server.overTLS(handler))
			a := account(t, options(srv), func(o *Options) { o.TLS = reach.Implicit }, c.change)
			err := noop(t.Context(), a)
			if c.hint == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantFault(t, err, state.Unreachable, "TLS")
			if !strings.Contains(state.HintOf(err), c.hint) || srv.Accepted() != 1 {
				t.Errorf("hint %q after %d connections", state.HintOf(err), srv.Accepted())
			}
		})
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	id := newIdentity(t, nil)
	srv := script.Every(t, func(p *script.Peer) {
		id.wrap(p, tls.VersionTLS11)
		p.Stall()
	})
	a := account(t, options(srv), func(o *Options) { o.TLS, o.RootCAs = reach.Implicit, id.pem })
	wantFaultKind(t, noop(t.Context(), a), "TLS version")
}

// wantFaultKind is wantFault without a hint being wanted.
func wantFaultKind(t *testing.T, err error, text string) {
	t.Helper()
	if state.KindOf(err) != state.Unreachable || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v of kind %d, want %q", err, state.KindOf(err), text)
	}
}

func TestDialFailures(t *testing.T) {
	nobody, err := freeport.Take()
	if err != nil {
		t.Fatal(err)
	}
	plain := script.Every(t, func(p *script.Peer) {
		p.Send("* OK plain text here")
		p.Stall()
	})
	silent := script.Every(t, func(p *script.Peer) { p.Stall() })
	closing := script.Every(t, func(p *script.Peer) { p.Close() })
	for _, c := range []struct {
		name   string
		change func(*Options)
		hint   string
	}{
		{"refused", func(o *Options) { o.Port = int(netip.MustParseAddrPort(nobody).Port()) }, "nothing listens"},
		{"unknown host", func(o *Options) { o.Host, o.TLS = "no-such-host.invalid", reach.Implicit }, "name server"},
		{"no TLS there", func(o *Options) { o.TLS = reach.Implicit }, `"starttls"`},
		{"silent", func(o *Options) { o.TLS, o.Port = reach.Implicit, silent.Port() }, "down or slow"},
		{"TLS there", func(o *Options) { o.Port = silent.Port() }, `tls = "implicit"`},
		{"TLS there, not STARTTLS", func(o *Options) { o.TLS, o.Port = reach.StartTLS, silent.Port() }, `tls = "implicit"`},
		{"TLS there, which hangs up", func(o *Options) { o.Port = closing.Port() }, `tls = "implicit"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := account(t, options(plain), func(o *Options) { o.Timeout = 200 * time.Millisecond }, c.change)
			err := noop(t.Context(), a)
			if state.KindOf(err) != state.Unreachable || !strings.Contains(state.HintOf(err), c.hint) {
				t.Errorf("%v of kind %d, hint %q", err, state.KindOf(err), state.HintOf(err))
			}
		})
	}
}

func TestPlainTextOnlyToLoopback(t *testing.T) {
	o := options(script.Every(t, func(*script.Peer) {}))
	o.Host, o.Port = "imap.example.org", 0
	_, err := New(o)
	wantFault(t, err, state.Usage, "plain text")
	o.Insecure = true
	if _, err := New(o); err != nil {
		t.Error(err)
	}
}

func TestStartTLS(t *testing.T) {
	id := newIdentity(t, nil)
	// accept is a server's part up to the handshake.
	accept := func(greeting, caps string) script.Handler {
		return func(p *script.Peer) {
			p.Send(greeting)
			if caps != "" {
				p.Expect("CAPABILITY")
				p.Send("* CAPABILITY " + caps)
				p.Send("$tag OK done")
			}
			p.Expect("STARTTLS")
			p.Send("$tag OK begin")
			id.wrap(p, 0)
			acct := boxes()
			acct.Caps = "IMAP4rev1 AUTH=PLAIN SASL-IR"
			script.Healthy(acct, script.Answers{"GREETING": func(*script.Peer, script.Command) bool { return true }})(p)
		}
	}
	for name, c := range map[string]struct {
		h    script.Handler
		text string
	}{
		"told in the greeting": {accept("* OK [CAPABILITY IMAP4rev1 starttls LOGINDISABLED] ready", ""), ""},
		"told when asked":      {accept("* OK ready", "IMAP4rev1 STARTTLS LOGINDISABLED"), ""},
		"not offered": {script.Play(`
			S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready
			X: stall`), "does not offer STARTTLS"},
		"refused": {script.Play(`
			S: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready
			C: STARTTLS
			S: $tag NO not now
			X: stall`), "not now"},
		"PREAUTH": {script.Play(`
			S: * PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome
			X: stall`), "PREAUTH"},
		"bytes ahead of the handshake": {script.Play(`
			S: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready
			C: STARTTLS
			S= "$tag OK begin\r\n* CAPABILITY IMAP4rev1\r\n"
			X: stall`), "ahead of the handshake"},
		"BYE": {script.Play(`
			S: * BYE [UNAVAILABLE] maintenance
			X: stall`), "maintenance"},
		"closed": {script.Play(`
			S: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready
			C: STARTTLS
			X: close`), "STARTTLS"},
		"silent": {func(p *script.Peer) { p.Stall() }, "greeting"},
		"endless": {func(p *script.Peer) {
			p.Send("* OK ready")
			for {
				p.Send("* OK still here")
			}
		}, "did not let us in within"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := script.Every(t, c.h)
			a := account(t, options(srv), func(o *Options) { o.TLS, o.RootCAs, o.Timeout = reach.StartTLS, id.pem, 500*time.Millisecond })
			err := noop(t.Context(), a)
			if c.text == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantFaultKind(t, err, c.text)
			if sent(srv, "AUTHENTICATE *")+sent(srv, "LOGIN *") != 0 {
				t.Errorf("logged in in plain text: %q", srv.Commands())
			}
		})
	}
}
