//go:build unix

package hostile

import (
	"fmt"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// spelledList makes a server list its mailboxes with names as it spells them, without quotes
// and with a backslash between the levels; behind tells what stands after a name.
func spelledList(acct *script.Account, behind func(name string) string) script.Answers {
	return script.Answers{"LIST": func(p *script.Peer, cmd script.Command) bool {
		if strings.HasSuffix(cmd.Args, `"" ""`) {
			return false
		}
		acct.Lock()
		defer acct.Unlock()
		for _, m := range acct.Mailboxes {
			p.Send(`* LIST (\HasNoChildren) "\\" ` + m.Name + behind(m.Name))
		}
		p.Send("$tag OK done")
		return true
	}}
}

// A server that puts no quotes around names with blanks in them: what stands behind the first
// word is no end of a name. Each mailbox that can be read is fetched, no two become one, and the
// proof says that there are others.
func TestNamesWithoutQuotes(t *testing.T) {
	l := newIMAP(t, situation{})
	l.acct.Lock()
	l.acct.Mailboxes = nil
	l.acct.Add("INBOX", letter(0), letter(1))
	l.acct.Add(`Folder\Subfolder`, letter(2), letter(3))
	l.acct.Add(`Folder\Subfolder 1`, letter(4), letter(5))
	l.acct.Add(`Folder\Subfolder 2`, letter(6), letter(7))
	l.acct.Unlock()
	nothing := func(string) string { return "" }
	l.serve(script.Healthy(l.acct, spelledList(l.acct, nothing)))
	const proof = "on the server 4 messages in 2 mailboxes: 4 here; 2 mailboxes more could not be read"
	for run := range 2 {
		o := l.run("backup")
		if o.Code != 1 || !strings.Contains(o.Stdout, "partial") || !strings.Contains(o.Stdout, proof) {
			t.Errorf("run %d: exit %d\n%s%s", run, o.Code, o.Stdout, program.Tail(o.Stderr))
		}
		if !strings.Contains(o.Stderr, `Subfolder 1`) || !strings.Contains(o.Stderr, `Subfolder 2`) {
			t.Errorf("run %d: not named:\n%s", run, program.Tail(o.Stderr))
		}
	}
	l.holds(0, 1, 2, 3)
	o := l.run("backup", "--json")
	if o.Code != 1 || !strings.Contains(o.Stdout, `"messages":4,"here":4,`) || !strings.Contains(o.Stdout, `"unreadable_mailboxes":2,`) ||
		!strings.Contains(o.Stdout, `"status":"partial"`) {
		t.Errorf("exit %d\n%s", o.Code, o.Stdout)
	}
	if o := l.run("verify", "--server"); o.Code == 0 {
		t.Errorf("verified:\n%s", o.Stdout)
	}
	if o := l.run("list"); o.Code != 1 {
		t.Errorf("list: exit %d\n%s", o.Code, o.Stdout)
	}
	l.sync()
	l.holds(0, 1, 2, 3)

	// With quotes, all of them are there.
	l.serve(script.Healthy(l.acct, nil))
	if o := l.run("backup"); o.Code != 0 || !strings.Contains(o.Stdout, "on the server 8 messages in 4 mailboxes: 8 here") || strings.Contains(o.Stdout, "more") {
		t.Errorf("exit %d\n%s%s", o.Code, o.Stdout, program.Tail(o.Stderr))
	}
	l.holds(0, 1, 2, 3, 4, 5, 6, 7)

	// A list that is read in part proves no absence: nothing is missed, and nothing deleted.
	l.serve(script.Healthy(l.acct, spelledList(l.acct, nothing)))
	if o := l.sync(); o.Code != 1 {
		t.Errorf("exit %d", o.Code)
	}
	if o := l.run("verify", "--server"); strings.Contains(o.Stdout+o.Stderr, "no such mailbox any more") {
		t.Errorf("missed:\n%s%s", o.Stdout, o.Stderr)
	}
	l.holds(0, 1, 2, 3, 4, 5, 6, 7)
}

// holds says which letters are on disk, once each, and nothing else.
func (l *imapLife) holds(numbers ...int) {
	l.t.Helper()
	mail, trashed := l.files()
	have := bodies(mail)
	for _, n := range numbers {
		if have[letter(n)] != 1 {
			l.t.Errorf("%d times here: number %d", have[letter(n)], n)
		}
		delete(have, letter(n))
	}
	if len(have) > 0 || len(trashed) > 0 {
		l.t.Errorf("%d others are here, %d in the trash", len(have), len(trashed))
	}
}

// What a server may well send behind a name changes nothing.
func TestExtendedDataBehindNames(t *testing.T) {
	for _, behind := range []string{` ("CHILDINFO" ("SUBSCRIBED"))`, ` ("OLDNAME" ("Old name"))`, "  ", "\t"} {
		t.Run(fmt.Sprintf("%q", behind), func(t *testing.T) {
			l := newIMAP(t, situation{})
			l.serve(script.Healthy(l.acct, spelledList(l.acct, func(string) string { return behind })))
			if o := l.run("backup"); o.Code != 0 || !strings.Contains(o.Stdout, "on the server 18 messages in 3 mailboxes: 18 here") {
				t.Errorf("exit %d\n%s%s", o.Code, o.Stdout, program.Tail(o.Stderr))
			}
		})
	}
}

// A UIDVALIDITY that goes on is none: its mailbox is a failure, and left as it is.
func TestNumberThatGoesOn(t *testing.T) {
	for _, code := range []string{"UIDVALIDITY 1000x", "UIDVALIDITY 1000 1", "UIDVALIDITY (x) 1000"} {
		t.Run(code, func(t *testing.T) {
			l := newIMAP(t, situation{})
			l.sync()
			l.acct.Lock()
			l.acct.Mailbox("INBOX").Append(letter(40))
			l.acct.Unlock()
			say := func(p *script.Peer, cmd script.Command) bool {
				if !strings.Contains(cmd.Args, "INBOX") {
					return false
				}
				for _, line := range []string{`* FLAGS (\Seen)`, "* 13 EXISTS", "* OK [" + code + "] x", "* OK [UIDNEXT 14] x", "$tag OK [READ-ONLY] done"} {
					p.Send(line)
				}
				return true
			}
			l.serve(script.Healthy(l.acct, script.Answers{"EXAMINE": say, "SELECT": say}))
			before, _ := l.files()
			if o := l.sync(); o.Code != 1 || o.account.Status != "partial" {
				t.Errorf("exit %d\n%s", o.Code, program.Tail(o.Stderr))
			}
			if now, _ := l.files(); len(now) != len(before) {
				t.Errorf("%d files, and there were %d", len(now), len(before))
			}
			l.heal()
			if o := l.sync(); o.Code != 0 {
				t.Errorf("exit %d\n%s", o.Code, program.Tail(o.Stderr))
			}
		})
	}
}
