package pop3

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/state"
)

// certificate is one for 127.0.0.1, and the PEM by which it is trusted.
func certificate(t *testing.T) (*tls.Config, []byte) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return &tls.Config{Certificates: s.TLS.Certificates}, roots
}

func logIn(a *Account, ctx context.Context) error {
	_, err := a.List(ctx, func(state.Listed) bool { return true })
	return err
}

// Before log-in nothing is taken on trust.
func TestBeginnings(t *testing.T) {
	config, roots := certificate(t)
	stls := func(replaced script.Answers) script.Handler {
		box := script.NewBox()
		box.Caps = append(box.Caps, "STLS")
		return script.Healthy(box, replaced)
	}
	for _, c := range []struct {
		name    string
		mode    reach.TLSMode
		handler script.Handler
		kind    state.Kind // 0: it works
		says    string
	}{
		{"healthy", reach.None, script.Healthy(script.NewBox(), nil), 0, ""},
		{"an IMAP server", reach.None, script.Healthy(script.NewBox(), script.Answers{"GREETING": script.Say("* OK IMAP4rev1 ready")}), state.Unreachable, "neither +OK nor -ERR"},
		{"garbage", reach.None, func(p *script.Peer) { p.Raw(bytes.Repeat([]byte{0, 255, 27}, 100)); p.Close() }, state.Unreachable, ""},
		{"more than a line can hold", reach.None, func(p *script.Peer) { p.Raw(bytes.Repeat([]byte{'x'}, 1<<17)); p.Close() }, state.Unreachable, ""},
		{"nothing", reach.None, func(p *script.Peer) { p.Close() }, state.Unreachable, "without a greeting"},
		{"refused", reach.None, func(p *script.Peer) { p.Send("-ERR go away") }, state.Other, "go away"},
		{"in use", reach.None, func(p *script.Peer) { p.Send("-ERR [IN-USE] locked") }, state.Unreachable, "locked"},
		{"broken for now", reach.None, func(p *script.Peer) { p.Send("-ERR [SYS/TEMP] disk") }, state.Unreachable, "disk"},
		{"STLS", reach.StartTLS, stls(nil), 0, ""},
		{"STLS not offered", reach.StartTLS, script.Healthy(script.NewBox(), nil), state.Unreachable, "does not offer STLS"},
		{"STLS not known for want of CAPA", reach.StartTLS, stls(script.Answers{"CAPA": script.Say("-ERR what")}), state.Unreachable, "does not offer STLS"},
		{"STLS refused", reach.StartTLS, stls(script.Answers{"STLS": script.Say("-ERR no")}), state.Unreachable, "STLS"},
		{"STLS with an answer ahead of the handshake", reach.StartTLS, stls(script.Answers{"STLS": script.Say("+OK go ahead", "+OK logged in")}), state.Unreachable, "ahead of the handshake"},
		{"STLS with no handshake", reach.StartTLS, stls(script.Answers{"STLS": func(p *script.Peer, _ string) bool { p.Send("+OK"); p.Close(); return true }}), state.Unreachable, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := script.WithTLS(t, config, c.handler)
			a := meet(t, srv, func(o *Options) { o.TLS, o.RootCAs = c.mode, roots })
			err := logIn(a, t.Context())
			if c.kind == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || state.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("kind %v: %v", state.KindOf(err), err)
			}
			for _, command := range srv.Commands() {
				if strings.HasPrefix(command, "PASS") || strings.HasPrefix(command, "AUTH") {
					t.Errorf("it sent %s", strings.Fields(command)[0])
				}
			}
		})
	}
}

// A certificate that nobody vouches for ends it.
func TestUntrustedCertificate(t *testing.T) {
	config, _ := certificate(t)
	box := script.NewBox()
	box.Caps = append(box.Caps, "STLS")
	a := meet(t, script.WithTLS(t, config, script.Healthy(box, nil)), func(o *Options) { o.TLS = reach.StartTLS })
	if err := logIn(a, t.Context()); state.KindOf(err) != state.Unreachable || !strings.Contains(state.HintOf(err), "tls_pins = [\"sha256/") {
		t.Errorf("%v (%s)", err, state.HintOf(err))
	}
}

// A pinned key is trusted whoever signed it, and no other is.
func TestPins(t *testing.T) {
	config, _ := certificate(t)
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	box := script.NewBox()
	box.Caps = append(box.Caps, "STLS")
	srv := script.WithTLS(t, config, script.Healthy(box, nil))
	right := reach.PinOf(leaf)
	if err := logIn(meet(t, srv, func(o *Options) { o.TLS, o.Pins = reach.StartTLS, []string{right} }), t.Context()); err != nil {
		t.Error(err)
	}
	other := "sha256/" + strings.Repeat("A", 43) + "="
	err = logIn(meet(t, srv, func(o *Options) { o.TLS, o.Pins = reach.StartTLS, []string{other} }), t.Context())
	if state.KindOf(err) != state.Unreachable || !strings.Contains(state.HintOf(err), right) {
		t.Errorf("%v (%s)", err, state.HintOf(err))
	}
	if _, err := New(Options{Options: reach.Options{Server: reach.Server{Host: "h", Pins: []string{"sha256/x"}}, User: "u", Secret: func(context.Context) (reach.Secret, error) { return reach.Secret{}, nil }}}); state.KindOf(err) != state.Usage {
		t.Errorf("%v", err)
	}
}

// Every way to log in, chosen by what the server has and whether anybody can listen.
func TestWaysToLogIn(t *testing.T) {
	config, roots := certificate(t)
	const stamp = "<1896.697170952@dbc.mtview.ca.us>"
	token := strings.Repeat("ya29.abc-DEF_123", 8)
	for _, c := range []struct {
		name   string
		caps   string // separated by "|"; "" CAPA is not known
		stamp  string
		safe   bool
		secret string
		sends  string // the command that carries the secret
	}{
		{"PLAIN", "USER|SASL PLAIN LOGIN", "", true, "secret", "AUTH PLAIN"},
		{"PLAIN rather than APOP where TLS hides it", "USER|SASL PLAIN", stamp, true, "secret", "AUTH PLAIN"},
		{"APOP where nothing hides the password", "USER|SASL PLAIN", stamp, false, "secret", "APOP"},
		{"USER and PASS", "USER", "", true, "secret", "PASS"},
		{"no CAPA", "", "", false, "secret", "PASS"},
		{"no CAPA and a timestamp", "", stamp, false, "secret", "APOP"},
		{"a timestamp from before TLS counts for nothing", "TOP", stamp, true, "secret", "PASS"},
		{"OAUTHBEARER, all there is", "SASL XOAUTH2 OAUTHBEARER", "", true, token, "AUTH OAUTHBEARER"},
		{"XOAUTH2, all there is", "SASL XOAUTH2", "", true, token, "AUTH XOAUTH2"},
		{"a token where passwords would do", "USER|SASL PLAIN XOAUTH2", "", true, token, "AUTH XOAUTH2"},
		{"a token, and no CAPA", "", "", false, token, "AUTH XOAUTH2"},
		{"a password where tokens would do", "USER|SASL PLAIN XOAUTH2", "", true, "secret", "AUTH PLAIN"},
		{"a long password where tokens are not known", "USER|SASL PLAIN", "", true, strings.Repeat("long", 40), "AUTH PLAIN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			box := script.NewBox()
			box.Caps, box.Stamp = nil, c.stamp
			if c.caps != "" {
				box.Caps = append(strings.Split(c.caps, "|"), "UIDL")
			}
			box.Password, box.SASL.Token = c.secret, c.secret
			mode := reach.None
			if c.safe {
				mode = reach.StartTLS
				box.Caps = append(box.Caps, "STLS")
			}
			srv := script.WithTLS(t, config, script.Healthy(box, nil))
			var trace bytes.Buffer
			a := meet(t, srv, func(o *Options) {
				o.TLS, o.RootCAs, o.Trace = mode, roots, &trace
				o.Secret = func(context.Context) (reach.Secret, error) {
					return reach.Secret{Password: c.secret, Token: c.secret == token}, nil
				}
			})
			if err := logIn(a, t.Context()); err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(srv.Commands(), func(s string) bool { return strings.HasPrefix(s, c.sends) }) {
				t.Errorf("sent %q", srv.Commands())
			}
			if strings.Contains(trace.String(), c.secret) {
				t.Errorf("the trace has the secret:\n%s", &trace)
			}
		})
	}
}

// A server may greet with a timestamp those, too, for whom it has no APOP secret.
func TestAPOPRefused(t *testing.T) {
	for _, c := range []struct {
		name, apop, caps, then string
		kind                   state.Kind
	}{
		{"AUTH", "-ERR [AUTH] Bad login", "USER|UIDL", "PASS", 0},
		{"no code", "-ERR unknown command", "", "PASS", 0},
		{"SASL PLAIN", "-ERR [AUTH] no", "SASL PLAIN|UIDL", "AUTH PLAIN", 0},
		{"in use", "-ERR [IN-USE] locked", "USER|UIDL", "", state.Unreachable},
		{"permanent", "-ERR [SYS/PERM] no such mechanism", "USER|UIDL", "PASS", 0},
		{"hangs up", "", "USER|UIDL", "PASS", 0},
		{"nothing else", "-ERR [AUTH] no", "UIDL", "", state.Login},
	} {
		t.Run(c.name, func(t *testing.T) {
			box := script.NewBox()
			box.Stamp = "<1896.697170952@dbc.mtview.ca.us>"
			box.Caps = nil
			if c.caps != "" {
				box.Caps = strings.Split(c.caps, "|")
			}
			srv := script.New(t, script.Healthy(box, script.Answers{"APOP": func(p *script.Peer, _ string) bool {
				if p.Send(cmp.Or(c.apop, "-ERR [AUTH] bye")); c.apop == "" {
					p.Close()
				}
				return true
			}}))
			err := logIn(meet(t, srv), t.Context())
			if (err == nil) != (c.kind == 0) || err != nil && state.KindOf(err) != c.kind {
				t.Errorf("%v", err)
			}
			passed := slices.ContainsFunc(srv.Commands(), func(s string) bool { return strings.HasPrefix(s, "PASS") || strings.HasPrefix(s, "AUTH") })
			if passed != (c.then != "") && c.apop != "" {
				t.Errorf("sent %q", srv.Commands())
			}
		})
	}
}

// AUTH PLAIN may be offered and not be had, where USER and PASS work; a way that was refused is not
// tried on the next connection.
func TestPLAINRefused(t *testing.T) {
	for _, c := range []struct {
		name, auth, caps, pass string
		kind                   state.Kind
		connections            int
	}{
		{"AUTH", "-ERR [AUTH] no", "USER|UIDL|SASL PLAIN", "", 0, 1},
		{"no code", "-ERR", "USER|UIDL|SASL PLAIN", "", 0, 1},
		{"unknown mechanism", "-ERR unknown mechanism", "USER|UIDL|SASL PLAIN", "", 0, 1},
		{"permanent", "-ERR [SYS/PERM] no mechanisms", "USER|UIDL|SASL PLAIN", "", 0, 1},
		{"refused, and the connection ends", "-ERR [AUTH] no|", "USER|UIDL|SASL PLAIN", "", 0, 2},
		{"no answer but the end", "|", "USER|UIDL|SASL PLAIN", "", 0, 2},
		{"no USER is announced", "-ERR [AUTH] no", "UIDL|SASL PLAIN", "", state.Login, 1},
		{"PASS is refused too", "-ERR no mechanism", "USER|UIDL|SASL PLAIN", "-ERR [AUTH] wrong", state.Login, 1},
		{"PASS has to wait", "-ERR [AUTH] no", "USER|UIDL|SASL PLAIN", "-ERR [IN-USE] locked", state.Unreachable, 1},
		{"in use", "-ERR [IN-USE] locked", "USER|UIDL|SASL PLAIN", "-ERR [AUTH] never asked", state.Unreachable, 1},
		{"words that may be about it alone", "-ERR mechanism unavailable", "USER|UIDL|SASL PLAIN", "", 0, 1},
		{"words, and PASS says the same", "-ERR unavailable", "USER|UIDL|SASL PLAIN", "-ERR unavailable", state.Unreachable, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			box := script.NewBox()
			box.Caps = strings.Split(c.caps, "|")
			answers := script.Answers{"AUTH": func(p *script.Peer, _ string) bool {
				text, ends := strings.CutSuffix(c.auth, "|")
				if text != "" {
					p.Send(text)
				}
				if ends {
					p.Close()
				}
				return true
			}}
			if c.pass != "" {
				answers["PASS"] = script.Say(c.pass)
			}
			srv := script.New(t, script.Healthy(box, answers))
			a := meet(t, srv)
			if err := logIn(a, t.Context()); (err == nil) != (c.kind == 0) || err != nil && state.KindOf(err) != c.kind {
				t.Fatalf("%v", err)
			}
			if srv.Accepted() != c.connections {
				t.Errorf("%d connections, want %d", srv.Accepted(), c.connections)
			}
			if c.kind != 0 {
				return
			}
			a.session.c.drop()
			if err := logIn(a, t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := count(srv.Commands(), "AUTH"); n != 1 {
				t.Errorf("AUTH was tried %d times", n)
			}
		})
	}
}

// count is how many commands have a verb.
func count(commands []string, verb string) (n int) {
	for _, c := range commands {
		if v, _, _ := strings.Cut(c, " "); strings.EqualFold(v, verb) {
			n++
		}
	}
	return n
}

// Servers that are older than response codes say in words that they are to be left alone for now, and
// what says nothing is no reason to doubt a password that worked before.
func TestRefusalsWithoutACode(t *testing.T) {
	for _, c := range []struct {
		text          string
		first, before state.Kind // of a first run, and where a log-in worked before
	}{
		{"you log in too often", state.Unreachable, state.Unreachable},
		{"Mailbox unavailable", state.Unreachable, state.Unreachable},
		{"mailbox in use", state.Unreachable, state.Unreachable},
		{"maildrop locked", state.Unreachable, state.Unreachable},
		{"Your mailbox has been locked", state.Unreachable, state.Unreachable},
		{"server busy", state.Unreachable, state.Unreachable},
		{"please try again", state.Unreachable, state.Unreachable},
		{"Temporary authentication failure", state.Unreachable, state.Unreachable},
		{"Unable to lock maildrop", state.Unreachable, state.Unreachable},
		{"too many failed log-ins, try again later", state.Unreachable, state.Unreachable},
		{"Temporary error for login(ada): Too many bad auth attempts!", state.Unreachable, state.Unreachable},
		{"Authentication failed, please try again", state.Login, state.Login},
		{"Login fail. Service is not open, password is incorrect, login frequency limited, or system is busy.", state.Login, state.Login},
		{"Access to this account via POP3/IMAP not permitted. Enable POP3/IMAP in the settings.", state.Login, state.Login},
		{"[SYS/PERM] Your account is not enabled for POP access.", state.Login, state.Login},
		{"Your mailbox login limit exceeded. POP3 can be checked every 10 minutes", state.Unreachable, state.Unreachable},
		{"login frequently", state.Unreachable, state.Unreachable},
		{"Maximum number of connections reached", state.Unreachable, state.Unreachable},
		{"invalid password", state.Login, state.Login},
		{"invalid password of ada.locked@busy.example", state.Login, state.Login},
		{"ada.locked@busy.example is not welcome", state.Login, state.Unreachable},
		{"[AUTH] in use", state.Login, state.Login},
		{"no", state.Login, state.Unreachable},
		{"", state.Login, state.Unreachable},
		{"[SYS/PERM] broken", state.Other, state.Other},
	} {
		for _, before := range []bool{false, true} {
			box := script.NewBox()
			box.Caps = []string{"USER", "UIDL"}
			a := meet(t, script.New(t, script.Healthy(box, script.Answers{"PASS": script.Say("-ERR " + c.text)})),
				func(o *Options) { o.WorkedBefore, o.User = before, "ada.locked@busy.example" })
			want := c.first
			if before {
				want = c.before
			}
			if err := logIn(a, t.Context()); state.KindOf(err) != want || state.HintOf(err) == "" {
				t.Errorf("%q, worked before is %t: kind %v: %v (%s)", c.text, before, state.KindOf(err), err, state.HintOf(err))
			}
		}
	}
}

// The way that is left is tried on each connection, whatever it was refused before.
func TestLastWayLeft(t *testing.T) {
	box := script.NewBox()
	box.Caps = []string{"USER", "UIDL", "SASL PLAIN"}
	refuse := script.Say("-ERR no")
	answers := script.Answers{"AUTH": func(p *script.Peer, args string) bool { return refuse(p, args) }}
	srv := script.New(t, script.Healthy(box, answers))
	a := meet(t, srv)
	if err := logIn(a, t.Context()); err != nil {
		t.Fatal(err)
	}
	a.session.c.drop()
	box.Caps = []string{"UIDL", "SASL PLAIN"}
	if err := logIn(a, t.Context()); state.KindOf(err) != state.Unreachable || count(srv.Commands(), "AUTH") != 2 {
		t.Errorf("%v after %q", err, srv.Commands())
	}
	box.Caps = []string{"UIDL", "SASL XOAUTH2"}
	before := len(srv.Commands())
	if err := logIn(a, t.Context()); state.KindOf(err) != state.Login || !strings.Contains(err.Error(), "only OAuth tokens") || len(srv.Commands()) != before+1 {
		t.Errorf("a password where tokens are wanted: %v after %q", err, srv.Commands()[before:])
	}
}

// A refusal in words is waited for as one with a code is.
func TestPatienceWithWords(t *testing.T) {
	busy := 2
	box := script.NewBox(letters(1)...)
	box.Caps = []string{"USER", "UIDL"}
	srv := script.New(t, script.Healthy(box, script.Answers{"PASS": func(p *script.Peer, _ string) bool {
		if busy--; busy < 0 {
			return false
		}
		p.Send("-ERR service temporarily unavailable")
		return true
	}}))
	a := meet(t, srv)
	var waited time.Duration
	now := time.Now()
	a.patience.Most = time.Minute
	a.patience.Now = func() time.Time { return now.Add(waited) }
	a.patience.Sleep = func(_ context.Context, d time.Duration) error { waited += d; return nil }
	if err := logIn(a, t.Context()); err != nil || waited != 15*time.Second {
		t.Errorf("waited %v: %v", waited, err)
	}
}

// What a refused log-in means, and that the password is not in what is said of it.
func TestRefusedLogIn(t *testing.T) {
	for _, c := range []struct {
		answer string
		kind   state.Kind
	}{
		{"-ERR [AUTH] wrong password secret", state.Login},
		{"-ERR wrong", state.Login},
		{"-ERR [IN-USE] do you have another session running?", state.Unreachable},
		{"-ERR Unable to lock maildrop: Mailbox is locked by POP server", state.Unreachable},
		{"-ERR [LOGIN-DELAY] not yet", state.Unreachable},
		{"-ERR [SYS/TEMP] later", state.Unreachable},
		{"-ERR [SYS/PERM] never", state.Other},
	} {
		t.Run(c.answer, func(t *testing.T) {
			var trace bytes.Buffer
			a := meet(t, script.New(t, script.Healthy(script.NewBox(), script.Answers{"AUTH": script.Say(c.answer), "PASS": script.Say(c.answer)})), func(o *Options) { o.Trace = &trace })
			err := logIn(a, t.Context())
			if state.KindOf(err) != c.kind || state.HintOf(err) == "" {
				t.Errorf("kind %v: %v (%s)", state.KindOf(err), err, state.HintOf(err))
			}
			if strings.Contains(err.Error()+trace.String(), "secret") {
				t.Errorf("the password is told: %v\n%s", err, &trace)
			}
		})
	}
}

// A server that says "later" is waited for, as long as the user lets us.
func TestPatience(t *testing.T) {
	busy := 2
	srv := script.New(t, script.Healthy(script.NewBox(letters(1)...), script.Answers{"AUTH": func(p *script.Peer, _ string) bool {
		if busy--; busy < 0 {
			return false
		}
		p.Send("-ERR [IN-USE] locked")
		return true
	}}))
	a := meet(t, srv)
	var waited time.Duration
	now := time.Now()
	a.patience.Most = time.Minute
	a.patience.Now = func() time.Time { return now.Add(waited) }
	a.patience.Sleep = func(_ context.Context, d time.Duration) error { waited += d; return nil }
	if err := logIn(a, t.Context()); err != nil || waited != 15*time.Second {
		t.Errorf("waited %v: %v", waited, err)
	}
	busy = 1000
	b := meet(t, srv)
	b.patience = a.patience
	if err := logIn(b, t.Context()); state.KindOf(err) != state.Unreachable || waited > time.Minute+15*time.Second {
		t.Errorf("waited %v: %v", waited, err)
	}
}

// In plain text to another machine nothing is begun.
func TestPlainTextIsForLoopback(t *testing.T) {
	o := Options{Options: reach.Options{Server: reach.Server{Host: "pop.example.org", TLS: reach.None}, User: "ada", Secret: func(context.Context) (reach.Secret, error) { return reach.Secret{}, nil }}}
	if _, err := New(o); state.KindOf(err) != state.Usage {
		t.Errorf("%v", err)
	}
	o.Insecure = true
	if _, err := New(o); err != nil {
		t.Error(err)
	}
}

// A user's name cannot smuggle a command in.
func TestLineBreakInAName(t *testing.T) {
	box := script.NewBox()
	box.Caps = []string{"USER", "UIDL"}
	srv := script.New(t, script.Healthy(box, nil))
	a := meet(t, srv, func(o *Options) { o.User = "ada\r\nDELE 1" })
	if err := logIn(a, t.Context()); state.KindOf(err) != state.Usage {
		t.Errorf("%v", err)
	}
	for _, c := range srv.Commands() {
		if strings.HasPrefix(c, "DELE") {
			t.Error("DELE was sent")
		}
	}
}
