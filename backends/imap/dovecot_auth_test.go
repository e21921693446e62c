package imap

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"mailsync/backends/reach"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// hashed is a user whose password Dovecot keeps in a scheme.
func hashed(t *testing.T, user, scheme, password string) string {
	t.Helper()
	out, err := exec.Command("doveadm", "pw", "-s", scheme, "-p", password).Output()
	if err != nil {
		t.Fatalf("doveadm pw: %v", err)
	}
	return user + ":" + strings.TrimSpace(string(out))
}

// lastWays are the mechanisms that a trace shows us to have tried, and LOGIN for the command.
func lastWays(trace string) string {
	var all []string
	for line := range strings.Lines(trace) {
		f := strings.Fields(line)
		switch {
		case len(f) > 3 && f[0] == "C:" && f[2] == "AUTHENTICATE":
			all = append(all, f[3])
		case len(f) > 2 && f[0] == "C:" && f[2] == "LOGIN":
			all = append(all, "LOGIN")
		}
	}
	return strings.Join(all, " ")
}

// Dovecot announces its mechanisms to all, and has what they take of some users only.
func TestDovecotMechanisms(t *testing.T) {
	if testing.Short() {
		t.Skip("a real server")
	}
	const word = "pass word, ü=1"
	users := servers.Users("plain:{PLAIN}"+word, hashed(t, "sha256", "SCRAM-SHA-256", word), hashed(t, "sha1", "SCRAM-SHA-1", word),
		hashed(t, "hash", "SSHA512", word), hashed(t, "cram", "CRAM-MD5", word))
	config := "auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256\n"
	srv := servers.Dovecot(t, users, servers.Config(config))
	for _, c := range []struct {
		user  string
		mode  reach.TLSMode
		tried string
		wrong string // with a wrong password
	}{
		{"plain", reach.Implicit, "SCRAM-SHA-256", "SCRAM-SHA-256 PLAIN"},
		{"sha256", reach.StartTLS, "SCRAM-SHA-256", "SCRAM-SHA-256 PLAIN"},
		{"sha1", reach.Implicit, "SCRAM-SHA-256 PLAIN", "SCRAM-SHA-256 PLAIN"}, // Dovecot checks PLAIN against any scheme
		{"hash", reach.Implicit, "SCRAM-SHA-256 PLAIN", "SCRAM-SHA-256 PLAIN"},
		{"plain", reach.None, "SCRAM-SHA-256", "SCRAM-SHA-256 PLAIN"},
		{"cram", reach.None, "SCRAM-SHA-256 CRAM-MD5", "SCRAM-SHA-256 CRAM-MD5 PLAIN"},
	} {
		t.Run(fmt.Sprint(c.user, " ", c.mode), func(t *testing.T) {
			var trace bytes.Buffer
			o := meet(srv, c.mode)
			o.User, o.Trace = c.user, &trace
			a := account(t, o, withSecret(word))
			if err := noop(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if got := lastWays(trace.String()); got != c.tried {
				t.Errorf("tried %s, want %s", got, c.tried)
			}
			trace.Reset()
			a.retire()
			if err := noop(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if got := lastWays(trace.String()); strings.Contains(got, " ") {
				t.Errorf("the next connection tried %s", got)
			}
			wantNowhere(t, trace.String(), nil, word)

			trace.Reset()
			o.Trace = &trace
			err := noop(t.Context(), account(t, o, withSecret("wrong")))
			if state.KindOf(err) != state.Login || lastWays(trace.String()) != c.wrong {
				t.Errorf("a wrong password: %v, tried %s", err, lastWays(trace.String()))
			}
		})
	}
	for _, mechanism := range []string{"scram-sha-1", "cram-md5", "login"} {
		t.Run("only "+mechanism, func(t *testing.T) {
			srv := servers.Dovecot(t, users, servers.Config("auth_mechanisms = "+mechanism+"\n"))
			var trace bytes.Buffer
			o := meet(srv, reach.Implicit)
			o.User, o.Trace = "plain", &trace
			if err := noop(t.Context(), account(t, o, withSecret(word))); err != nil {
				t.Errorf("%v; tried %s", err, lastWays(trace.String()))
			}
		})
	}
}

// Cyrus keeps passwords as they are, so it has every mechanism for everybody, bound ones as well. Its
// binding of TLS 1.3 is one that no standard has.
func TestCyrusMechanisms(t *testing.T) {
	if testing.Short() {
		t.Skip("a real server")
	}
	for _, c := range []struct {
		mode   reach.TLSMode
		config string
		tried  string
	}{
		{reach.Implicit, "tls_versions: tls1_2", "SCRAM-SHA-256-PLUS"},
		{reach.StartTLS, "tls_versions: tls1_2", "SCRAM-SHA-256-PLUS"},
		{reach.Implicit, "", "SCRAM-SHA-256-PLUS SCRAM-SHA-256"},
		{reach.None, "", "SCRAM-SHA-256"},
	} {
		t.Run(fmt.Sprint(c.mode, " ", c.config), func(t *testing.T) {
			srv := servers.Cyrus(t, servers.Mechanisms("PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256"), servers.Config(c.config))
			srv.AddUser("ada")
			var trace bytes.Buffer
			o := meet(srv, c.mode)
			o.Trace = &trace
			if err := noop(t.Context(), account(t, o)); err != nil {
				t.Fatalf("%v\n%s", err, &trace)
			}
			if got := lastWays(trace.String()); got != c.tried {
				t.Errorf("tried %s, want %s", got, c.tried)
			}
		})
	}
}
