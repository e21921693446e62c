//go:build unix

package hostile

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// at gives an answer to those of some commands that name the mailbox "Archive".
func at(a script.Answer, verbs ...string) script.Answers {
	answers := script.Answers{}
	for _, verb := range verbs {
		answers[verb] = func(p *script.Peer, cmd script.Command) bool {
			return strings.Contains(cmd.Args, `"Archive"`) && a(p, cmd)
		}
	}
	return answers
}

// connections is how many there were.
func (o outcome) connections() int {
	return strings.Count(o.trace, " LOGIN ") + strings.Count(o.trace, " AUTHENTICATE ")
}

// failedAt sees that a command failed at "Archive" and at nothing else.
func (l *imapLife) failedAt(o outcome, code, most int) {
	l.t.Helper()
	if o.Code != code || !strings.Contains(o.Stderr+o.Stdout, "Archive") || strings.Contains(o.Stderr, "mailsync: work: INBOX") {
		l.t.Errorf("exit %d\n%s\n%s", o.Code, program.Tail(o.Stdout), said(o.Stderr))
	}
	if n := o.connections(); n > most {
		l.t.Errorf("it took %d connections", n)
	}
}

// A mailbox at which the server ends the connection, falls silent or says what nobody can read is that
// mailbox's failure, in each run and with each command: everything else is done.
func TestOneMailboxBreaksTheConnection(t *testing.T) {
	garbage := func(p *script.Peer, _ script.Command) bool { p.Raw([]byte("\x00\xff{\r\n")); return true }
	all := []string{"EXAMINE", "SELECT", "STATUS"}
	type ending struct {
		name   string
		answer script.Answer
	}
	for _, end := range []ending{{"closes", hangUp}, {"resets", reset}, {"says garbage", garbage}, {"falls silent", stall}} {
		for caps, verbs := range map[string][]string{"": all, bare: all, bare + " CONDSTORE": {"STATUS"}} {
			t.Run(fmt.Sprintf("%s at %s with %.20q", end.name, strings.Join(verbs, ","), caps), func(t *testing.T) {
				t.Parallel()
				l := newIMAP(t, situation{prepare: func(acct *script.Account) { acct.Caps = caps }})
				if o := l.sync(); o.Code != 0 {
					t.Fatalf("exit %d", o.Code)
				}
				wanted := l.change()
				l.acct.Lock()
				l.acct.Mailbox("Archive").Append(letter(70))
				l.acct.Unlock()
				wanted[letter(70)] = 1
				l.serve(script.Healthy(l.acct, at(end.answer, verbs...)))
				code, most := 1, 2+2      // two of those that break, and two to work with
				if end.name == "resets" { // which may lose the answer before, so that the connection seems to break there
					most++
				}
				if len(verbs) == 1 { // EXAMINE tells what STATUS does not
					code = 0
				}
				for range 2 {
					o := l.sync()
					if o.Took > 2*timeout+slack {
						t.Errorf("it took %v", o.Took)
					}
					if code == 0 {
						if o.Code != 0 || o.connections() > most {
							t.Errorf("exit %d over %d connections: %s", o.Code, o.connections(), said(o.Stderr))
						}
						continue
					}
					l.failedAt(o, 1, most)
					if len(o.account.Errors) != 1 || o.account.Errors[0].Mailbox != "Archive" || o.account.Errors[0].Hint == "" {
						t.Errorf("it reports %+v", o.account.Errors)
					}
				}
				mail, _ := l.files()
				here, there := bodies(mail), l.onServer()
				for body := range wanted {
					if body == letter(70) && code == 1 {
						continue
					}
					if here[body] != 1 || there[body] != 1 && body != letter(30) {
						t.Errorf("%d here, %d there: %s", here[body], there[body], short(body))
					}
				}
				if code == 0 {
					l.heal()
					l.recovered(wanted)
					return
				}
				l.failedAt(l.run("backup"), 1, most)
				l.failedAt(l.run("verify", "--server"), 1, most)
				l.failedAt(l.run("archive", "--older-than", "1d", "--apply"), 1, most)
				if caps != "" { // the server has to be asked for the mailbox alone
					l.failedAt(l.run("list"), 1, most)
					l.failedAt(l.run("check"), 1, most+1)
				} else if o := l.run("list"); o.Code != 0 || o.connections() > 1 {
					t.Errorf("list: exit %d\n%s", o.Code, o.Stderr)
				}
				l.heal()
				l.run("archive", "--undo")
				if o := l.sync(); o.Code != 0 {
					t.Errorf("exit %d\n%s", o.Code, said(o.Stderr))
				}
				l.recovered(wanted)
			})
		}
	}
}

// Where each mailbox breaks the connection, it is the server that cannot be reached.
func TestEveryMailboxBreaksTheConnection(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{lines: []string{"connections = 1"}})
	for _, answer := range []script.Answer{hangUp, stall} {
		l.serve(script.Healthy(l.acct, script.Answers{"EXAMINE": answer}))
		o := l.sync()
		if o.Code != 5 || o.account.Status != "failed" || o.connections() > 5 || o.Took > 3*timeout+slack {
			t.Errorf("exit %d after %d connections and %v: %s", o.Code, o.connections(), o.Took, said(o.Stderr))
		}
	}
}

// A LIST with STATUS that dies of one mailbox is asked for without, and the mailbox alone.
func TestListingBreaksAtOneMailbox(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{})
	if o := l.sync(); o.Code != 0 {
		t.Fatalf("exit %d", o.Code)
	}
	wanted := l.change()
	answers := at(hangUp, "EXAMINE", "SELECT", "STATUS")
	answers["LIST"] = func(p *script.Peer, cmd script.Command) bool {
		if !strings.Contains(cmd.Args, "STATUS") {
			return false
		}
		p.Send(`* LIST () "/" INBOX`)
		p.Send(`* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)`)
		p.Send(`* LIST () "/" Archive`)
		return hangUp(p, cmd)
	}
	l.serve(script.Healthy(l.acct, answers))
	for _, command := range []string{"sync", "backup", "list", "check", "verify --server"} {
		l.failedAt(l.run(strings.Fields(command)...), 1, 4)
	}
	l.heal()
	l.recovered(wanted)
}

// Mail is put back into the mailboxes that can be had, at home and elsewhere; an undo likewise.
func TestRestoreBesideAMailboxThatBreaksTheConnection(t *testing.T) {
	for _, verbs := range [][]string{{"EXAMINE", "SELECT"}, {"CREATE"}, {"STATUS"}} {
		for _, home := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v at home %v", verbs, home), func(t *testing.T) {
				t.Parallel()
				l := newIMAP(t, situation{})
				before := l.onServer()
				if o := l.sync(); o.Code != 0 {
					t.Fatalf("exit %d", o.Code)
				}
				args := []string{"restore", "work"}
				if !home {
					other := filepath.Join(l.dir, "xdg-state", "other")
					l.must(os.CopyFS(other, os.DirFS(l.root)))
					args = append(args, "--from", other)
				}
				l.acct.Lock()
				for _, m := range l.acct.Mailboxes {
					m.Messages = nil
				}
				if verbs[0] == "CREATE" {
					l.acct.Mailboxes = l.acct.Mailboxes[:1]
				}
				l.acct.Unlock()
				l.serve(script.Healthy(l.acct, at(hangUp, verbs...)))
				code := 1
				if verbs[0] == "STATUS" {
					code = 0
				}
				o := l.run(args...)
				if o.Code != code || code == 1 && !strings.Contains(o.Stderr, "Archive: ") || o.connections() > 4 {
					t.Errorf("exit %d over %d connections\n%s%s", o.Code, o.connections(), o.Stdout, said(o.Stderr))
				}
				for n := 20; n < 24 && code == 1; n++ {
					delete(before, letter(n))
				}
				if now := l.onServer(); !maps.Equal(now, before) {
					t.Errorf("%d messages are back, of %d", len(now), len(before))
				}
			})
		}
	}
}

// What is here of a mailbox is verified whether or not the server lets it be looked at.
func TestVerifyOfAMailboxThatBreaksTheConnection(t *testing.T) {
	for name, answer := range map[string]script.Answer{"closes": hangUp, "NO": say("$tag NO corrupt index")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{})
			if o := l.sync(); o.Code != 0 {
				t.Fatalf("exit %d", o.Code)
			}
			l.serve(script.Healthy(l.acct, at(answer, "EXAMINE")))
			if o := l.run("verify", "--server"); o.Code != 1 || !strings.Contains(o.Stdout, "18 files read") || strings.Contains(o.Stdout, "intact") {
				t.Errorf("exit %d\n%s%s", o.Code, o.Stdout, said(o.Stderr))
			}
			mail, _ := l.files()
			for _, m := range mail {
				if m.body == letter(20) {
					l.must(os.Remove(filepath.Join(l.root, m.path)))
				}
			}
			if o := l.run("verify", "--server"); o.Code != 1 || !strings.Contains(o.Stdout+o.Stderr, "Archive: uid 1: ") {
				t.Errorf("exit %d\n%s%s", o.Code, o.Stdout, said(o.Stderr))
			}
		})
	}
}

// What an archive run took comes back where it can; the rest at the next undo.
func TestUndoBesideAMailboxThatBreaksTheConnection(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{prepare: func(acct *script.Account) {
		for _, m := range acct.Mailbox("INBOX").Messages[:5] {
			acct.Mailbox("INBOX").SetFlags(m, `\Seen`)
		}
	}})
	before := l.onServer()
	for _, args := range [][]string{{"sync"}, {"archive", "--older-than", "1d", "--apply"}} {
		if o := l.run(args...); o.Code != 0 {
			t.Fatalf("%v: exit %d\n%s", args, o.Code, said(o.Stderr))
		}
	}
	gone := l.onServer()
	l.serve(script.Healthy(l.acct, at(hangUp, "EXAMINE", "SELECT")))
	l.failedAt(l.run("archive", "--undo"), 1, 4)
	if now := l.onServer(); len(now) <= len(gone) || len(now) >= len(before) {
		t.Errorf("%d messages are back, of %d; %d had stayed", len(now), len(before), len(gone))
	}
	l.heal()
	if o := l.run("archive", "--undo"); o.Code != 0 {
		t.Errorf("exit %d\n%s", o.Code, said(o.Stderr))
	}
	if now := l.onServer(); !maps.Equal(now, before) {
		t.Errorf("%d messages are back, of %d", len(now), len(before))
	}
}

// A server under another name is known by the mailboxes that can be looked at.
func TestAnotherHostBesideAMailboxThatBreaksTheConnection(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{})
	if o := l.sync(); o.Code != 0 {
		t.Fatalf("exit %d", o.Code)
	}
	wanted := l.change()
	l.configure(append([]string{`host = "127.0.0.1"`, fmt.Sprintf("port = %d", l.srv.Port())}, mirror...)...)
	l.serve(script.Healthy(l.acct, script.Answers{"EXAMINE": hangUp}))
	if o := l.sync(); o.Code != 5 || o.account.Fetched != 0 {
		t.Errorf("nothing can be looked at: exit %d, %+v", o.Code, o.account)
	}
	l.serve(script.Healthy(l.acct, at(hangUp, "EXAMINE")))
	o := l.sync()
	l.failedAt(o, 1, 5)
	if o.account.Fetched != 3 {
		t.Errorf("fetched %d", o.account.Fetched)
	}
	l.heal()
	l.recovered(wanted)
}

// A namespace's own root that is listed like a mailbox, and is none, is no failure. It is one where mail was in it.
func TestRootOfANamespace(t *testing.T) {
	for _, caps := range []string{"", bare} {
		t.Run(caps, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{prepare: func(acct *script.Account) {
				acct.Caps = caps
				acct.Add("Old")
			}})
			serve := func(root bool) {
				answers := script.Answers{}
				for _, verb := range []string{"EXAMINE", "SELECT", "STATUS"} {
					answers[verb] = func(p *script.Peer, cmd script.Command) bool {
						return strings.Contains(cmd.Args, `"Old"`) && say("$tag NO that is no mailbox")(p, cmd)
					}
				}
				if root {
					answers["NAMESPACE"] = say(`* NAMESPACE (("" "/")("Old/" "/")) NIL NIL`, "$tag OK done")
				}
				l.serve(script.Healthy(l.acct, answers))
			}
			serve(false)
			if o := l.sync(); o.Code != 1 || !strings.Contains(o.Stderr, "Old: ") {
				t.Errorf("a mailbox that cannot be opened: exit %d\n%s", o.Code, said(o.Stderr))
			}
			serve(true)
			for _, command := range []string{"sync", "sync", "backup", "verify --server", "list", "check", "sync --mailbox Archive"} {
				if o := l.run(strings.Fields(command)...); o.Code != 0 || strings.Contains(o.Stderr, "Old") {
					t.Errorf("%s: exit %d\n%s%s", command, o.Code, o.Stdout, said(o.Stderr))
				}
			}
			l.heal()
			l.acct.Lock()
			l.acct.Mailbox("Old").Append(letter(90))
			l.acct.Unlock()
			if o := l.sync(); o.Code != 0 || o.account.Here != 19 {
				t.Errorf("exit %d: %+v\n%s", o.Code, o.account, said(o.Stderr))
			}
			l.acct.Lock()
			l.acct.Mailbox("Old").Messages = nil // what STATUS says, where it is asked with LIST
			l.acct.Unlock()
			serve(true)
			if o := l.sync(); o.Code != 1 || !strings.Contains(o.Stderr, "Old: ") {
				t.Errorf("with mail in it: exit %d\n%s", o.Code, said(o.Stderr))
			}
			if mail, _ := l.files(); bodies(mail)[letter(90)] != 1 {
				t.Error("the mail in it is gone")
			}
		})
	}
}
