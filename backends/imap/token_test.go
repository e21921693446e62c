package imap

import (
	"bytes"
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"testing"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// tokens are a source of them: the first that was not reported as refused.
type tokens struct {
	sync.Mutex
	all     []string
	refused []string
	asked   int
}

func (s *tokens) in(o *Options) {
	o.LoginHint = `run "mailsync login work"`
	o.Secret = func(context.Context) (reach.Secret, error) {
		s.Lock()
		defer s.Unlock()
		s.asked++
		for _, t := range s.all {
			if !slices.Contains(s.refused, t) {
				return reach.Secret{Password: t, Token: true}, nil
			}
		}
		return reach.Secret{Password: s.all[len(s.all)-1], Token: true}, nil
	}
	o.Refused = func(t reach.Secret) {
		s.Lock()
		defer s.Unlock()
		s.refused = append(s.refused, t.Password)
	}
}

// withSecret sets the password.
func withSecret(password string) func(*Options) {
	return func(o *Options) {
		o.Secret = func(context.Context) (reach.Secret, error) { return reach.Secret{Password: password}, nil }
	}
}

var oldToken, goodToken = strings.Repeat("old.", 30), strings.Repeat("good", 30)

// A token that is refused is renewed once; never is it sent as a password.
func TestTokenRefused(t *testing.T) {
	const google = `{"status":"400","schemes":"Bearer","scope":"https://mail.example/"}`
	bye := func() script.Answer { // refuses the first log-in, and ends the connection
		again := false
		return func(p *script.Peer, _ script.Command) bool {
			if again {
				return false
			}
			again = true
			p.Send("$tag NO [AUTHENTICATIONFAILED] expired")
			p.Send("* BYE so long")
			p.Close()
			return true
		}
	}
	for _, c := range []struct {
		name, caps  string
		tokens      []string
		answer      script.Answer
		reason      string
		connections int
		auths       int
		kind        state.Kind // 0: it works
		says        string
	}{
		{"renewed", "AUTH=XOAUTH2 AUTH=PLAIN SASL-IR", []string{oldToken, goodToken}, nil, "", 1, 2, 0, ""},
		{"renewed without SASL-IR", "AUTH=XOAUTH2 AUTH=PLAIN", []string{oldToken, goodToken}, nil, "", 1, 2, 0, ""},
		{"OAUTHBEARER first", "auth=xoauth2 AUTH=OAUTHBEARER SASL-IR", []string{goodToken}, nil, "", 1, 1, 0, ""},
		{"renewed, and the server hung up", "AUTH=OAUTHBEARER SASL-IR", []string{oldToken, goodToken}, bye(), "", 2, 2, 0, ""},
		{"renewed, and refused again", "AUTH=XOAUTH2", []string{oldToken, oldToken + "2", goodToken}, nil, google, 1, 2, state.Login, `status "400", it needs the scope "https://mail.example/"`},
		{"there is no other", "AUTH=OAUTHBEARER", []string{oldToken}, nil, `{"status":401}`, 1, 1, state.Login, `status "401"`},
		{"the reason is garbage", "AUTH=OAUTHBEARER", []string{oldToken}, nil, "{", 1, 1, state.Login, "the token was refused"},
		{"the reason has no end", "AUTH=OAUTHBEARER", []string{oldToken}, nil, `{"status":"` + strings.Repeat("x", 1<<16) + `"}`, 1, 1, state.Login, "the token was refused"},
		{"the reason repeats the token", "AUTH=OAUTHBEARER", []string{oldToken}, nil, `{"status":"bad ` + oldToken + `"}`, 1, 1, state.Login, `status "bad ***"`},
		{"for now, says the reason", "AUTH=OAUTHBEARER", []string{oldToken, goodToken}, nil, `{"status":"temporarily_unavailable"}`, 1, 1, state.Unreachable, "temporarily_unavailable"},
		{"no mechanism for tokens", "AUTH=PLAIN", []string{goodToken}, nil, "", 1, 0, state.Login, "takes no token"},
		{"busy", "AUTH=XOAUTH2", []string{goodToken}, answer("$tag NO [UNAVAILABLE] later"), "", 1, 1, state.Unreachable, "later"},
		{"busy by its words", "AUTH=XOAUTH2", []string{goodToken}, answer("$tag NO Temporary failure"), "", 1, 1, state.Unreachable, "Temporary"},
		{"limited", "AUTH=XOAUTH2", []string{goodToken}, answer("$tag NO [LIMIT] Rate limit hit."), "", 1, 1, state.Unreachable, "Rate limit"},
		{"counted", "AUTH=XOAUTH2", []string{goodToken}, answer("$tag NO Temporary: too many failed logins"), "", 1, 1, state.Unreachable, "too many"},
		{"endless challenges", "AUTH=XOAUTH2", []string{goodToken}, func(p *script.Peer, _ script.Command) bool {
			p.MayEnd = true
			for {
				p.Send("+ eyJzdGF0dXMiOiI0MDAifQ==")
				p.Line()
			}
		}, "", 1, 1, state.Unreachable, "asks for more and more"},
		{"challenges that wait for nothing", "AUTH=XOAUTH2", []string{goodToken}, func(p *script.Peer, _ script.Command) bool {
			p.MayEnd = true
			p.Raw(bytes.Repeat([]byte("+ \r\n"), 1000))
			p.Stall()
			return true
		}, "", 1, 1, state.Unreachable, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			acct := boxes()
			acct.SASL.Token, acct.SASL.Reason = goodToken, c.reason
			acct.Caps = "IMAP4rev1 " + c.caps
			answers := script.Answers{}
			if c.answer != nil {
				answers["AUTHENTICATE"] = c.answer
			}
			srv := script.Every(t, script.Healthy(acct, answers))
			var trace bytes.Buffer
			source := &tokens{all: c.tokens}
			a := account(t, options(srv), source.in, func(o *Options) { o.Trace = &trace })
			err := noop(t.Context(), a)
			switch {
			case (err == nil) != (c.kind == 0), err != nil && (state.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says)):
				t.Errorf("kind %v: %v", state.KindOf(err), err)
			case c.kind == state.Login && c.auths > 0 && !strings.Contains(state.HintOf(err), "mailsync login work"):
				t.Errorf("hint: %s", state.HintOf(err))
			}
			if n := sent(srv, "AUTHENTICATE *"); n != c.auths || srv.Accepted() != c.connections || sent(srv, "LOGIN *")+sent(srv, "AUTHENTICATE PLAIN*") > 0 {
				t.Errorf("%d log-ins, %d connections: %q", n, srv.Accepted(), srv.Commands())
			}
			wantNowhere(t, trace.String(), err, oldToken, goodToken)
		})
	}
}

// wantNowhere looks for secrets in a trace and in an error, as they are and in base64.
func wantNowhere(t *testing.T, trace string, err error, secrets ...string) {
	t.Helper()
	if err != nil {
		trace += "\n" + err.Error() + "\n" + state.HintOf(err)
	}
	for _, secret := range secrets {
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
			if piece := form[:min(len(form), 16)]; strings.Contains(trace, piece) {
				t.Errorf("%q is told:\n%s", piece, trace)
			}
		}
	}
}

// A token ends by itself: each connection asks for one.
func TestTokenIsAskedForAtEachConnection(t *testing.T) {
	acct := boxes()
	acct.SASL.Token, acct.Caps = goodToken, "IMAP4rev1 SASL-IR AUTH=XOAUTH2"
	srv := script.Every(t, script.Healthy(acct, nil))
	source := &tokens{all: []string{goodToken}}
	a := account(t, options(srv), source.in)
	for range 3 {
		if err := noop(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		a.retire()
	}
	if source.asked != 3 {
		t.Errorf("asked %d times", source.asked)
	}
}
