package pop3

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/state"
)

// tokens are a source of them: the first that was not reported as refused.
type tokens struct {
	all     []string
	refused []string
}

func (s *tokens) in(o *Options) {
	o.LoginHint = `run "mailsync login work"`
	o.Secret = func(context.Context) (reach.Secret, error) {
		for _, t := range s.all {
			if !slices.Contains(s.refused, t) {
				return reach.Secret{Password: t, Token: true}, nil
			}
		}
		return reach.Secret{Password: s.all[len(s.all)-1], Token: true}, nil
	}
	o.Refused = func(t reach.Secret) { s.refused = append(s.refused, t.Password) }
}

// A token that is refused is renewed once; never is it sent as a password.
func TestTokenRefused(t *testing.T) {
	old, good := strings.Repeat("old.", 30), strings.Repeat("good", 30)
	for _, c := range []struct {
		name, caps  string
		tokens      []string
		answer      script.Answer
		connections int
		auths       int
		kind        state.Kind // 0: it works
		says        string
	}{
		{"renewed", "SASL XOAUTH2 PLAIN", []string{old, good}, nil, 1, 2, 0, ""},
		{"OAUTHBEARER first", "SASL XOAUTH2 OAUTHBEARER PLAIN", []string{good}, nil, 1, 1, 0, ""},
		{"renewed, and the server hung up", "SASL XOAUTH2 PLAIN", []string{old, good}, hangUp(), 2, 2, 0, ""},
		{"renewed, and refused again", "SASL XOAUTH2 PLAIN", []string{old, old + "2", good}, nil, 1, 2, state.Login, `status "invalid_token"`},
		{"there is no other", "SASL XOAUTH2 PLAIN", []string{old}, nil, 1, 1, state.Login, "invalid_token"},
		{"no mechanism for tokens", "SASL PLAIN", []string{good}, nil, 1, 0, state.Login, "takes no token"},
		{"one that is only announced", "SASL OAUTHBEARER XOAUTH2", []string{good}, unless("XOAUTH2", "-ERR unknown mechanism"), 1, 2, 0, ""},
		{"busy", "SASL XOAUTH2", []string{good}, script.Say("-ERR [SYS/TEMP] later"), 1, 1, state.Unreachable, "later"},
		{"busy by its words", "SASL XOAUTH2", []string{good}, script.Say("-ERR temporary authentication failure"), 1, 1, state.Unreachable, "temporary"},
		{"counted", "SASL XOAUTH2", []string{good}, script.Say("-ERR too many failed logins, try again later"), 1, 1, state.Unreachable, "too many"},
	} {
		t.Run(c.name, func(t *testing.T) {
			box := script.NewBox()
			box.SASL.Token = good
			box.Caps = []string{"USER", "UIDL", c.caps}
			answers := script.Answers{}
			if c.answer != nil {
				answers["AUTH"] = c.answer
			}
			srv := script.New(t, script.Healthy(box, answers))
			var trace bytes.Buffer
			source := &tokens{all: c.tokens}
			a := meet(t, srv, source.in, func(o *Options) { o.Trace = &trace })
			err := logIn(a, t.Context())
			switch {
			case (err == nil) != (c.kind == 0), err != nil && (state.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says)):
				t.Errorf("kind %v: %v", state.KindOf(err), err)
			case c.kind == state.Login && c.auths > 0 && !strings.Contains(state.HintOf(err), "mailsync login work"):
				t.Errorf("hint: %s", state.HintOf(err))
			}
			if n := count(srv.Commands(), "AUTH"); n != c.auths || srv.Accepted() != c.connections {
				t.Errorf("%d log-ins, %d connections: %q", n, srv.Accepted(), srv.Commands())
			}
			for _, command := range srv.Commands() {
				if strings.HasPrefix(command, "PASS") || strings.HasPrefix(command, "USER") || strings.HasPrefix(command, "AUTH PLAIN") {
					t.Errorf("it sent %s", command)
				}
			}
			for _, word := range []string{old[:12], good[:12]} {
				if strings.Contains(trace.String(), word) || err != nil && strings.Contains(err.Error(), word) {
					t.Errorf("a token is told: %v\n%s", err, &trace)
				}
			}
		})
	}
}

// hangUp refuses the first log-in, and ends the connection.
func hangUp() script.Answer {
	again := false
	return func(p *script.Peer, _ string) bool {
		if again {
			return false
		}
		again = true
		p.Send("-ERR [AUTH] expired")
		p.Close()
		return true
	}
}

// unless refuses all mechanisms but one.
func unless(mechanism, line string) script.Answer {
	return func(p *script.Peer, args string) bool {
		if strings.HasPrefix(args, mechanism) {
			return false
		}
		if !strings.Contains(args, " ") {
			p.Send("+ ")
			p.Line()
		}
		p.Send(line)
		return true
	}
}
