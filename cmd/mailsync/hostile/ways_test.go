//go:build unix

package hostile

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	popscript "mailsync/internal/testkit/pop3script"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
	"mailsync/internal/testkit/socks"
)

// way is a way to a server in which something is wrong, and what the user is shown.
type way struct {
	name  string
	proxy socks.Options
	lines []string // of the account; PROXY stands for the address of the proxy
	code  int
	says  string // without "mailsync: work: " and "mailsync: "; HERE is the server, PROXY the proxy
}

func TestProxy(t *testing.T) {
	dir := t.TempDir()
	ours := newAuthority(t, dir, "ours")
	good := ours.sign(t, "imap.example.org", -time.Hour, time.Hour)
	direct := []string{`tls = "implicit"`, fmt.Sprintf("tls_ca = %q", ours.file), `proxy = "socks5://PROXY"`}
	user := "socks5://ada:" + secret + "@PROXY"
	withPassword := []string{direct[0], direct[1], fmt.Sprintf("proxy = %q", user)}
	refused := "connect to HERE by the proxy PROXY: "
	for _, w := range []way{
		{name: "works", lines: direct},
		{name: "works with a password", proxy: socks.Options{User: "ada", Password: secret}, lines: withPassword},
		{name: "needs no password after all", lines: withPassword},
		{name: "plain text, which is allowed", lines: []string{`insecure = true`, direct[2]}},
		{name: "wants a password", proxy: socks.Options{User: "ada", Password: "x"}, lines: direct, code: 4,
			says: refused + "the proxy wants user and password\nhint: write them into the key proxy: \"socks5://user:password@host:port\"\n"},
		{name: "another password", proxy: socks.Options{User: "ada", Password: "x"}, lines: withPassword, code: 4,
			says: refused + "the proxy refused user or password\nhint: check the key proxy; % stands before two hexadecimal digits there, as in every URL\n"},
		{name: "not allowed", proxy: socks.Options{Refuse: 2}, lines: direct, code: 5, says: refused + "the proxy's rules do not allow it\nhint: ask who runs the proxy\n"},
		{name: "refused", proxy: socks.Options{Refuse: 5}, lines: direct, code: 5, says: refused + "the server refused the proxy's connection\nhint: check host and port\n"},
		{name: "no such host", proxy: socks.Options{Hosts: map[string]string{}}, lines: direct, code: 5,
			says: refused + "the proxy cannot reach the host\nhint: check the host's spelling, and the proxy's own network and name server\n"},
		{name: "unknown code", proxy: socks.Options{Refuse: 77}, lines: direct, code: 5, says: refused + "the proxy refused with code 77\nhint: see the proxy's log\n"},
		{name: "silent", proxy: socks.Options{Stall: true}, lines: direct, code: 5, says: refused + "no answer in time\nhint: check the key proxy, and that the proxy runs\n"},
		{name: "an HTTP proxy", proxy: socks.Options{Garbage: "HTTP/1.1 400 Bad Request\r\n\r\n"}, lines: direct, code: 5,
			says: refused + "it does not speak SOCKS5, its answer begins \"HT\"\nhint: check host and port of the key proxy; an HTTP proxy and SOCKS4 will not do\n"},
		{name: "cut off", proxy: socks.Options{Cut: true}, lines: direct, code: 5, says: refused + "connection closed by the other side\nhint: check the key proxy, and that the proxy runs\n"},
		{name: "nobody", lines: []string{direct[0], direct[1], `proxy = "socks5://127.0.0.1:1"`}, code: 5,
			says: "connect to the proxy 127.0.0.1:1: connection refused\nhint: check the key proxy, and that the proxy runs\n"},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{})
			plain := strings.Contains(strings.Join(w.lines, "\n"), "insecure")
			l.serve(func(p *script.Peer) {
				if !plain {
					good.secure(p, tls.VersionTLS13)
				}
				script.Healthy(l.acct, nil)(p)
			})
			if w.proxy.Hosts == nil {
				w.proxy.Hosts = map[string]string{"imap.example.org:1993": fmt.Sprintf("127.0.0.1:%d", l.srv.Port())}
			}
			by := socks.New(t, w.proxy)
			lines := []string{`host = "imap.example.org"`, "port = 1993"} // nobody else knows it
			for _, line := range w.lines {
				lines = append(lines, strings.ReplaceAll(line, "PROXY", by.Addr()))
			}
			l.configure(lines...)
			o := l.run("sync", "-q")
			w.says = strings.NewReplacer("HERE", "imap.example.org:1993", "PROXY", by.Addr()).Replace(w.says)
			l.shows(o, w.code, w.says)
			if w.code == 0 && len(by.Asked()) == 0 {
				t.Error("the proxy was not asked")
			}
			if o := l.run("check"); w.code == 0 && (o.Code != 0 || !strings.Contains(o.Stdout, "looked up by the proxy")) {
				t.Errorf("check: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
			}
		})
	}
}

// shows sees that a run ended as it should, and what it told.
func (l *life) shows(o outcome, code int, says string) {
	l.t.Helper()
	var want strings.Builder
	for line := range strings.Lines(says) {
		if !strings.HasPrefix(line, "hint: ") {
			line = "work: " + line
		}
		want.WriteString("mailsync: " + line)
	}
	if o.Code != code || o.Stderr != want.String() {
		l.t.Errorf("exit %d, want %d; shown:\n%s\nwanted:\n%s", o.Code, code, o.Stderr, want.String())
	}
}

func TestPOP3ByProxy(t *testing.T) {
	t.Parallel()
	l := newPOP3(t, popSituation{})
	by := socks.New(t, socks.Options{Hosts: map[string]string{"pop.example.org:110": fmt.Sprintf("127.0.0.1:%d", l.port)}})
	l.configure(`protocol = "pop3"`, `host = "pop.example.org"`, "port = 110", "insecure = true", fmt.Sprintf("proxy = %q", "socks5://"+by.Addr()))
	if o := l.run("sync"); o.Code != 0 || !strings.Contains(o.Stdout, "8 fetched") {
		t.Errorf("exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
}

// A proxy on this machine makes no server this machine's.
func TestNoPlainTextBehindAProxyOfThisMachine(t *testing.T) {
	by := socks.New(t, socks.Options{})
	l := newLife(t)
	for _, host := range []string{"localhost", "127.0.0.1", "imap.example.org"} {
		l.configure(fmt.Sprintf("host = %q", host), fmt.Sprintf("proxy = %q", "socks5://"+by.Addr()))
		if o := l.run("sync"); o.Code != 2 || !strings.Contains(o.Stderr, `"none" would send the password to `+host+` in plain text`) || len(by.Asked()) > 0 {
			t.Errorf("%s: exit %d, asked for %q\n%s", host, o.Code, by.Asked(), o.Stderr)
		}
	}
}

// tunnelDoes makes this test binary the program of a tunnel; see TestMain.
const tunnelDoes = "HOSTILE_TUNNEL"

// beTunnel is what the program of a tunnel does: relay ADDR, exit CODE, stall FILE, chatter ADDR.
func beTunnel(does string) int {
	what, arg, _ := strings.Cut(does, " ")
	switch what {
	case "exit":
		fmt.Fprintln(os.Stderr, "ssh: Could not resolve \x1b[31mhostname")
		code := 0
		_, _ = fmt.Sscan(arg, &code)
		return code
	case "stall": // with a child, and neither ends by itself
		child := exec.Command("sleep", "1000")
		_ = child.Start()
		_ = os.WriteFile(arg, fmt.Appendf(nil, "%d %d\n", os.Getpid(), child.Process.Pid), 0o600)
		_ = child.Wait()
		select {}
	case "chatter": // of many things, the password among them
		fmt.Fprintln(os.Stderr, "the user says "+secret)
		for n := range 1000 {
			fmt.Fprintf(os.Stderr, "line %d\n", n)
		}
	}
	conn, err := net.Dial("tcp", arg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(os.Stdout, conn)
	return 0
}

// tunnel is the key tunnel_command with a program that does something.
func tunnel(does string) string {
	return fmt.Sprintf("tunnel_command = [\"env\", %q, %q]", tunnelDoes+"="+does, os.Args[0])
}

func TestTunnel(t *testing.T) {
	dir := t.TempDir()
	ours := newAuthority(t, dir, "ours")
	good := ours.sign(t, "imap.example.org", -time.Hour, time.Hour)
	far := `host = "imap.example.org"`
	ended := `tunnel_command: env ended with exit code 255: "ssh: Could not resolve \x1b[31mhostname"` +
		"\nhint: run the command by hand to see what it says; it cannot ask anything at the terminal\n"
	for _, w := range []struct {
		name  string
		does  string // SERVER is the server's address
		lines []string
		tls   bool // the server speaks it
		pre   bool // the server needs no log-in
		code  int
		says  string
		notes int // lines of the program's stderr that are shown without -q
	}{
		{name: "plain text", does: "relay SERVER"},
		{name: "TLS", does: "relay SERVER", tls: true, lines: []string{`tls = "implicit"`, fmt.Sprintf("tls_ca = %q", ours.file)}},
		{name: "PREAUTH", does: "relay SERVER", pre: true},
		{name: "a program that talks", does: "chatter SERVER", notes: 10},
		{name: "TLS that is not there", does: "relay SERVER", lines: []string{`tls = "implicit"`}, code: 5,
			says: `TLS with imap.example.org:993: what the tunnel's program connects to does not speak TLS, its answer begins "* OK "` +
				"\nhint: tls = \"none\" or \"starttls\" may be right: the program may speak TLS itself, or be the server\n"},
		{name: "ends at once", does: "exit 255", code: 5, says: ended, notes: 1},
		{name: "ends in the handshake", does: "exit 255", lines: []string{`tls = "implicit"`}, code: 5, says: ended, notes: 1},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{})
			l.acct.PreAuth = w.pre
			l.serve(func(p *script.Peer) {
				if w.tls {
					good.secure(p, tls.VersionTLS13)
				}
				script.Healthy(l.acct, nil)(p)
			})
			l.configure(append(w.lines, far, tunnel(strings.ReplaceAll(w.does, "SERVER", fmt.Sprintf("127.0.0.1:%d", l.srv.Port()))))...)
			if w.pre {
				l.without("password")
			}
			l.shows(l.run("sync", "-q"), w.code, w.says)
			o := l.run("check")
			if w.code == 0 && (o.Code != 0 || !strings.Contains(o.Stdout, "up to tunnel_command")) {
				t.Errorf("check: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
			}
			if n := strings.Count(o.Stderr, "work: tunnel_command: ") - strings.Count(o.Stderr, "ended with"); n != w.notes && w.code == 0 {
				t.Errorf("%d lines of the program are shown\n%s", n, o.Stderr)
			}
		})
	}
}

// without takes a key out of the configuration.
func (l *life) without(key string) {
	l.t.Helper()
	text, err := os.ReadFile(l.config)
	l.must(err)
	l.must(os.WriteFile(l.config, regexp.MustCompile(`(?m)^`+key+` = .*\n`).ReplaceAll(text, nil), 0o600))
}

func TestPOP3ByTunnel(t *testing.T) {
	t.Parallel()
	l := newPOP3(t, popSituation{})
	l.serve(popscript.Healthy(l.box, nil))
	l.configure(`protocol = "pop3"`, `host = "pop.example.org"`, tunnel(fmt.Sprintf("relay 127.0.0.1:%d", l.port)))
	if o := l.run("sync"); o.Code != 0 || !strings.Contains(o.Stdout, "8 fetched") {
		t.Errorf("exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
	l.configure(`protocol = "pop3"`, `host = "pop.example.org"`, tunnel("exit 255"))
	if o := l.run("sync", "-q"); o.Code != 5 || !strings.HasPrefix(o.Stderr, "mailsync: work: tunnel_command: env ended with exit code 255: ") {
		t.Errorf("exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
	l.configure(`protocol = "pop3"`, `host = "pop.example.org"`, `tunnel_command = ["no-such-program"]`)
	l.shows(l.run("sync", "-q"), 2, "tunnel_command: no-such-program is not in $PATH\nhint: write the program's full path; no shell is used\n")
}

// A program that hangs is left after the timeout, and at Ctrl-C, with all that it started.
func TestTunnelEndsWithItsGroup(t *testing.T) {
	for _, signal := range []os.Signal{nil, syscall.SIGINT} {
		t.Run(fmt.Sprint(signal), func(t *testing.T) {
			t.Parallel()
			l := newLife(t)
			pids := filepath.Join(l.dir, "pids")
			l.configure(`host = "imap.example.org"`, tunnel("stall "+pids), `timeout = "2s"`)
			code := 5
			var interrupted func(*exec.Cmd)
			if signal != nil {
				code = 130
				interrupted = func(cmd *exec.Cmd) {
					go func() {
						for t.Context().Err() == nil {
							if b, err := os.ReadFile(pids); err == nil && strings.HasSuffix(string(b), "\n") {
								_ = cmd.Process.Signal(signal)
								return
							}
							time.Sleep(5 * time.Millisecond) // there is no event for a file
						}
					}()
				}
			}
			o := l.start(time.Minute, program.Interruption{}, interrupted, "-c", l.config, "sync", "-q")
			if o.Code != code || o.Took > 20*time.Second {
				t.Errorf("exit %d after %v\n%s", o.Code, o.Took, o.Stderr)
			}
			text, err := os.ReadFile(pids)
			l.must(err)
			var parent, child int
			_, err = fmt.Sscan(string(text), &parent, &child)
			l.must(err)
			for _, pid := range []int{parent, child} {
				if lives(pid) {
					t.Errorf("process %d is still there", pid)
				}
			}
		})
	}
}

// lives reports whether a process runs; one that nobody has waited for does not.
func lives(pid int) bool {
	for range 200 { // one that was killed takes a moment to end
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(b), ") Z ") {
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
	return true
}

// A server that asks for a client certificate gets the one of tls_cert.
func TestClientCertificate(t *testing.T) {
	dir := t.TempDir()
	ours := newAuthority(t, dir, "ours")
	server, client := ours.sign(t, "localhost", -time.Hour, time.Hour), self(t, &x509.Certificate{Subject: pkix.Name{CommonName: "ada"}})
	key, err := x509.MarshalPKCS8PrivateKey(client.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, mode os.FileMode, blocks ...*pem.Block) string {
		var text []byte
		for _, b := range blocks {
			text = append(text, pem.EncodeToMemory(b)...)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, private := &pem.Block{Type: "CERTIFICATE", Bytes: client.Certificate.Certificate[0]}, &pem.Block{Type: "PRIVATE KEY", Bytes: key}
	certFile, keyFile := file("cert.pem", 0o644, cert), file("key.pem", 0o600, private)
	both, open := file("both.pem", 0o600, cert, private), file("open.pem", 0o640, private)
	locked := file("locked.pem", 0o600, &pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: key[:20]})
	other := writePEM(t, dir, self(t, &x509.Certificate{Subject: pkix.Name{CommonName: "other"}}))
	for _, w := range []struct {
		name, cert, key string
		most            uint16
		code            int
		says            string
	}{
		{name: "TLS 1.3", cert: certFile, key: keyFile, most: tls.VersionTLS13},
		{name: "TLS 1.2", cert: certFile, key: keyFile, most: tls.VersionTLS12},
		{name: "one file", cert: both, most: tls.VersionTLS13},
		{name: "a key that others can read", cert: certFile, key: open, code: 2,
			says: "tls_key: group or others can read " + open + " (mode 0640)\nhint: chmod 600 " + open + "\n"},
		{name: "an encrypted key", cert: certFile, key: locked, code: 2, says: "tls_key: the key in " + locked + " is encrypted\n" +
			"hint: mailsync does not ask for its passphrase: write it unencrypted into a file that only you can read (openssl pkey -in OLD -out NEW)\n"},
		{name: "another certificate's key", cert: other, key: keyFile, code: 2,
			says: "tls_cert: the key in " + keyFile + " is not that of the certificate in " + other + "\nhint: your own certificate comes first in tls_cert, its issuers follow\n"},
		{name: "no certificate", cert: keyFile, key: keyFile, code: 2,
			says: "tls_cert: " + keyFile + " holds no certificate\nhint: it must be a PEM file with BEGIN CERTIFICATE\n"},
		{name: "no key", cert: certFile, key: file("none.pem", 0o600, cert), code: 2, says: "tls_key: " + filepath.Join(dir, "none.pem") + " holds no private key\n" +
			"hint: it must be a PEM file with BEGIN PRIVATE KEY; one that has certificate and key does for both, with tls_cert alone\n"},
		{name: "no such file", cert: filepath.Join(dir, "gone.pem"), key: keyFile, code: 2,
			says: "tls_cert: open " + filepath.Join(dir, "gone.pem") + ": no such file or directory\n"},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{})
			l.serve(func(p *script.Peer) {
				p.Wrap(func(conn net.Conn) (io.Reader, io.Writer) {
					s := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{server.Certificate}, MaxVersion: w.most, ClientAuth: tls.RequireAnyClientCert})
					if s.Handshake() != nil || s.ConnectionState().PeerCertificates[0].Subject.CommonName != "ada" {
						p.Close()
					}
					return s, s
				})
				script.Healthy(l.acct, nil)(p)
			})
			lines := []string{fmt.Sprintf("port = %d", l.srv.Port()), `tls = "implicit"`, fmt.Sprintf("tls_ca = %q", ours.file), fmt.Sprintf("tls_cert = %q", w.cert)}
			if w.key != "" {
				lines = append(lines, fmt.Sprintf("tls_key = %q", w.key))
			}
			l.configure(lines...)
			l.shows(l.run("sync", "-q"), w.code, w.says)
		})
	}
}

// A real server as the program of a tunnel, as mbsync's users run it over ssh: it greets with PREAUTH.
func TestDovecotIsTheTunnel(t *testing.T) {
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	for n := range 3 {
		srv.Deliver("ada", []byte(letter(n)))
	}
	l := newLife(t)
	l.configure(`host = "mail.example.org"`, fmt.Sprintf(`tunnel_command = ["doveadm", "-c", %q, "exec", "imap", "-u", "ada"]`, filepath.Join(srv.Dir, "dovecot.conf")))
	l.without("password")
	for _, want := range []string{"3 fetched", "nothing"} {
		if o := l.run("sync"); o.Code != 0 || !strings.Contains(o.Stdout, want) {
			t.Errorf("exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
		}
	}
}
