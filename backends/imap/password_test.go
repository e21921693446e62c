package imap

import (
	"bytes"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"mailsync/backends/auth"
	"mailsync/backends/reach"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/saslserver"
	"mailsync/state"
)

// mechanisms are what AUTHENTICATE was sent with, and LOGIN for the command.
func mechanisms(srv *script.Server) string {
	var all []string
	for _, c := range srv.Commands() {
		switch f := strings.Fields(c); f[0] {
		case "AUTHENTICATE":
			all = append(all, f[1])
		case "LOGIN":
			all = append(all, "LOGIN")
		}
	}
	return strings.Join(all, " ")
}

const scramPassword = "correct horse battery"

// Every mechanism, chosen by what the server has and whether anybody can listen, with TLS of both versions
// and without; the next connection begins with what worked; and nothing that proves the password is told.
func TestMechanisms(t *testing.T) {
	id := newIdentity(t, nil)
	for _, c := range []struct {
		name, caps string
		most       uint16 // TLS version, 0: without
		bend       func(*saslserver.User)
		tried      string
		kind       state.Kind // 0: it works
		says       string
	}{
		{"SCRAM before PLAIN", "AUTH=PLAIN AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-256", tls.VersionTLS13, nil, "SCRAM-SHA-256", 0, ""},
		{"SCRAM-SHA-1", "AUTH=PLAIN AUTH=SCRAM-SHA-1", 0, nil, "SCRAM-SHA-1", 0, ""},
		{"bound to TLS 1.3", "AUTH=PLAIN AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS", tls.VersionTLS13, nil, "SCRAM-SHA-256-PLUS", 0, ""},
		{"bound to TLS 1.2", "AUTH=SCRAM-SHA-1-PLUS AUTH=SCRAM-SHA-1", tls.VersionTLS12, nil, "SCRAM-SHA-1-PLUS", 0, ""},
		{"not bound without TLS", "AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS", 0, nil, "SCRAM-SHA-256", 0, ""},
		{"CRAM-MD5 where anybody can listen", "AUTH=PLAIN AUTH=CRAM-MD5", 0, nil, "CRAM-MD5", 0, ""},
		{"PLAIN rather than CRAM-MD5 with TLS", "AUTH=PLAIN AUTH=CRAM-MD5", tls.VersionTLS13, nil, "PLAIN", 0, ""},
		{"CRAM-MD5, all there is", "AUTH=CRAM-MD5 LOGINDISABLED", tls.VersionTLS13, nil, "CRAM-MD5", 0, ""},
		{"LOGIN by AUTHENTICATE, all there is", "AUTH=LOGIN LOGINDISABLED", tls.VersionTLS13, nil, "LOGIN", 0, ""},
		{"no verifier of this user", "AUTH=PLAIN AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1", tls.VersionTLS13, func(u *saslserver.User) { u.NoVerifier = true },
			"SCRAM-SHA-256 PLAIN", 0, ""},
		{"a stale verifier", "AUTH=PLAIN AUTH=SCRAM-SHA-256", tls.VersionTLS13, func(u *saslserver.User) { u.Stale = true }, "SCRAM-SHA-256 PLAIN", 0, ""},
		{"a kind of binding that the server does not know", "AUTH=PLAIN AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS", tls.VersionTLS13,
			func(u *saslserver.User) { u.Binding = func(string) []byte { return nil } }, "SCRAM-SHA-256-PLUS SCRAM-SHA-256", 0, ""},
		{"another binding", "AUTH=PLAIN AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS", tls.VersionTLS13,
			func(u *saslserver.User) { u.Binding = func(string) []byte { return []byte("another") } }, "SCRAM-SHA-256-PLUS SCRAM-SHA-256", 0, ""},
		{"a wrong password where binding is offered", "AUTH=PLAIN AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS", tls.VersionTLS13,
			func(u *saslserver.User) { u.Password = "another" }, "SCRAM-SHA-256-PLUS SCRAM-SHA-256", state.Login, "AUTHENTICATIONFAILED"},
		{"somebody removed -PLUS from the list", "AUTH=SCRAM-SHA-256 LOGINDISABLED", tls.VersionTLS13,
			func(u *saslserver.User) { u.Lists = []string{"SCRAM-SHA-256-PLUS"} }, "SCRAM-SHA-256", state.Login, "AUTHENTICATIONFAILED"},
		{"a forged signature", "AUTH=PLAIN AUTH=SCRAM-SHA-256", tls.VersionTLS13, func(u *saslserver.User) { u.Forged = true }, "SCRAM-SHA-256", state.Login, "signature is wrong"},
		{"too many iterations", "AUTH=PLAIN AUTH=SCRAM-SHA-256", tls.VersionTLS13, func(u *saslserver.User) { u.Iterations = "4000000000" }, "SCRAM-SHA-256 PLAIN", 0, ""},
		{"too many iterations, and nothing else", "AUTH=SCRAM-SHA-256 LOGINDISABLED", tls.VersionTLS13, func(u *saslserver.User) { u.Iterations = "4000000000" },
			"SCRAM-SHA-256", state.Login, "4000000000 times"},
		{"wrong password", "AUTH=PLAIN AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1 AUTH=CRAM-MD5", tls.VersionTLS13, func(u *saslserver.User) { u.Password = "another" },
			"SCRAM-SHA-256 PLAIN", state.Login, "AUTHENTICATIONFAILED"},
		{"wrong password, in plain text", "AUTH=PLAIN AUTH=CRAM-MD5", 0, func(u *saslserver.User) { u.Password = "another" }, "CRAM-MD5 PLAIN", state.Login, "AUTHENTICATIONFAILED"},
	} {
		for _, ir := range []string{"", " SASL-IR"} {
			t.Run(c.name+ir, func(t *testing.T) {
				acct := boxes()
				acct.Password, acct.Caps = scramPassword, "IMAP4rev1 "+c.caps+ir
				if c.bend != nil {
					c.bend(&acct.SASL)
				}
				if acct.SASL.Password != "" {
					acct.Password = acct.SASL.Password
				}
				h := script.Healthy(acct, nil)
				if c.most != 0 {
					plain := h
					h = func(p *script.Peer) { id.wrap(p, c.most); plain(p) }
				}
				srv := script.Every(t, h)
				var trace bytes.Buffer
				a := account(t, options(srv), withSecret(scramPassword), func(o *Options) {
					o.Trace = &trace
					if c.most != 0 {
						o.TLS, o.RootCAs = reach.Implicit, id.pem
					}
				})
				err := noop(t.Context(), a)
				if (err == nil) != (c.kind == 0) || err != nil && (state.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || state.HintOf(err) == "") {
					t.Errorf("kind %v: %v (%s)", state.KindOf(err), err, state.HintOf(err))
				}
				if got := mechanisms(srv); got != c.tried {
					t.Errorf("tried %s, want %s", got, c.tried)
				}
				if c.kind == 0 {
					a.retire()
					if err := noop(t.Context(), a); err != nil {
						t.Error(err)
					}
					worked := c.tried[strings.LastIndexByte(c.tried, ' ')+1:]
					if got := mechanisms(srv); got != c.tried+" "+worked {
						t.Errorf("the next connection: %s", got)
					}
				}
				wantNowhere(t, trace.String(), err, scramPassword)
				for _, line := range strings.Split(trace.String(), "\n") {
					if said, is := strings.CutPrefix(line, "S: + "); is && said != "***" && said != "" {
						t.Errorf("a challenge is traced: %s", line)
					}
				}
			})
		}
	}
}

// What worked in an earlier run is tried first; a proof that worked then and is refused is a wrong
// password, and that is not sent.
func TestWayOfAnEarlierRun(t *testing.T) {
	id := newIdentity(t, nil)
	for _, c := range []struct{ way, password, tried string }{
		{"", scramPassword, "SCRAM-SHA-256 PLAIN"},
		{"PLAIN", scramPassword, "PLAIN"},
		{"PLAIN", "wrong", "PLAIN"},
		{"SCRAM-SHA-256", "wrong", "SCRAM-SHA-256"},
		{"", "wrong", "SCRAM-SHA-256 PLAIN"},
	} {
		acct := boxes()
		acct.Password, acct.Caps, acct.SASL.Stale = scramPassword, "IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=SCRAM-SHA-256", true
		srv := script.Every(t, id.overTLS(script.Healthy(acct, nil)))
		a := account(t, options(srv), withSecret(c.password), func(o *Options) { o.TLS, o.RootCAs, o.Way = reach.Implicit, id.pem, c.way })
		err := noop(t.Context(), a)
		if right := c.password == scramPassword; (err == nil) != right || mechanisms(srv) != c.tried || right && a.Way() != "PLAIN" {
			t.Errorf("%q and %q: tried %s, then knows %q: %v", c.way, c.password, mechanisms(srv), a.Way(), err)
		}
	}
}

// Whatever the mechanism, a log-in that is refused beside the command is a refused log-in.
func TestEveryMechanismRefusedBesideTheCommand(t *testing.T) {
	for _, caps := range []string{"AUTH=PLAIN", "AUTH=LOGIN LOGINDISABLED", "AUTH=CRAM-MD5 LOGINDISABLED", "AUTH=SCRAM-SHA-256 LOGINDISABLED", "AUTH=SCRAM-SHA-1 LOGINDISABLED", "", "AUTH=XOAUTH2", "AUTH=OAUTHBEARER"} {
		for _, lines := range [][]string{{"* NO not you", "* BYE"}, {"* NO [AUTHENTICATIONFAILED] not you"}, {"* BYE Authentication failed: not you"}} {
			acct := boxes()
			acct.Caps = "IMAP4rev1 " + caps
			refuse := func(p *script.Peer, _ script.Command) bool {
				for _, l := range lines {
					p.Send(l)
				}
				p.Close()
				return true
			}
			srv := script.Every(t, script.Healthy(acct, script.Answers{"AUTHENTICATE": refuse, "LOGIN": refuse}))
			a := account(t, options(srv), func(o *Options) {
				if strings.Contains(caps, "OAUTH") {
					(&tokens{all: []string{goodToken}}).in(o)
				}
			})
			if err := noop(t.Context(), a); state.KindOf(err) != state.Login || !strings.Contains(err.Error(), "not you") || srv.Accepted() != 1 {
				t.Errorf("%s, %q: kind %v after %d connections: %v", caps, lines, state.KindOf(err), srv.Accepted(), err)
			}
		}
	}
}

// A server that says OK without having proved that it knows the password is not logged in to.
func TestServerThatProvesNothing(t *testing.T) {
	acct := boxes()
	acct.Caps = "IMAP4rev1 AUTH=SCRAM-SHA-256 AUTH=PLAIN"
	for _, lines := range [][]string{{"+ ", "$tag OK in"}, {"$tag OK in"}, {"+ ", "+ !!!", "$tag OK in"}} {
		srv := script.Every(t, script.Healthy(acct, script.Answers{"AUTHENTICATE": func(p *script.Peer, cmd script.Command) bool {
			if !strings.HasPrefix(cmd.Args, "SCRAM") {
				return false
			}
			for _, l := range lines {
				if p.Send(l); strings.HasPrefix(l, "+") {
					p.Line()
				}
			}
			return true
		}}))
		a := account(t, options(srv))
		err := noop(t.Context(), a)
		if err == nil || slices.Contains(strings.Fields(mechanisms(srv)), "PLAIN") || len(lines) < 3 && !errors.Is(err, auth.ErrForged) {
			t.Errorf("%q: %v after %s", lines, err, mechanisms(srv))
		}
	}
}
