package servers

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const small = "Subject: one\r\n\r\nbody\r\n"

func appendSmall(c *Session) error {
	return c.Append("INBOX", nil, time.Time{}, []byte(small))
}

// ok is Do for a command that has to succeed; it returns all texts.
func ok(t *testing.T, c *Session, command string) string {
	t.Helper()
	responses, err := c.Do(command)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, r := range responses {
		all.WriteString(r.Text + "\n")
	}
	return all.String()
}

// refused is Do for a command that has to be answered with something.
func refused(t *testing.T, c *Session, command, with string) {
	t.Helper()
	if _, err := c.Do(command); err == nil || !strings.Contains(err.Error(), with) {
		t.Errorf("%s: %v, want an answer with %s", command, err, with)
	}
}

// Every server keeps this: greetings at its addresses, a certificate of its own authority
// where it has TLS, mail that outlives a restart, a refused wrong password, an end.
func testServer(t *testing.T, begin func(t testing.TB, opts ...Option) *Server) {
	var srv *Server
	t.Run("serves", func(t *testing.T) {
		srv = begin(t)
		srv.AddUser("ada")
		srv.AddUser("ada") // a user who is there stays
		if srv.POP3S != "" {
			popLogIn(t, srv, srv.POP3S, srv.TLS(), Password)
		} else if srv.POP3 != "" {
			popLogIn(t, srv, srv.POP3, nil, Password)
		}
		if srv.IMAP != "" {
			testMail(t, srv)
			return
		}
		srv.Deliver("ada", []byte(small))
		srv.Restart()
		if n := popLogIn(t, srv, srv.POP3, nil, Password); n != 1 {
			t.Errorf("after a restart: %d messages", n)
		}
		if popLogIn(t, srv, srv.POP3, nil, "wrong") != -1 {
			t.Error("a wrong password is taken")
		}
	})
	if srv == nil {
		return
	}
	for _, addr := range srv.rig.addresses(srv) {
		if conn, err := net.Dial("tcp", *addr); err == nil {
			conn.Close()
			t.Errorf("somebody still answers at %s", *addr)
		}
	}
	if _, err := os.Stat(srv.Dir); !os.IsNotExist(err) {
		t.Errorf("its folder is still there: %v", err)
	}
}

// testMail puts a message on a server that has IMAP, and looks for it after a restart.
func testMail(t *testing.T, srv *Server) {
	t.Helper()
	c := srv.LogIn("ada")
	date := time.Date(2020, 2, 29, 12, 0, 0, 0, time.UTC)
	if err := c.Append("INBOX", []string{`\Seen`}, date, []byte(small)); err != nil {
		t.Fatal(err)
	}
	addr, config := srv.IMAP, (*tls.Config)(nil)
	if srv.IMAPS != "" {
		addr, config = srv.IMAPS, srv.TLS()
	}
	other, err := Connect(addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Do("LOGIN " + srv.Login("ada") + " wrong"); err == nil || !strings.Contains(err.Error(), "NO ") {
		t.Errorf("a wrong password: %v, want an answer with NO", err)
	}

	before := srv.IMAP
	srv.Restart()
	if srv.IMAP != before {
		t.Errorf("restarted at %s, was at %s", srv.IMAP, before)
	}
	var cut net.Error
	if _, err := c.Do("NOOP"); srv.Behind == nil && (err == nil || errors.As(err, &cut) && cut.Timeout()) {
		t.Errorf("a session outlived the server: %v", err)
	}
	mails, err := srv.LogIn("ada").Read("INBOX", true)
	if err != nil || len(mails) != 1 {
		t.Fatalf("after a restart: %d messages, %v", len(mails), err)
	}
	m := mails[0]
	if srv.Name == "mailutils" { // it adds lines to the header
		m.Body = stamps.ReplaceAll(m.Body, nil)
		m.Size = int64(len(m.Body))
	}
	if string(m.Body) != small || m.Size != int64(len(small)) || !m.Date.Equal(date) || !slices.Contains(m.Flags, `\Seen`) {
		t.Errorf("after a restart: %+v\n%s", m, m.Body)
	}
}

var stamps = regexp.MustCompile("(?m)^(X-IMAPbase|X-UID|Status): .*\r\n")

// popLogIn logs in over POP3 and returns how many messages there are, -1 where the
// password is refused.
func popLogIn(t *testing.T, srv *Server, addr string, config *tls.Config, password string) int {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		conn = tls.Client(conn, config)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	n := 0
	for _, command := range []string{"", "USER " + srv.Login("ada") + "\r\n", "PASS " + password + "\r\n", "STAT\r\n"} {
		fmt.Fprint(conn, command)
		l, err := r.ReadString('\n')
		if strings.HasPrefix(command, "PASS") && strings.HasPrefix(l, "-ERR") && password != Password {
			return -1
		}
		if err != nil || !strings.HasPrefix(l, "+OK") {
			t.Errorf("POP3 %q: %q %v", command, l, err)
		}
		_, _ = fmt.Sscanf(l, "+OK %d", &n)
	}
	return n
}

func TestDovecot(t *testing.T)   { t.Parallel(); testServer(t, Dovecot) }
func TestCyrus(t *testing.T)     { t.Parallel(); testServer(t, Cyrus) }
func TestCourier(t *testing.T)   { t.Parallel(); testServer(t, Courier) }
func TestMailutils(t *testing.T) { t.Parallel(); testServer(t, Mailutils) }
func TestPopa3d(t *testing.T)    { t.Parallel(); testServer(t, Popa3d) }
func TestMaddy(t *testing.T)     { t.Parallel(); testServer(t, Maddy) }
func TestImapproxy(t *testing.T) { t.Parallel(); testServer(t, before(Imapproxy)) }
func TestPerdition(t *testing.T) { t.Parallel(); testServer(t, before(Perdition)) }

// before starts a proxy before a Dovecot.
func before(proxy func(testing.TB, *Server, ...Option) *Server) func(testing.TB, ...Option) *Server {
	return func(t testing.TB, opts ...Option) *Server { return proxy(t, Dovecot(t), opts...) }
}

// On all three a message beyond the quota is refused.
func TestQuota(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(t testing.TB, opts ...Option) *Server
	}{{"Dovecot", Dovecot}, {"Cyrus", Cyrus}, {"Courier", Courier}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := c.begin(t, Quota(64<<10, 3))
			srv.AddUser("ada")
			c := srv.LogIn("ada")
			for i := range 3 {
				if err := appendSmall(c); err != nil {
					t.Fatalf("message %d: %v", i+1, err)
				}
			}
			if err := appendSmall(c); err == nil || !strings.Contains(strings.ToLower(err.Error()), "quota") {
				t.Errorf("message 4: %v", err)
			}
		})
	}
}

func TestDovecotOptions(t *testing.T) {
	t.Run("capabilities are hidden", func(t *testing.T) {
		t.Parallel()
		srv := Dovecot(t, Hide("CONDSTORE", "QRESYNC"))
		out := ok(t, srv.LogIn("ada"), "CAPABILITY")
		if strings.Contains(out, "CONDSTORE") || strings.Contains(out, "QRESYNC") || !strings.Contains(out, "LIST-STATUS") {
			t.Error(out)
		}
	})
	t.Run("like Exchange", func(t *testing.T) {
		t.Parallel()
		c := Dovecot(t, ExchangeLike()).LogIn("ada")
		if out := ok(t, c, "CAPABILITY"); !strings.Contains(out, " "+exchangeCapabilities+"\n") {
			t.Error(out)
		}
		refused(t, c, "COMPRESS DEFLATE", "BAD")
	})
	t.Run("INBOX. prefix", func(t *testing.T) {
		t.Parallel()
		c := Dovecot(t, InboxPrefix()).LogIn("ada")
		ok(t, c, "CREATE INBOX.Work.2024")
		refused(t, c, "CREATE Elsewhere", "NO")
		if out := ok(t, c, "NAMESPACE"); !strings.Contains(out, `(("INBOX." "."))`) {
			t.Error(out)
		}
	})
	t.Run("sessions are limited", func(t *testing.T) {
		t.Parallel()
		srv := Dovecot(t, MaxSessions(2))
		srv.LogIn("ada")
		srv.LogIn("ada")
		third, err := Connect(srv.IMAP, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer third.Close()
		refused(t, third, "LOGIN ada "+Password, "[LIMIT]")
	})
	t.Run("a mailbox and files without IMAP", func(t *testing.T) {
		t.Parallel()
		srv := Dovecot(t)
		srv.AddUser("ada")
		srv.Doveadm("mailbox", "create", "-u", "ada", "-s", "Work/2024")
		file := filepath.Join(srv.Maildir("ada"), ".Work.2024", "cur", "1.x:2,S")
		if err := os.WriteFile(file, []byte("Subject: x\n\ny\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		srv.Own(file)
		mails, err := srv.LogIn("ada").Read("Work/2024", true)
		if err != nil || len(mails) != 1 {
			t.Fatalf("%d messages, %v", len(mails), err)
		}
		if m := mails[0]; !slices.Contains(m.Flags, `\Seen`) || string(m.Body) != "Subject: x\r\n\r\ny\r\n" {
			t.Errorf("%+v", m)
		}
	})
}
