package auth

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"mailsync/backends/redact"
	"mailsync/internal/testkit/saslserver"
	"mailsync/state"
)

// talk runs a mechanism against challenges, and returns what it said: the initial response first.
func talk(t *testing.T, m Mechanism, challenges ...string) (said []string, err error) {
	t.Helper()
	_, first, err := m.Start()
	if err != nil {
		t.Fatal(err)
	}
	said = append(said, string(first))
	for _, c := range challenges {
		b, err := m.Next([]byte(c))
		if err != nil {
			return said, err
		}
		said = append(said, string(b))
	}
	return said, m.Finish()
}

func newCRAM(c Credentials) Mechanism { return &cram{c: c} }

// The examples of the RFCs.
func TestVectors(t *testing.T) {
	withNonce := func(name, nonce string) Mechanism {
		m := newScram(name, Credentials{User: "user", Secret: "pencil"}, Binding{}, false)
		m.nonce = nonce
		return m
	}
	for _, c := range []struct {
		name       string
		m          Mechanism
		challenges []string
		want       []string
	}{
		{"RFC 5802 section 5", withNonce("SCRAM-SHA-1", "fyko+d2lbbFgONRv9qkxdawL"),
			[]string{"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
			[]string{"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", ""}},
		{"RFC 7677 section 3", withNonce("SCRAM-SHA-256", "rOprNGfwEbeRWgbNEkqO"),
			[]string{"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
			[]string{"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", ""}},
		{"RFC 2195 section 2", newCRAM(Credentials{User: "tim", Secret: "tanstaaftanstaaf"}),
			[]string{"<1896.697170952@postoffice.reston.mci.net>"}, []string{"", "tim b913a602c7eda7a495b4e6e7334d3890"}},
		{"RFC 4616 section 4", &plain{c: Credentials{User: "tim", Secret: "tanstaaftanstaaf"}}, nil, []string{"\x00tim\x00tanstaaftanstaaf"}},
		{"RFC 7628 section 4.1", Bearer(Credentials{User: "user@example.com", Host: "server.example.com", Port: 143, Secret: "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="}), nil,
			[]string{"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"}},
		{"a user with signs of GS2", Bearer(Credentials{User: "a=b,c", Host: "h", Port: 1, Secret: "t"}), nil, []string{"n,a=a=3Db=2Cc,\x01host=h\x01port=1\x01auth=Bearer t\x01\x01"}},
		{"XOAUTH2", XOAuth(Credentials{User: "ada@x.example", Secret: "tok"}), nil, []string{"user=ada@x.example\x01auth=Bearer tok\x01\x01"}},
		{"LOGIN", &login{c: Credentials{User: "ada", Secret: "secret"}}, []string{"Username:", "anything"}, []string{"", "ada", "secret"}},
	} {
		said, err := talk(t, c.m, c.challenges...)
		if err != nil || strings.Join(said, "|") != strings.Join(c.want, "|") {
			t.Errorf("%s: %q, %v; want %q", c.name, said, err, c.want)
		}
	}
}

// run runs a mechanism against the scripted server's side of it, as a protocol does.
func run(t *testing.T, m Mechanism, u saslserver.User, initial bool) (x *Exchange, in bool, err error) {
	t.Helper()
	x, err = Begin(m, &redact.Secrets{})
	if err != nil {
		t.Fatal(err)
	}
	var first []byte
	if text, ok := x.Initial(); initial && ok {
		first, _ = base64.StdEncoding.DecodeString(text)
	} else {
		x.Unsent()
	}
	in = u.Run(x.Name, first, func(challenge []byte) ([]byte, bool) {
		said, err := x.Answer(base64.StdEncoding.EncodeToString(challenge))
		if err != nil {
			t.Fatal(err)
		}
		raw, bad := base64.StdEncoding.DecodeString(said)
		return raw, bad == nil
	})
	if in {
		return x, in, x.End(nil)
	}
	return x, in, x.End(errRefused)
}

var errRefused = errors.New("refused")

// Each mechanism logs in where it should, and nowhere else, with and without an initial response.
func TestMechanisms(t *testing.T) {
	bound := Binding{"tls-exporter", []byte("0123456789abcdef0123456789abcdef")}
	for _, user := range []string{"ada", "a,d=a", "ada@example.org"} {
		for _, password := range []string{"secret", "pass, word=1", "Zürich \u00aa", "\x01odd", strings.Repeat("long", 200)} {
			c := Credentials{User: user, Secret: password, Host: "h", Port: 143}
			// A server keeps what SASLprep makes of a password.
			u := saslserver.User{Name: user, Password: password, Token: password, Binding: func(kind string) []byte {
				if kind == bound.Kind {
					return bound.Data
				}
				return nil
			}}
			prep := u
			prep.Name, prep.Password = prepared(user), prepared(password)
			for name, m := range map[string]func(Credentials) Mechanism{
				"PLAIN":              func(c Credentials) Mechanism { return &plain{c: c} },
				"LOGIN":              func(c Credentials) Mechanism { return &login{c: c} },
				"CRAM-MD5":           newCRAM,
				"OAUTHBEARER":        Bearer,
				"SCRAM-SHA-1":        func(c Credentials) Mechanism { return newScram("SCRAM-SHA-1", c, bound, false) },
				"SCRAM-SHA-256":      func(c Credentials) Mechanism { return newScram("SCRAM-SHA-256", c, Binding{}, false) },
				"SCRAM-SHA-1-PLUS":   func(c Credentials) Mechanism { return newScram("SCRAM-SHA-1-PLUS", c, bound, true) },
				"SCRAM-SHA-256-PLUS": func(c Credentials) Mechanism { return newScram("SCRAM-SHA-256-PLUS", c, bound, true) },
			} {
				server := u
				if strings.HasPrefix(name, "SCRAM") {
					server = prep
				}
				if name == "OAUTHBEARER" {
					server.Name = saslName(user)
				}
				for _, initial := range []bool{true, false} {
					if _, in, err := run(t, m(c), server, initial); !in || err != nil {
						t.Errorf("%s of %q with %q: %v", name, user, password, err)
					}
					wrong := c
					wrong.Secret += "x"
					if x, in, err := run(t, m(wrong), server, initial); in || err == nil || x.Outcome(err) != Doubted {
						t.Errorf("%s of %q with a wrong password: in %v, %v, %v", name, user, in, err, x.Outcome(err))
					}
				}
			}
		}
	}
}

// What a server can do wrong in SCRAM: nobody is logged in, none makes us work for long, and a forged
// signature is an error of its own.
func TestHostileSCRAM(t *testing.T) {
	bound := Binding{"tls-unique", []byte("bound")}
	good := saslserver.User{Name: "ada", Password: "secret"}
	for _, c := range []struct {
		name string
		bend func(*saslserver.User)
		how  Outcome
		says string
	}{
		{"forged", func(u *saslserver.User) { u.Forged = true }, Condemned, "signature is wrong"},
		{"four thousand million iterations", func(u *saslserver.User) { u.Iterations = "4000000000" }, NotTaken, "4000000000 times"},
		{"iterations of no number", func(u *saslserver.User) { u.Iterations = "99999999999999999999999" }, NotTaken, "cannot read"},
		{"negative iterations", func(u *saslserver.User) { u.Iterations = "-4096" }, NotTaken, "cannot read"},
		{"one iteration", func(u *saslserver.User) { u.Iterations = "1" }, NotTaken, "1 times"},
		{"another nonce", func(u *saslserver.User) { u.Nonce = "mine" }, NotTaken, "nonce"},
		{"no verifier", func(u *saslserver.User) { u.NoVerifier = true }, NotTaken, "refused"},
		{"invalid-proof", func(u *saslserver.User) { u.Error = "invalid-proof" }, Doubted, `"invalid-proof"`},
		{"an error that controls", func(u *saslserver.User) { u.Error = "x\x1b[2J" }, Doubted, `x\x1b[2J`},
		{"another connection", func(u *saslserver.User) { u.Error = "channel-bindings-dont-match" }, Condemned, "another TLS connection"},
		{"it offers more than it lists", func(u *saslserver.User) { u.Error = "server-does-support-channel-binding" }, Condemned, "another TLS connection"},
		{"the offer of -PLUS was removed", func(u *saslserver.User) { u.Lists = []string{"SCRAM-SHA-256-PLUS"} }, NotTaken, "refused"},
	} {
		u := good
		c.bend(&u)
		begun := time.Now()
		x, _, err := run(t, newScram("SCRAM-SHA-256", Credentials{User: "ada", Secret: "secret"}, bound, false), u, true)
		if err == nil || x.Outcome(err) != c.how || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, outcome %v", c.name, err, x.Outcome(err))
		}
		if isForged := c.how == Condemned; errors.Is(err, ErrForged) != isForged || isForged && (state.KindOf(err) != state.Login || state.HintOf(err) == "") {
			t.Errorf("%s: %v of kind %v (%s)", c.name, err, state.KindOf(err), state.HintOf(err))
		}
		if time.Since(begun) > 10*time.Second {
			t.Errorf("%s took %v", c.name, time.Since(begun))
		}
	}
	for _, first := range []string{"", "r=", "m=ext,r=x,s=QQ==,i=4096", "r=x,s=QQ==", "r=x,s=!,i=4096", "r=x,s=,i=4096", "s=QQ==,r=x,i=4096", strings.Repeat(",", 1000)} {
		m := newScram("SCRAM-SHA-256", Credentials{User: "ada", Secret: "secret"}, Binding{}, false)
		if _, err := talk(t, m, first); err == nil || m.Tested() {
			t.Errorf("%q: %v", first, err)
		}
	}
	// OK before the server has proved anything.
	m := newScram("SCRAM-SHA-256", Credentials{User: "ada", Secret: "secret"}, Binding{}, false)
	if _, err := talk(t, m); !errors.Is(err, ErrForged) {
		t.Errorf("OK at once: %v", err)
	}
	m = newScram("SCRAM-SHA-256", Credentials{User: "ada", Secret: "secret"}, Binding{}, false)
	if _, err := talk(t, m, "r="+m.nonce+"x,s=QQ==,i=4096"); !errors.Is(err, ErrForged) {
		t.Errorf("OK after the proof: %v", err)
	}
}

// The flag tells the server what we know, so that it can see whether somebody changed the list.
func TestFlag(t *testing.T) {
	bound := Binding{"tls-exporter", []byte("x")}
	for _, c := range []struct {
		name    string
		binding Binding
		offered bool
		want    string
	}{
		{"SCRAM-SHA-256", Binding{}, false, "n,,"},
		{"SCRAM-SHA-256", Binding{}, true, "n,,"},
		{"SCRAM-SHA-256", bound, false, "y,,"},
		{"SCRAM-SHA-256", bound, true, "n,,"},
		{"SCRAM-SHA-256-PLUS", bound, true, "p=tls-exporter,,"},
	} {
		if m := newScram(c.name, Credentials{User: "u"}, c.binding, c.offered); m.header != c.want {
			t.Errorf("%s, %q, offered %t: %s", c.name, c.binding.Kind, c.offered, m.header)
		}
	}
}

// An exchange that makes no sense is cancelled, and one without end is ended.
func TestExchange(t *testing.T) {
	c := Credentials{User: "ada", Secret: "secret-secret"}
	for name, bad := range map[string]string{"not base64": "*?*", "not even text": "\x00\xff"} {
		x, _ := Begin(newCRAM(c), &redact.Secrets{})
		if said, err := x.Answer(bad); said != "*" || err != nil || x.Outcome(nil) != NotTaken {
			t.Errorf("%s: %q, %v", name, said, err)
		}
		if err := x.End(errRefused); !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "base64") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := x.Answer(""); state.KindOf(err) != state.Unreachable {
			t.Errorf("%s, and on: %v", name, err)
		}
	}
	for _, m := range []Mechanism{&plain{c: c}, &login{c: c}, newCRAM(c), Bearer(c), XOAuth(c), newScram("SCRAM-SHA-1", c, Binding{}, false)} {
		x, _ := Begin(m, &redact.Secrets{})
		n := 0
		for ; n < 100; n++ {
			if _, err := x.Answer("QUJD"); err != nil {
				break
			}
		}
		if n > maxRounds {
			t.Errorf("%s answers %d challenges", x.Name, n)
		}
	}
	// An initial response that the server overlooked is sent again.
	x, _ := Begin(&plain{c: c}, &redact.Secrets{})
	first, _ := x.Initial()
	if again, err := x.Answer(""); again != first || err != nil {
		t.Errorf("%q, %v", again, err)
	}
}

// What is sent is a secret, and so is what it ends in.
func TestSecretsOfAnExchange(t *testing.T) {
	c := Credentials{User: "ada@example.org", Secret: "secret-secret", Host: "h", Port: 1}
	u := saslserver.User{Name: c.User, Password: c.Secret, Token: c.Secret}
	for _, m := range []Mechanism{&plain{c: c}, &login{c: c}, newCRAM(c), Bearer(c), XOAuth(c), newScram("SCRAM-SHA-256", c, Binding{}, false)} {
		secrets := &redact.Secrets{}
		x, _ := Begin(m, secrets)
		var said []string
		u.Run(x.Name, nil, func(challenge []byte) ([]byte, bool) {
			text, err := x.Answer(base64.StdEncoding.EncodeToString(challenge))
			raw, _ := base64.StdEncoding.DecodeString(text)
			if said = append(said, text); x.Outcome(nil) == Doubted && len(raw) > 0 {
				parts := strings.FieldsFunc(string(raw), func(r rune) bool { return r <= ' ' || r == ',' })
				said = append(said, strings.TrimPrefix(parts[len(parts)-1], "p="))
			}
			return raw, err == nil
		})
		if len(said) < 2 {
			t.Errorf("%s said %q", x.Name, said)
		}
		for _, text := range said {
			if shown := secrets.Hide("no: " + text); len(text) >= 4 && shown != "no: ***" {
				t.Errorf("%s: %q is shown as %q", x.Name, text, shown)
			}
		}
		if shown := secrets.Hide(c.User); shown != c.User {
			t.Errorf("%s: the user is shown as %q", x.Name, shown)
		}
	}
}

// A server's reason for a refusal is shown without what we sent.
func TestReasonsHoldNoSecrets(t *testing.T) {
	const word = "secret-secret"
	secrets := &redact.Secrets{}
	secrets.Keep(word)
	x, _ := Begin(newScram("SCRAM-SHA-256", Credentials{User: "ada", Secret: word}, Binding{}, false), secrets)
	u := saslserver.User{Name: "ada", Password: word, Error: "not " + word}
	in := u.Run(x.Name, nil, func(challenge []byte) ([]byte, bool) {
		text, err := x.Answer(base64.StdEncoding.EncodeToString(challenge))
		raw, _ := base64.StdEncoding.DecodeString(text)
		return raw, err == nil
	})
	if err := x.End(errRefused); in || !strings.Contains(err.Error(), `"not ***"`) {
		t.Errorf("in %v: %v", in, err)
	}
}
