//go:build unix

package hostile

import (
	"fmt"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// What a server writes behind a body, in a line of its own or without its parenthesis, costs no
// message: bodies are asked for alone then.
func TestBehindBodies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		behind string // the body's literal, where flags were asked for too
		alone  string // and where they were not
	}{
		{"flags in the next line", "\r\n FLAGS (\\Seen))\r\n", ")\r\n"},
		{"flags in the next line, always", "\r\n FLAGS (\\Seen))\r\n", "\r\n FLAGS (\\Seen))\r\n"},
		{"parenthesis in the next line", "\r\n)\r\n", "\r\n)\r\n"},
		{"no parenthesis", "\r\n", "\r\n"},
		{"no parenthesis behind flags", " FLAGS (\\Seen)\r\n", "\r\n"},
		{"something else", " GARBAGE\r\n", ")\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{prepare: inboxAlone})
			l.serve(script.Healthy(l.acct, script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
				end := c.alone
				if strings.Contains(cmd.Args, "FLAGS") {
					end = c.behind
				}
				return onBodies(func(p *script.Peer, seq int, m *script.Message) bool {
					p.Raw([]byte(fmt.Sprintf("* %d FETCH (UID %d BODY[] %s%s", seq, m.UID, script.Literal(m.Body), end)))
					return true
				})(l.acct)["UID FETCH"](p, cmd)
			}}))
			o := l.sync()
			if o.Code != 0 || o.account.Fetched != 12 {
				t.Errorf("exit %d, fetched %d\n%s", o.Code, o.account.Fetched, program.Tail(o.Stderr))
			}
			if o = l.sync(); o.Code != 0 || o.account.Fetched != 0 {
				t.Errorf("once more: exit %d, fetched %d\n%s", o.Code, o.account.Fetched, program.Tail(o.Stderr))
			}
			l.everything(l.onServer())
		})
	}
}

// inboxAlone leaves INBOX with its 12 messages.
func inboxAlone(acct *script.Account) { acct.Mailboxes = acct.Mailboxes[:1] }
