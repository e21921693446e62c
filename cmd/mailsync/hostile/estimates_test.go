//go:build unix

package hostile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// sizing is a server that announces other sizes than its messages have, and counts the bodies it sends.
func (l *imapLife) sizing(size func(n int, run int64) int, run, sent *atomic.Int64) {
	l.serve(script.Healthy(l.acct, script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
		body := strings.Contains(cmd.Args, "BODY.PEEK[]")
		if !body && !strings.Contains(cmd.Args, "RFC822.SIZE") {
			return false
		}
		set, rest, _ := strings.Cut(cmd.Args, " ")
		set = strings.ReplaceAll(set, "*", "4294967295")
		since := 0
		if m := regexp.MustCompile(`CHANGEDSINCE (\d+)`).FindStringSubmatch(rest); m != nil {
			since, _ = strconv.Atoi(m[1])
		}
		l.acct.Lock()
		defer l.acct.Unlock()
		for i, m := range l.acct.Mailbox("INBOX").Messages {
			if !inSet(set, m.UID) || int(m.ModSeq) <= since {
				continue
			}
			line := fmt.Sprintf(`* %d FETCH (UID %d FLAGS () INTERNALDATE "%s" RFC822.SIZE %d MODSEQ (%d)`,
				i+1, m.UID, m.Date.Format("02-Jan-2006 15:04:05 -0700"), size(len(m.Body), run.Load()), m.ModSeq)
			if body {
				sent.Add(1)
				line += " BODY[] " + script.Literal(m.Body)
			}
			p.Send(line + ")")
		}
		p.Send("$tag OK done")
		return true
	}}))
}

// A server that is wrong about the size of every message sends each of them once, in as many runs as
// there are.
func TestEstimatedSizesFetchOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		size func(n int, run int64) int
	}{
		{"right", func(n int, _ int64) int { return n }},
		{"an end of line is one octet", func(n int, _ int64) int { return n - 20 }},
		{"one more", func(n int, _ int64) int { return n + 1 }},
		{"a little more", func(n int, _ int64) int { return n + n/20 }},
		{"twice as much", func(n int, _ int64) int { return 2 * n }},
		{"half as much", func(n int, _ int64) int { return n / 2 }},
		{"zero", func(int, int64) int { return 0 }},
		{"all alike", func(int, int64) int { return 1024 }},
		{"another in each run", func(n int, run int64) int { return n + 10 + int(run) }},
	} {
		for command, many := range map[string]int{"sync": 60, "backup": 400} {
			if many > 60 && c.name != "a little more" {
				continue
			}
			t.Run(c.name+"/"+command, func(t *testing.T) {
				t.Parallel()
				l := newIMAP(t, situation{prepare: inboxAlone})
				inbox := l.acct.Mailbox("INBOX")
				for n := 12; n < many; n++ {
					inbox.Append(letter(n))
				}
				var run, sent atomic.Int64
				l.sizing(c.size, &run, &sent)
				for i := range 3 {
					o := l.run(command)
					run.Add(1)
					if o.Code != 0 {
						t.Errorf("run %d: exit %d\n%s", i+1, o.Code, program.Tail(o.Stderr))
					}
				}
				l.run(command, "--full")
				run.Add(1)
				l.removeAll(".mailsync") // the state is lost
				for range 2 {
					if o := l.run(command); o.Code != 0 {
						t.Errorf("without the state: exit %d\n%s", o.Code, program.Tail(o.Stderr))
					}
					run.Add(1)
				}
				if n := sent.Load(); n > int64(many) {
					t.Errorf("%d bodies of %d messages were sent", n, many)
				}
			})
		}
	}
}

// A message whose announced size is more than the disk has room for is left out, and named. It keeps no
// other away.
func TestSizeBeyondTheDisk(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{prepare: func(acct *script.Account) { inboxAlone(acct); bareServer(acct) }})
	var run, sent atomic.Int64
	l.sizing(func(n int, _ int64) int {
		if n == len(letter(5)) {
			return 1 << 50
		}
		return n
	}, &run, &sent)
	for i := range 2 {
		o := l.sync()
		if o.Code != 8 && o.Code != 1 || o.account.Here != 11 || len(o.account.Errors) != 1 || o.account.Errors[0].UID != 6 {
			t.Errorf("run %d: exit %d, %+v\n%s", i+1, o.Code, o.account, program.Tail(o.Stderr))
		}
	}
	l.heal()
	l.recovered(l.onServer())
}
