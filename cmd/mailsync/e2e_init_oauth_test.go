//go:build linux

package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/idp"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
	"mailsync/internal/testkit/socks"
)

// microsoft is a Microsoft on loopback: the hosts that mailsync knows of it, with certificates for their names,
// reached as any host is, by $HTTPS_PROXY and SOCKS. Nothing in the program is replaced.
type microsoft struct {
	*idp.Provider
	mail       *servers.Server
	dir        string
	roots      string // the file of the authority that signed
	https, sox string // addresses of the proxies
}

func newMicrosoft(t *testing.T, refuse bool) *microsoft {
	t.Helper()
	m := &microsoft{Provider: idp.New(t), dir: t.TempDir()}
	m.Rotate = true
	login := m.certify(t, "login.microsoftonline.com", "outlook.office365.com")
	if refuse {
		m.User = "bob"
	}
	m.mail = servers.Dovecot(t, servers.OAuth(m.URL+"/introspect", "oauthbearer xoauth2"), servers.Config(fmt.Sprintf("auth_username_format = %%Ln\nssl_cert = <%s/cert.pem\nssl_key = <%[1]s/key.pem", m.dir)))
	m.mail.AddUser("ada")
	m.mail.Deliver("ada", []byte("Subject: one\r\n\r\nx\r\n"))
	m.https = m.proxy(t, login)
	m.sox = socks.New(t, socks.Options{Hosts: map[string]string{"outlook.office365.com:993": m.mail.IMAPS}}).Addr()
	return m
}

// certify makes an authority, and a certificate for some names.
func (m *microsoft) certify(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of the tests"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: root.NotBefore, NotAfter: root.NotAfter}
	ca, err := x509.CreateCertificate(rand.Reader, root, root, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.CreateCertificate(rand.Reader, leaf, root, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{"ca.pem": {Type: "CERTIFICATE", Bytes: ca}, "cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(m.dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.roots = filepath.Join(m.dir, "ca.pem")
	return tls.Certificate{Certificate: [][]byte{cert}, PrivateKey: key}
}

// there is the provider's path for one of Microsoft's.
var there = strings.NewReplacer("/oauth2/v2.0/authorize", "/authorize", "/oauth2/v2.0/token", "/token", "/oauth2/v2.0/devicecode", "/device",
	"/consumers", "", "/common", "", "/organizations", "")

// proxy is an HTTPS proxy that knows the log-in host alone.
func (m *microsoft) proxy(t *testing.T, cert tls.Certificate) string {
	t.Helper()
	to, _ := url.Parse(m.URL)
	behind := &http.Server{Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.URL.Path = there.Replace(r.In.URL.Path)
	}}}
	conns := make(chan net.Conn)
	done := make(chan struct{})
	listener := &handed{conns, done}
	go func() { _ = behind.Serve(listener) }()
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = front.Close()
		close(done)
		_ = behind.Close()
	})
	go func() {
		_ = http.Serve(front, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodConnect || r.Host != "login.microsoftonline.com:443" {
				http.Error(w, "not to "+r.Host, http.StatusForbidden)
				return
			}
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
			select {
			case conns <- tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}}):
			case <-done:
			}
		}))
	}()
	return front.Addr().String()
}

// handed is a listener whose connections others hand to it.
type handed struct {
	conns chan net.Conn
	done  chan struct{}
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}
func (h *handed) Close() error   { return nil }
func (h *handed) Addr() net.Addr { return &net.TCPAddr{} }

// home is the folder of a configuration that goes by the proxy.
func (m *microsoft) home(t *testing.T) (dir, config string) {
	t.Helper()
	dir, config = t.TempDir(), fmt.Sprintf("[defaults]\nproxy = \"socks5://%s\"\n", m.sox)
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, config
}

// env is the environment in which a program meets it.
func (m *microsoft) env(home string) []string {
	return []string{"TERM=dumb", "MAILSYNC_CONFIG=" + filepath.Join(home, "config.toml"), "SSL_CERT_FILE=" + m.roots, "HTTPS_PROXY=http://" + m.https,
		"BROWSER=", "DISPLAY=", "WAYLAND_DISPLAY=", "DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR="}
}

// page is what a screen shows for the browser, and which one here would not find.
var page = regexp.MustCompile(`https://login\.microsoftonline\.com(/\S+)\r\n`)

// answers answers all questions up to the browser, and those after it.
func (m *microsoft) answers(s *screen) {
	s.t.Helper()
	s.until("Server [1]: ")
	s.types("\n")
	s.until("Name of the account [outlook]: ")
	s.types("\n")
	s.until("Folder for its mail [~/Mail/outlook]: ")
	s.types("\n")
	s.until("Client id: ")
	s.types(idp.ClientID + "\n")
	s.until("Log in [1]: ")
	s.types("\n")
	at, err := url.Parse(s.find(page)[1])
	if err != nil {
		s.t.Fatal(err)
	}
	if q := at.Query(); q.Get("login_hint") != "ada@outlook.com" || !strings.HasPrefix(q.Get("redirect_uri"), "http://localhost:") || !strings.Contains(q.Get("scope"), "IMAP.AccessAsUser.All") {
		s.t.Errorf("it was sent to %v", at)
	}
	idp.Browse(s.t, m.URL+"/authorize?"+at.RawQuery)
}

// From the question to the mail, for an address whose provider takes nothing but tokens, and with a real
// server that takes them.
func TestInitByOAuth(t *testing.T) {
	m := newMicrosoft(t, false)
	home, before := m.home(t)
	s := onScreen(t, m.env(home), "ada@outlook.com")
	m.answers(s)
	s.until("The log-in of ada@outlook.com worked.")
	s.until("Leave out")
	s.types("\n")
	code := s.ends()
	text, _ := os.ReadFile(filepath.Join(home, "config.toml"))
	if code != 0 || !strings.HasPrefix(string(text), before) || !strings.Contains(string(text), "[accounts.outlook.oauth2]") {
		t.Fatalf("exit %d\n%s\n%s", code, text, s.seen)
	}
	for _, word := range m.Words() {
		if strings.Contains(s.seen+string(text), word) {
			t.Errorf("%q is shown, or in the configuration", word)
		}
	}
	cmd := exec.CommandContext(t.Context(), program.Path(t), "sync", "outlook")
	cmd.Env = append([]string{"HOME=" + s.home, "PATH=" + os.Getenv("PATH")}, m.env(home)...)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "outlook: 1 fetched") {
		t.Errorf("sync: %v\n%s", err, out)
	}
}

// Where nothing comes of it, no token is left: none that nobody could log out of.
func TestInitByOAuthThatComesToNothing(t *testing.T) {
	for name, c := range map[string]struct {
		refuse bool
		args   []string
		code   int
	}{
		"the server takes no token": {true, nil, 4},
		"only a dry run":            {false, []string{"-n"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMicrosoft(t, c.refuse)
			home, before := m.home(t)
			s := onScreen(t, m.env(home), append(c.args, "ada@outlook.com")...)
			m.answers(s)
			if !c.refuse {
				s.until("Leave out")
				s.types("\n")
			}
			code := s.ends()
			text, _ := os.ReadFile(filepath.Join(home, "config.toml"))
			if code != c.code || string(text) != before {
				t.Errorf("exit %d\n%s\n%s", code, text, s.seen)
			}
			left, _ := filepath.Glob(filepath.Join(s.home, ".local", "state", "mailsync", "tokens", "*", "token"))
			if len(left) > 0 || !strings.Contains(s.seen, "The tokens of this log-in are not kept") {
				t.Errorf("left %v\n%s", left, s.seen)
			}
		})
	}
}
