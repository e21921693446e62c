package pop3

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"mailsync/backends/reach"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// traced are the ways of logging in that a trace shows us to have tried.
func traced(trace string) string {
	var all []string
	for line := range strings.Lines(trace) {
		switch f := strings.Fields(line); {
		case len(f) > 2 && f[0] == "C:" && f[1] == "AUTH":
			all = append(all, f[2])
		case len(f) > 1 && f[0] == "C:" && (f[1] == "PASS" || f[1] == "APOP"):
			all = append(all, f[1])
		}
	}
	return strings.Join(all, " ")
}

// Dovecot's mechanisms, for a user whose password it keeps as it is, and for one of whom it keeps a hash.
func TestDovecotMechanisms(t *testing.T) {
	if testing.Short() {
		t.Skip("a real server")
	}
	srv := servers.Dovecot(t, servers.Config("auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256\n"),
		servers.Users("ada:{PLAIN}"+servers.Password, "bob:{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=")) // the hash is of "secret"
	for _, c := range []struct {
		user, password string
		mode           reach.TLSMode
		tried          string
	}{
		{"ada", servers.Password, reach.Implicit, "SCRAM-SHA-256"},
		{"ada", servers.Password, reach.StartTLS, "SCRAM-SHA-256"},
		{"ada", servers.Password, reach.None, "SCRAM-SHA-256"},
		{"bob", servers.Password, reach.Implicit, "SCRAM-SHA-256 PLAIN"},
		{"bob", servers.Password, reach.None, "SCRAM-SHA-256 CRAM-MD5 PLAIN"},
		{"ada", "wrong", reach.Implicit, "SCRAM-SHA-256 PLAIN"},
	} {
		var trace bytes.Buffer
		addr := srv.POP3S
		if c.mode != reach.Implicit {
			addr = srv.POP3
		}
		a := open(t, srv, c.mode, addr, nil)
		a.o.User, a.trace.To = c.user, &trace
		a.o.Secret = func(context.Context) (reach.Secret, error) { return reach.Secret{Password: c.password}, nil }
		err := logIn(a, t.Context())
		if right := c.password == servers.Password; (err == nil) != right || err != nil && state.KindOf(err) != state.Login {
			t.Errorf("%s, %s: %v", c.user, c.mode, err)
		}
		if got := traced(trace.String()); got != c.tried {
			t.Errorf("%s, %s: tried %s, want %s", c.user, c.mode, got, c.tried)
		}
	}
}
