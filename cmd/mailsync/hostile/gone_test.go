//go:build unix

package hostile

import (
	"fmt"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// An expunge that is done is done, where SEARCH says nothing of what is not there.
func TestGoneWhereSearchIsSilent(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"$tag OK done", "$tag NO nothing matches", "$tag BAD no messages"} {
		for _, all := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, all of them: %v", strings.TrimPrefix(line, "$tag "), all), func(t *testing.T) {
				t.Parallel()
				l := newIMAP(t, situation{prepare: inboxAlone, lines: []string{"max_delete = 5"}})
				l.acct.Mailbox("INBOX").Messages = l.acct.Mailbox("INBOX").Messages[:3]
				l.sync()
				mail, _ := l.files()
				for _, m := range mail {
					if all || m.body == letter(1) {
						l.removeAll(m.path)
					}
				}
				l.serve(script.Healthy(l.acct, script.Answers{"UID SEARCH": say(line)}))
				o := l.sync()
				want := map[bool]int{false: 1, true: 3}[all]
				if o.Code != 0 {
					t.Errorf("exit %d\n%s", o.Code, program.Tail(o.Stderr))
				}
				if left := len(l.acct.Mailbox("INBOX").Messages); left != 3-want {
					t.Errorf("%d messages are left", left)
				}
			})
		}
	}
}

// An expunge that was refused, and is done, is done.
func TestExpungeThatIsRefusedAndDone(t *testing.T) {
	for _, silent := range []bool{false, true} {
		for _, all := range []bool{true, false} {
			t.Run(fmt.Sprintf("search is silent: %v, all of them: %v", silent, all), func(t *testing.T) {
				t.Parallel()
				l := newIMAP(t, situation{prepare: inboxAlone})
				l.sync()
				inbox := l.acct.Mailbox("INBOX")
				mail, _ := l.files()
				for _, m := range mail {
					if m.body == letter(1) || m.body == letter(2) {
						l.removeAll(m.path)
					}
				}
				var done []uint32
				answers := script.Answers{"UID EXPUNGE": func(p *script.Peer, cmd script.Command) bool {
					l.acct.Lock()
					defer l.acct.Unlock()
					done = append(done, 2)
					p.Send("* 2 EXPUNGE")
					if all {
						done = append(done, 3)
						p.Send("* 2 EXPUNGE")
					}
					for _, uid := range done {
						inbox.Expunge(uid)
					}
					return say("$tag NO cannot write the index")(p, cmd)
				}, "UID SEARCH": func(p *script.Peer, cmd script.Command) bool {
					return !silent && !all && say("* SEARCH 3", "$tag OK done")(p, cmd) || !silent && all && say("* SEARCH", "$tag OK done")(p, cmd) || silent && say("$tag OK done")(p, cmd)
				}}
				l.serve(script.Healthy(l.acct, answers))
				o := l.sync()
				code, left := 0, 10
				if !all {
					code, left = 1, 11
				}
				if o.Code != code || code == 1 && !strings.Contains(o.Stderr, "cannot write the index") || len(inbox.Messages) != left {
					t.Errorf("exit %d, %d messages are left\n%s", o.Code, len(inbox.Messages), said(o.Stderr))
				}
				l.heal()
				if o := l.sync(); o.Code != 0 || len(inbox.Messages) != 10 {
					t.Errorf("healed: exit %d, %d messages are left\n%s", o.Code, len(inbox.Messages), said(o.Stderr))
				}
			})
		}
	}
}
