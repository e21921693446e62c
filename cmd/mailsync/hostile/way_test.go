//go:build unix

package hostile

import (
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// A server that announces SCRAM, and has no right verifier of this user, costs one refused log-in, and not one a
// run; and where a proof worked before, a wrong password is sent once.
func TestTheWayOfLoggingInIsRemembered(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{lines: []string{`connections = 1`}})
	serve := func(stale bool, password string) {
		l.acct.Lock()
		defer l.acct.Unlock()
		l.acct.SASL.Stale, l.acct.Password, l.acct.Caps = stale, password, "IMAP4rev1 SASL-IR UIDPLUS UNSELECT AUTH=PLAIN AUTH=SCRAM-SHA-256"
		l.serve(script.Healthy(l.acct, nil))
	}
	right := l.acct.Password
	for _, step := range []struct {
		name     string
		stale    bool
		password string
		code     int
		tried    string // SCRAM and PLAIN
	}{
		{"a first run", true, right, 0, "SP"},
		{"a second run", true, right, 0, "P"},
		{"a wrong password", true, "another", 4, "P"},
		{"a third run", true, right, 0, "P"},
	} {
		serve(step.stale, step.password)
		before := len(l.srv.Commands())
		if o := l.sync(); o.Code != step.code {
			t.Fatalf("%s: exit %d\n%s", step.name, o.Code, program.Tail(o.Stderr))
		}
		tried := ""
		for _, c := range l.srv.Commands()[before:] {
			if rest, ok := strings.CutPrefix(c, "AUTHENTICATE "); ok {
				tried += rest[:1]
			}
		}
		if tried != step.tried {
			t.Errorf("%s: tried %s, want %s", step.name, tried, step.tried)
		}
	}
}
