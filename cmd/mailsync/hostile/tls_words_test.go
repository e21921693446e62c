//go:build unix

package hostile

import (
	"bufio"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// tlsCase is one way in which TLS fails: what a server does with a connection, and what the user is shown.
type tlsCase struct {
	name     string
	lines    []string // of the account
	serve    func(net.Conn)
	says     string // the error and the hint; PIN, HERE and NOW stand for what differs from run to run
	protocol string // "" for both
}

// listening serves connections until the test ends.
func listening(t *testing.T, serve func(net.Conn)) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// certified serves TLS alone: a handshake, and then nothing until the client goes.
func certified(c certificate, change func(*tls.Config)) func(net.Conn) {
	config := &tls.Config{Certificates: []tls.Certificate{c.Certificate}, MinVersion: tls.VersionTLS10}
	if change != nil {
		change(config)
	}
	return func(conn net.Conn) {
		s := tls.Server(conn, config)
		if s.Handshake() == nil {
			_, _ = io.Copy(io.Discard, s)
		}
	}
}

// afterHello reads the beginning of a handshake and does something else.
func afterHello(answer string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, answer)
	}
}

// resetting ends a connection as a middlebox does.
func resetting(conn net.Conn) {
	_, _ = conn.Read(make([]byte, 4096))
	_ = conn.(*net.TCPConn).SetLinger(0)
}

// self signs a certificate with its own key, whatever is in it.
func self(t *testing.T, tmpl *x509.Certificate) certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tmpl.SerialNumber, tmpl.NotBefore, tmpl.NotAfter = serial(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pinOf(t, der)}
}

const (
	askPin   = `hint: ask the server's operator whether this is its key; if it is: tls_pins = ["PIN"]`
	detail   = `subject "localhost", issuer "ours", ends DAY, key PIN`
	tooOld   = "hint: older versions are not safe: its operator has to offer a newer one"
	newCerts = "hint: set tls_cert and tls_key to the certificate and the key that its operator gave you"
)

// Whatever is wrong with a server's TLS, the user is shown what it is and what to do, and no password
// is asked for.
func TestWhatTheUserIsShownOfTLS(t *testing.T) {
	dir := t.TempDir()
	ours := newAuthority(t, dir, "ours")
	good := ours.sign(t, "localhost", -time.Hour, time.Hour)
	trusted := fmt.Sprintf("tls_ca = %q", ours.file)
	many := []string{"a.example.org", "b.example.org", "c.example.org", "d.example.org", "e.example.org", "f.example.org", "g.example.org"}
	evil := self(t, &x509.Certificate{Subject: pkix.Name{CommonName: "x\x1b[2J\n" + strings.Repeat("y", 500)}, DNSNames: many})
	alone := self(t, &x509.Certificate{Subject: pkix.Name{CommonName: "mine"}, DNSNames: []string{"localhost"}})
	evilShown := `"x\x1b[2J\n` + strings.Repeat("y", 74) + `…"`
	byRSA := self(t, &x509.Certificate{DNSNames: []string{"localhost"}})

	cases := []tlsCase{
		{name: "self-signed", serve: certified(alone, nil),
			says: `TLS with HERE: the certificate is self-signed: subject "mine", issuer "mine", ends DAY, key PIN` + "\n" + askPin},
		{name: "another host, many names", lines: []string{fmt.Sprintf("tls_ca = %q", writePEM(t, dir, evil))}, serve: certified(evil, nil),
			says: `TLS with HERE: the self-signed certificate is not for "localhost", but for "a.example.org", "b.example.org", "c.example.org", "d.example.org", "e.example.org" and 2 more: ` +
				"subject " + evilShown + ", issuer " + evilShown + ", ends DAY, key PIN\n" +
				`hint: use a name that it has as the host; or, only if its operator confirms this key: tls_pins = ["PIN"]`},
		{name: "unknown issuer", serve: certified(good, nil),
			says: "TLS with HERE: the certificate's issuer is not trusted: " + detail + "\n" + askPin + ", or tls_ca with its issuer's PEM file"},
		{name: "expired", lines: []string{trusted}, serve: certified(ours.sign(t, "localhost", -48*time.Hour, -24*time.Hour), nil),
			says: "TLS with HERE: the certificate ended on MINUTE; the clock of this machine says MINUTE: " + detail + "\n" +
				`hint: if the clock is right, the server's operator has to renew it; until then, only if its operator confirms this key: tls_pins = ["PIN"]`},
		{name: "not valid yet", lines: []string{trusted}, serve: certified(ours.sign(t, "localhost", time.Hour, 2*time.Hour), nil),
			says: "TLS with HERE: the certificate is not valid before MINUTE; the clock of this machine says MINUTE: " + detail + "\n" +
				"hint: set this machine's clock; if it is right, ask the server's operator"},
		{name: "another key", lines: []string{trusted, fmt.Sprintf("tls_pins = [%q]", evil.pin)}, serve: certified(good, nil),
			says: "TLS with HERE: the server's key is not the pinned one: pinned is " + evil.pin + ", the server has PIN, whose certificate would be trusted: " + detail + "\n" +
				`hint: somebody may be in between, or the server has a new key: only if its operator confirms that: tls_pins = ["PIN"]`},
		{name: "TLS 1.1", lines: []string{trusted}, serve: certified(good, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }),
			says: "TLS with HERE: the server has no TLS version in common with mailsync, which needs 1.2 or newer\n" + tooOld},
		{name: "TLS 1.0, which it chooses", lines: []string{trusted}, serve: afterHello(hello(0x0301)),
			says: "TLS with HERE: the server is too old: it offers TLS 1.0, and mailsync needs TLS 1.2 or newer\n" + tooOld},
		{name: "SSL 3.0, which it chooses", lines: []string{trusted}, serve: afterHello(hello(0x0300)),
			says: "TLS with HERE: the server is too old: it offers SSL 3.0, and mailsync needs TLS 1.2 or newer\n" + tooOld},
		{name: "no common cipher", serve: certified(byRSA, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}
		}), says: "TLS with HERE: the server and mailsync have no safe cipher in common\n" +
			"hint: the server's TLS is too old or set up wrongly: its operator has to offer safe ciphers"},
		{name: "a client certificate, TLS 1.2", lines: []string{trusted}, serve: certified(good, func(c *tls.Config) {
			c.MaxVersion, c.ClientAuth = tls.VersionTLS12, tls.RequireAnyClientCert
		}), says: "TLS with HERE: the server asks for a client certificate, and does not accept what it got\n" + newCerts},
		{name: "a client certificate, TLS 1.3", lines: []string{trusted}, serve: certified(good, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }),
			says: "TLS with HERE: the server asks for a client certificate, and does not accept what it got\n" + newCerts},
		{name: "closed", serve: afterHello(""), says: "TLS with HERE: the connection was closed in the middle of the handshake\n" +
			"hint: check that port and tls fit each other; a firewall or a virus scanner may also cut connections, or the server does not let this machine in"},
		{name: "reset", serve: resetting, says: "TLS with HERE: the connection was closed in the middle of the handshake\n" +
			"hint: check that port and tls fit each other; a firewall or a virus scanner may also cut connections, or the server does not let this machine in"},
		{name: "silent", serve: func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
			says: "TLS with HERE: no answer within 2s\nhint: the server is down or slow, a firewall drops the connection, or the port does not speak TLS"},
		{name: "plain text", protocol: "imap", serve: afterHello("* OK ready\r\n"),
			says: `TLS with HERE: the port does not speak TLS, its answer begins "* OK "` + "\n" +
				`hint: plain text is answered there, as on port 143 of IMAP and 110 of POP3: tls = "starttls" may be right`},
		{name: "POP3", protocol: "imap", serve: afterHello("+OK ready\r\n"),
			says: `TLS with HERE: the port does not speak TLS, its answer begins "+OK r"` + "\nhint: a POP3 server answers there: check port and protocol"},
		{name: "IMAP", protocol: "pop3", serve: afterHello("* OK ready\r\n"),
			says: `TLS with HERE: the port does not speak TLS, its answer begins "* OK "` + "\nhint: an IMAP server answers there: check port and protocol"},
		{name: "a web server", serve: afterHello("HTTP/1.1 400 Bad Request\r\n"),
			says: `TLS with HERE: the port does not speak TLS, its answer begins "HTTP/"` + "\nhint: a web server answers there: check host and port"},
	}
	for _, protocol := range []string{"imap", "pop3"} {
		for _, c := range cases {
			if c.protocol == "" || c.protocol == protocol {
				t.Run(protocol+" "+c.name, func(t *testing.T) {
					t.Parallel()
					c.check(t, protocol)
				})
			}
		}
	}
}

var (
	aPin    = regexp.MustCompile(`key sha256/\S{44}|"sha256/[^"]{44}"|the server has sha256/[^,]{44}`)
	aPort   = regexp.MustCompile(`localhost:\d+`)
	aMinute = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`)
	aDay    = regexp.MustCompile(`ends \d{4}-\d\d-\d\d`)
	pinWord = regexp.MustCompile(`sha256/[A-Za-z0-9+/]{43}=`)
)

// usual replaces what differs from run to run.
func usual(text string) string {
	text = aPin.ReplaceAllStringFunc(text, func(s string) string { return pinWord.ReplaceAllString(s, "PIN") })
	text = aPort.ReplaceAllString(text, "HERE")
	text = aMinute.ReplaceAllString(text, "MINUTE")
	return aDay.ReplaceAllString(text, "ends DAY")
}

func (c tlsCase) check(t *testing.T, protocol string) {
	l := newLife(t)
	asked := filepath.Join(l.dir, "asked")
	if !slices.Contains(c.lines, `tls = "starttls"`) {
		c.lines = append(c.lines, `tls = "implicit"`)
	}
	l.configure(append([]string{fmt.Sprintf("protocol = %q", protocol), fmt.Sprintf("port = %d", listening(t, c.serve)),
		fmt.Sprintf(`password_command = ["touch", %q]`, asked)}, c.lines...)...)
	l.without("password")
	o := l.run("sync", "-q")
	o.Stderr = usual(o.Stderr)
	l.shows(o, 5, c.says+"\n")
	if _, err := os.Stat(asked); err == nil {
		t.Error("the password was asked for")
	}
}

// Who has no configuration is shown flags.
func TestWhatTheUserOfFlagsIsShownOfTLS(t *testing.T) {
	dir := t.TempDir()
	good := newAuthority(t, dir, "ours").sign(t, "localhost", -time.Hour, time.Hour)
	l := newLife(t)
	port := listening(t, certified(good, nil))
	asked := filepath.Join(l.dir, "asked")
	for scheme, hint := range map[string]string{
		"imaps": "hint: ask the server's operator whether this is its key; if it is: --tls-pin " + good.pin + ", or --tls-ca with its issuer's PEM file",
		"pop3s": "hint: ask the server's operator whether this is its key; if it is: --tls-pin " + good.pin,
	} {
		o := l.flagsOnly("backup", "--url", fmt.Sprintf("%s://ada@localhost:%d", scheme, port), "--maildir", l.root, "--password-command", "touch "+asked)
		if o.Code != 5 || !strings.Contains(o.Stderr, hint) {
			t.Errorf("%s: exit %d\n%s", scheme, o.Code, o.Stderr)
		}
	}
	if _, err := os.Stat(asked); err == nil {
		t.Error("the password was asked for")
	}
	plain := listening(t, afterHello("* OK ready\r\n"))
	o := l.flagsOnly("backup", "--url", fmt.Sprintf("imaps://ada@localhost:%d", plain), "--maildir", l.root, "--password-command", "touch "+asked)
	if !strings.Contains(o.Stderr, "--url imap://… may be right") {
		t.Errorf("exit %d\n%s", o.Code, o.Stderr)
	}
}

// hello is a ServerHello that chooses a version.
func hello(version uint16) string {
	body := string([]byte{byte(version >> 8), byte(version)}) + strings.Repeat("r", 32) + "\x00" + "\x00\x2f" + "\x00"
	handshake := "\x02\x00\x00" + string([]byte{byte(len(body))}) + body
	return "\x16" + string([]byte{byte(version >> 8), byte(version)}) + "\x00" + string([]byte{byte(len(handshake))}) + handshake
}

// With STARTTLS too, nobody is asked for a password before the certificate is trusted.
func TestNoPasswordIsAskedForBeforeSTARTTLSIsTrusted(t *testing.T) {
	good := newAuthority(t, t.TempDir(), "ours").sign(t, "localhost", -time.Hour, time.Hour)
	for protocol, words := range map[string][]string{
		"imap": {"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", "STARTTLS", "", " OK begin\r\n"},
		"pop3": {"+OK ready\r\n", "STLS", "+OK\r\nSTLS\r\nUSER\r\n.\r\n", "+OK begin\r\n"},
	} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			serve := func(conn net.Conn) {
				_, _ = io.WriteString(conn, words[0])
				for in := bufio.NewScanner(conn); in.Scan(); {
					if !strings.HasSuffix(in.Text(), words[1]) {
						_, _ = io.WriteString(conn, words[2])
						continue
					}
					tag, _, tagged := strings.Cut(in.Text(), " ")
					if !tagged {
						tag = ""
					}
					_, _ = io.WriteString(conn, tag+words[3])
					certified(good, nil)(conn)
					return
				}
			}
			tlsCase{lines: []string{`tls = "starttls"`}, serve: serve,
				says: "TLS with HERE: the certificate's issuer is not trusted: " + detail + "\n" + askPin + ", or tls_ca with its issuer's PEM file"}.check(t, protocol)
		})
	}
}
