package pop3

import (
	"bytes"
	"context"
	"crypto/tls"
	"strings"
	"testing"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/internal/testkit/saslserver"
	"mailsync/state"
)

// tried are the ways of logging in that a server saw.
func tried(srv *script.Server) string {
	var all []string
	for _, c := range srv.Commands() {
		switch f := strings.Fields(c); f[0] {
		case "AUTH":
			all = append(all, f[1])
		case "APOP", "PASS":
			all = append(all, f[0])
		}
	}
	return strings.Join(all, " ")
}

// Every mechanism, with TLS of both versions and without; the next connection begins with what worked; and
// nothing that proves the password is told.
func TestMechanisms(t *testing.T) {
	config, roots := certificate(t)
	const word = "correct horse battery"
	for _, c := range []struct {
		name, caps string
		stamp      string
		most       uint16 // TLS version, 0: without
		bend       func(*saslserver.User)
		tried      string
		kind       state.Kind // 0: it works
		says       string
	}{
		{"SCRAM before PLAIN", "USER|SASL PLAIN SCRAM-SHA-1 SCRAM-SHA-256", "", tls.VersionTLS13, nil, "SCRAM-SHA-256", 0, ""},
		{"bound to TLS 1.3", "USER|SASL PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "", tls.VersionTLS13, nil, "SCRAM-SHA-256-PLUS", 0, ""},
		{"bound to TLS 1.2", "SASL SCRAM-SHA-1 SCRAM-SHA-1-PLUS", "", tls.VersionTLS12, nil, "SCRAM-SHA-1-PLUS", 0, ""},
		{"SCRAM before APOP", "USER|SASL SCRAM-SHA-1", "<1.2@x.example>", 0, nil, "SCRAM-SHA-1", 0, ""},
		{"CRAM-MD5 where anybody can listen", "USER|SASL PLAIN CRAM-MD5", "", 0, nil, "CRAM-MD5", 0, ""},
		{"PLAIN rather than CRAM-MD5 with TLS", "USER|SASL PLAIN CRAM-MD5", "", tls.VersionTLS13, nil, "PLAIN", 0, ""},
		{"CRAM-MD5, all there is", "SASL CRAM-MD5", "", tls.VersionTLS13, nil, "CRAM-MD5", 0, ""},
		{"LOGIN, all there is", "SASL LOGIN", "", tls.VersionTLS13, nil, "LOGIN", 0, ""},
		{"no verifier of this user", "USER|SASL PLAIN SCRAM-SHA-256 SCRAM-SHA-1", "", tls.VersionTLS13, func(u *saslserver.User) { u.NoVerifier = true }, "SCRAM-SHA-256 PLAIN", 0, ""},
		{"a stale verifier", "USER|SASL SCRAM-SHA-256", "", tls.VersionTLS13, func(u *saslserver.User) { u.Stale = true }, "SCRAM-SHA-256 PASS", 0, ""},
		{"a forged signature", "USER|SASL PLAIN SCRAM-SHA-256", "", tls.VersionTLS13, func(u *saslserver.User) { u.Forged = true }, "SCRAM-SHA-256", state.Login, "signature is wrong"},
		{"too many iterations, and nothing else", "SASL SCRAM-SHA-256", "", tls.VersionTLS13, func(u *saslserver.User) { u.Iterations = "4000000000" },
			"SCRAM-SHA-256", state.Login, "4000000000 times"},
		{"wrong password", "USER|SASL PLAIN SCRAM-SHA-256 SCRAM-SHA-1", "", tls.VersionTLS13, func(u *saslserver.User) { u.Password = "another" }, "SCRAM-SHA-256 PLAIN", state.Login, "wrong user"},
		{"another binding", "USER|SASL PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "", tls.VersionTLS13,
			func(u *saslserver.User) { u.Binding = func(string) []byte { return []byte("another") } }, "SCRAM-SHA-256-PLUS SCRAM-SHA-256", 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			box := script.NewBox()
			box.Password, box.Stamp, box.Caps = word, c.stamp, append(strings.Split(c.caps, "|"), "UIDL", "STLS")
			if c.bend != nil {
				c.bend(&box.SASL)
			}
			if box.SASL.Password != "" {
				box.Password = box.SASL.Password
			}
			secure := config.Clone()
			secure.MaxVersion = c.most
			srv := script.WithTLS(t, secure, script.Healthy(box, nil))
			var trace bytes.Buffer
			a := meet(t, srv, func(o *Options) {
				o.Trace = &trace
				o.Secret = func(context.Context) (reach.Secret, error) { return reach.Secret{Password: word}, nil }
				if c.most != 0 {
					o.TLS, o.RootCAs = reach.StartTLS, roots
				}
			})
			err := logIn(a, t.Context())
			if (err == nil) != (c.kind == 0) || err != nil && (state.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || state.HintOf(err) == "") {
				t.Errorf("kind %v: %v (%s)", state.KindOf(err), err, state.HintOf(err))
			}
			if got := tried(srv); got != c.tried {
				t.Errorf("tried %s, want %s", got, c.tried)
			}
			if c.kind == 0 {
				a.session.c.drop()
				if err := logIn(a, t.Context()); err != nil {
					t.Error(err)
				}
				worked := c.tried[strings.LastIndexByte(c.tried, ' ')+1:]
				if got := tried(srv); got != c.tried+" "+worked {
					t.Errorf("the next connection: %s", got)
				}
			}
			if strings.Contains(trace.String(), word) || strings.Contains(trace.String(), "+ cj") || strings.Contains(trace.String(), "+ dj") {
				t.Errorf("told:\n%s", &trace)
			}
		})
	}
}

// A way that worked in an earlier run is tried first.
func TestWayOfAnEarlierRun(t *testing.T) {
	for _, c := range []struct{ way, password, tried string }{
		{"", "secret", "SCRAM-SHA-256 PLAIN"}, {"PLAIN", "secret", "PLAIN"}, {"USER", "secret", "PASS"}, {"SCRAM-SHA-256", "wrong", "SCRAM-SHA-256"},
	} {
		box := script.NewBox()
		box.Caps = []string{"USER", "UIDL", "SASL PLAIN SCRAM-SHA-256"}
		box.SASL.Stale = true
		srv := script.New(t, script.Healthy(box, nil))
		a := meet(t, srv, func(o *Options) {
			o.Way = c.way
			o.Secret = func(context.Context) (reach.Secret, error) { return reach.Secret{Password: c.password}, nil }
		})
		if err := logIn(a, t.Context()); (err == nil) != (c.password == "secret") || tried(srv) != c.tried {
			t.Errorf("%q and %q: tried %s: %v", c.way, c.password, tried(srv), err)
		}
	}
}
