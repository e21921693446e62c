package servers

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
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

// Every server keeps this: greetings at four addresses, a certificate of its own
// authority, mail that outlives a restart, a refused wrong password, an end.
func testServer(t *testing.T, begin func(t testing.TB, opts ...Option) *Server) {
	var srv *Server
	t.Run("serves", func(t *testing.T) {
		srv = begin(t)
		srv.AddUser("ada")
		c := srv.LogIn("ada")
		date := time.Date(2020, 2, 29, 12, 0, 0, 0, time.UTC)
		if err := c.Append("INBOX", []string{`\Seen`}, date, []byte(small)); err != nil {
			t.Fatal(err)
		}

		secure, err := Connect(srv.IMAPS, srv.TLS())
		if err != nil {
			t.Fatal(err)
		}
		defer secure.Close()
		refused(t, secure, "LOGIN ada wrong", "NO")
		popLogIn(t, srv)

		before := srv.IMAP
		srv.Restart()
		if srv.IMAP != before {
			t.Errorf("restarted at %s, was at %s", srv.IMAP, before)
		}
		var cut net.Error
		if _, err := c.Do("NOOP"); err == nil || errors.As(err, &cut) && cut.Timeout() {
			t.Errorf("a session outlived the server: %v", err)
		}
		mails, err := srv.LogIn("ada").Read("INBOX", true)
		if err != nil || len(mails) != 1 {
			t.Fatalf("after a restart: %d messages, %v", len(mails), err)
		}
		m := mails[0]
		if string(m.Body) != small || m.Size != int64(len(small)) || !m.Date.Equal(date) || !slices.Contains(m.Flags, `\Seen`) {
			t.Errorf("after a restart: %+v", m)
		}
	})
	if srv == nil {
		return
	}
	for _, addr := range []string{srv.IMAP, srv.IMAPS, srv.POP3, srv.POP3S} {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Errorf("somebody still answers at %s", addr)
		}
	}
	if _, err := os.Stat(srv.Dir); !os.IsNotExist(err) {
		t.Errorf("its folder is still there: %v", err)
	}
}

func popLogIn(t *testing.T, srv *Server) {
	t.Helper()
	conn, err := tls.Dial("tcp", srv.POP3S, srv.TLS())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, command := range []string{"", "USER ada\r\n", "PASS " + Password + "\r\n"} {
		fmt.Fprint(conn, command)
		if l, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(l, "+OK") {
			t.Errorf("POP3 %q: %q %v", command, l, err)
		}
	}
}

func TestDovecot(t *testing.T) { t.Parallel(); testServer(t, Dovecot) }
func TestCyrus(t *testing.T)   { t.Parallel(); testServer(t, Cyrus) }
func TestCourier(t *testing.T) { t.Parallel(); testServer(t, Courier) }

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
