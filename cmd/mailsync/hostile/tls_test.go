//go:build unix

package hostile

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
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// authority signs the certificates of these tests.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string // its PEM
}

// certificate is what a server shows.
type certificate struct {
	tls.Certificate
	pin string
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	return n
}

func newAuthority(t testing.TB, dir, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, cert: cert, file: filepath.Join(dir, name+".pem")}
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
	return a
}

// sign makes a certificate for a name, valid from and until so long from now.
func (a *authority) sign(t testing.TB, name string, from, until time.Duration) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pinOf(t, der)}
}

// pinOf is the pin of a certificate's key.
func pinOf(t testing.TB, der []byte) string {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// writePEM writes a certificate into a file.
func writePEM(t testing.TB, dir string, c certificate) string {
	t.Helper()
	path := filepath.Join(dir, fmt.Sprintf("%x.pem", sha256.Sum256(c.Certificate.Certificate[0])))
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate.Certificate[0]}), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// secure puts TLS between a Peer and its connection.
func (c certificate) secure(p *script.Peer, most uint16) {
	p.Wrap(func(conn net.Conn) (io.Reader, io.Writer) {
		s := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{c.Certificate}, MinVersion: tls.VersionTLS10, MaxVersion: most})
		if err := s.Handshake(); err != nil {
			p.Close()
		}
		return s, s
	})
}

// cutOff lets so many octets of the server's through and then closes the socket below TLS,
// without its goodbye.
type cutOff struct {
	net.Conn
	mu   sync.Mutex
	left int
}

func (c *cutOff) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left -= len(b); c.left < 0 {
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

const plainCaps = "IMAP4rev1 LITERAL+ SASL-IR STARTTLS LOGINDISABLED"

// startsTLS serves an account on a connection that begins in plain text. instead, if not
// nil, is what happens in place of a good answer to STARTTLS; true ends the connection.
func startsTLS(acct *script.Account, c certificate, instead func(p *script.Peer) bool) script.Handler {
	return func(p *script.Peer) {
		p.Send("* OK [CAPABILITY " + plainCaps + "] ready")
		for {
			cmd, ok := p.Next()
			switch {
			case !ok:
				return
			case cmd.Verb == "CAPABILITY":
				p.Send("* CAPABILITY " + plainCaps)
				p.Send("$tag OK done")
			case cmd.Verb == "STARTTLS" && (instead == nil || !instead(p)):
				if instead == nil {
					p.Send("$tag OK begin")
				}
				c.secure(p, tls.VersionTLS13)
				script.Healthy(acct, script.Answers{"GREETING": func(*script.Peer, script.Command) bool { return true }})(p)
				return
			case cmd.Verb == "STARTTLS", cmd.Verb == "LOGOUT":
				return
			case strings.HasPrefix(cmd.Verb, "LOGIN"), strings.HasPrefix(cmd.Verb, "AUTHENTICATE"):
				p.T().Errorf("a password in plain text")
				return
			default:
				p.Send("$tag BAD TLS first")
			}
		}
	}
}

// tlsSituation is one about TLS: good serves the healthy runs, bad the broken one.
type tlsSituation struct {
	name      string
	codes     []int
	lines     []string
	good, bad func(acct *script.Account) script.Handler
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ours, others := newAuthority(t, dir, "ours"), newAuthority(t, dir, "others")
	good := ours.sign(t, "localhost", -time.Hour, time.Hour)
	self := others.sign(t, "localhost", -time.Hour, time.Hour)

	implicit := func(c certificate, most uint16) func(*script.Account) script.Handler {
		return func(acct *script.Account) script.Handler {
			return func(p *script.Peer) { c.secure(p, most); script.Healthy(acct, nil)(p) }
		}
	}
	start := func(instead func(p *script.Peer) bool) func(*script.Account) script.Handler {
		return func(acct *script.Account) script.Handler { return startsTLS(acct, good, instead) }
	}
	handler := func(h script.Handler) func(*script.Account) script.Handler {
		return func(*script.Account) script.Handler { return h }
	}
	starttls := []string{`tls = "starttls"`, fmt.Sprintf("tls_ca = %q", ours.file)}
	direct := []string{`tls = "implicit"`, fmt.Sprintf("tls_ca = %q", ours.file)}
	pinned := []string{`tls = "implicit"`, fmt.Sprintf("tls_pins = [%q]", self.pin)}

	for _, s := range []tlsSituation{
		{name: "STARTTLS not offered", codes: []int{1, 4, 5}, lines: starttls, good: start(nil), bad: handler(func(p *script.Peer) {
			p.Send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready")
			for {
				cmd, ok := p.Next()
				if !ok {
					return
				}
				if cmd.Verb == "LOGIN" || cmd.Verb == "AUTHENTICATE" {
					p.T().Errorf("a password in plain text")
				}
				p.Send("* CAPABILITY IMAP4rev1 AUTH=PLAIN")
				p.Send("$tag OK done")
			}
		})},
		{name: "STARTTLS refused", codes: []int{1, 5}, lines: starttls, good: start(nil), bad: start(func(p *script.Peer) bool { p.Send("$tag NO not now"); return true })},
		{name: "STARTTLS not known", codes: []int{1, 5}, lines: starttls, good: start(nil), bad: start(func(p *script.Peer) bool { p.Send("$tag BAD what"); return true })},
		{name: "STARTTLS and silence", codes: []int{5}, lines: starttls, good: start(nil), bad: start(func(p *script.Peer) bool { p.Stall(); return true })},
		{name: "STARTTLS, then silence instead of a handshake", codes: []int{5}, lines: starttls, good: start(nil),
			bad: start(func(p *script.Peer) bool { p.Send("$tag OK begin"); p.Stall(); return true })},
		{name: "STARTTLS, then noise", codes: []int{1, 5}, lines: starttls, good: start(nil),
			bad: start(func(p *script.Peer) bool {
				p.Send("$tag OK begin")
				p.Send("* OK not TLS at all")
				p.Stall()
				return true
			})},
		{name: "bytes ahead of the handshake", codes: []int{1, 5}, lines: starttls, good: start(nil),
			bad: start(func(p *script.Peer) bool {
				p.Raw([]byte(p.Tag + " OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"))
				return false
			})},
		{name: "an answer before it was asked", codes: []int{1, 5}, lines: starttls, good: start(nil),
			bad: handler(func(p *script.Peer) {
				p.Raw([]byte("* OK [CAPABILITY " + plainCaps + "] ready\r\nT1 OK begin\r\n1 OK begin\r\nA1 OK begin\r\n"))
				p.Stall()
			})},
		{name: "PREAUTH before STARTTLS", codes: []int{1, 4, 5}, lines: starttls, good: start(nil), bad: handler(func(p *script.Peer) {
			p.Send("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome back")
			p.Stall()
		})},
		{name: "closed in the handshake", codes: []int{5}, lines: direct, good: implicit(good, tls.VersionTLS13), bad: handler(func(p *script.Peer) { p.Raw([]byte{22, 3, 3}) })},
		{name: "silence in the handshake", codes: []int{5}, lines: direct, good: implicit(good, tls.VersionTLS13), bad: handler(func(p *script.Peer) { p.Stall() })},
		{name: "plain text where TLS is due", codes: []int{1, 5}, lines: direct, good: implicit(good, tls.VersionTLS13),
			bad: func(acct *script.Account) script.Handler { return script.Healthy(acct, nil) }},
		{name: "unknown issuer", codes: []int{1, 5}, lines: direct, good: implicit(good, tls.VersionTLS13), bad: implicit(self, tls.VersionTLS13)},
		{name: "wrong host", codes: []int{1, 5}, lines: direct, good: implicit(good, tls.VersionTLS13),
			bad: implicit(ours.sign(t, "mail.example.net", -time.Hour, time.Hour), tls.VersionTLS13)},
		{name: "expired", codes: []int{1, 5}, lines: direct, good: implicit(good, tls.VersionTLS13),
			bad: implicit(ours.sign(t, "localhost", -2*time.Hour, -time.Hour), tls.VersionTLS13)},
		{name: "not valid yet", codes: []int{1, 5}, lines: direct, good: implicit(good, tls.VersionTLS13),
			bad: implicit(ours.sign(t, "localhost", time.Hour, 2*time.Hour), tls.VersionTLS13)},
		{name: "TLS 1.1", codes: []int{1, 5}, lines: direct, good: implicit(good, tls.VersionTLS13), bad: implicit(good, tls.VersionTLS11)},
		{name: "another key than the pinned one", codes: []int{1, 5}, lines: pinned, good: implicit(self, tls.VersionTLS13), bad: implicit(good, tls.VersionTLS13)},
		{name: "cut off without close_notify", codes: []int{0, 1, 5}, lines: direct, good: implicit(good, tls.VersionTLS13), bad: func(acct *script.Account) script.Handler {
			return func(p *script.Peer) {
				p.Wrap(func(conn net.Conn) (io.Reader, io.Writer) {
					s := tls.Server(&cutOff{Conn: conn, left: 4000}, &tls.Config{Certificates: []tls.Certificate{good.Certificate}})
					return s, s
				})
				script.Healthy(acct, nil)(p)
			}
		}},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{lines: s.lines})
			l.serve(s.good(l.acct))
			if o := l.sync(); o.Code != 0 {
				t.Fatalf("the first run: exit %d\n%s", o.Code, program.Tail(o.Stderr))
			}
			wanted := l.change()
			before, _ := l.files()
			l.serve(s.bad(l.acct))
			l.broken(situation{codes: s.codes}, before)
			l.serve(s.good(l.acct))
			l.recovered(wanted)
		})
	}
}
