//go:build unix

package hostile

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// A server that cannot list one message, and so refuses the listing, keeps none of the others away:
// they are fetched, and their flags travel; nothing counts as gone, and the run says what is wrong.
func TestListingWithAHole(t *testing.T) {
	for _, c := range []struct {
		name string
		caps string
		stop bool // it says nothing of those behind the hole
	}{{"by MODSEQ", "", false}, {"by MODSEQ, stops", "", true}, {"whole", bare, false}, {"whole, stops", bare, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{prepare: func(acct *script.Account) {
				inboxAlone(acct)
				if c.caps != "" {
					bareServer(acct)
				}
			}})
			l.sync()
			inbox := l.acct.Mailbox("INBOX")
			l.acct.Lock()
			inbox.Append(letter(60)) // UID 13
			inbox.SetFlags(inbox.Message(3), `\Flagged`)
			inbox.SetFlags(inbox.Message(5), `\Seen`)
			inbox.SetFlags(inbox.Message(12), `\Answered`)
			inbox.Expunge(2)
			l.acct.Unlock()
			// Message 5 is the hole, also where it is asked for by number: it is the fourth by now.
			hole := func(p *script.Peer, cmd script.Command) bool {
				set, items, _ := strings.Cut(cmd.Args, " ")
				if strings.Contains(items, "BODY") || items == "(UID)" {
					return false
				}
				number := uint32(5)
				if cmd.Verb == "FETCH" {
					number = 4
				}
				if !inSet(strings.ReplaceAll(set, "*", "99"), number) {
					return false
				}
				if !c.stop {
					return say("$tag NO cannot read the index")(p, cmd)
				}
				return say(`* 1 FETCH (UID 1 FLAGS () INTERNALDATE "02-Jan-2024 03:11:05 +0000" RFC822.SIZE `+strconv.Itoa(len(letter(0)))+")", "$tag NO cannot read the index")(p, cmd)
			}
			l.serve(script.Healthy(l.acct, script.Answers{"UID FETCH": hole, "FETCH": hole}))
			for range 2 {
				o := l.sync()
				if o.Code != 1 || !strings.Contains(o.Stderr, `the server does not list 1 of 12 messages (UID 5): server answered NO "cannot read the index"; what it lists is fetched, nothing counts as gone`) {
					t.Errorf("exit %d\n%s", o.Code, program.Tail(o.Stderr))
				}
			}
			mail, trashed := l.files()
			here := bodies(mail)
			if here[letter(60)] != 1 || len(mail) != 13 || len(trashed) != 0 {
				t.Errorf("%d files, %d in the trash, the new one %d times", len(mail), len(trashed), here[letter(60)])
			}
			for _, m := range mail {
				flags := m.path[strings.LastIndexByte(m.path, ',')+1:]
				if m.body == letter(2) && flags != "F" || m.body == letter(11) && flags != "R" {
					t.Errorf("%s has the flags %q", m.path, flags)
				}
			}
			l.heal()
			if o := l.sync(); o.Code != 0 {
				t.Errorf("healed: exit %d\n%s", o.Code, program.Tail(o.Stderr))
			}
			mail, _ = l.files()
			if len(mail) != 12 {
				t.Errorf("healed: %d files", len(mail))
			}
		})
	}
}

// Whatever code a server gives its refusal to list one message, it is that message's alone: neither the
// mailbox's nor the server's.
func TestHolesByOtherCodes(t *testing.T) {
	for _, code := range []string{"UNAVAILABLE", "INUSE", "SERVERBUG", "CORRUPTION", "EXPUNGEISSUED"} {
		for _, lines := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, with lines: %v", code, lines), func(t *testing.T) {
				t.Parallel()
				l := newIMAP(t, situation{prepare: bareServer})
				l.sync()
				wanted := l.change()
				hole := func(p *script.Peer, cmd script.Command) bool {
					set, items, _ := strings.Cut(cmd.Args, " ")
					if strings.Contains(items, "BODY") || !strings.Contains(items, "RFC822.SIZE") || !inSet(strings.ReplaceAll(set, "*", "99"), 7) {
						return false
					}
					l.acct.Lock()
					defer l.acct.Unlock()
					for i, m := range boxOf(l.acct, set).Messages {
						if lines && m.UID != 7 && cmd.Verb == "UID FETCH" {
							p.Sendf(`* %d FETCH (UID %d FLAGS (%s) INTERNALDATE "%s" RFC822.SIZE %d)`, i+1, m.UID,
								strings.Join(m.Flags, " "), m.Date.Format("02-Jan-2006 15:04:05 -0700"), len(m.Body))
						}
					}
					return say("$tag NO ["+code+"] not this one")(p, cmd)
				}
				l.serve(func(p *script.Peer) {
					selected := ""
					opens := func(_ *script.Peer, cmd script.Command) bool { selected = cmd.Args; return false }
					inInbox := func(p *script.Peer, cmd script.Command) bool {
						return strings.Contains(selected, "INBOX") && hole(p, cmd)
					}
					script.Healthy(l.acct, script.Answers{"EXAMINE": opens, "SELECT": opens, "UID FETCH": inInbox, "FETCH": inInbox})(p)
				})
				o := l.sync()
				if o.Code != 1 || o.account.Fetched != 3 || len(o.account.Errors) != 1 || o.account.Errors[0].Mailbox != "INBOX" || !strings.Contains(o.Stderr, "(UID 7)") {
					t.Errorf("exit %d, fetched %d\n%s", o.Code, o.account.Fetched, program.Tail(o.Stderr))
				}
				l.heal()
				l.recovered(wanted)
			})
		}
	}
}

// A listing that is refused because another client's expunge came in between is asked for again.
func TestListingThatAnExpungeEnds(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{prepare: bareServer})
	l.sync()
	wanted := l.change()
	var times atomic.Int64
	l.serve(func(p *script.Peer) {
		selected := ""
		opens := func(_ *script.Peer, cmd script.Command) bool { selected = cmd.Args; return false }
		script.Healthy(l.acct, script.Answers{"EXAMINE": opens, "UID FETCH": func(p *script.Peer, cmd script.Command) bool {
			if !strings.Contains(selected, "INBOX") || !strings.HasPrefix(cmd.Args, "1:* ") || times.Add(1) > 1 {
				return false
			}
			l.acct.Lock()
			defer l.acct.Unlock()
			delete(wanted, letter(11))
			l.acct.Mailbox("INBOX").Expunge(12)
			return say("* 12 EXPUNGE", "$tag NO [EXPUNGEISSUED] some are gone")(p, cmd)
		}})(p)
	})
	if o := l.sync(); o.Code != 0 || o.account.Fetched != 3 {
		t.Errorf("exit %d, fetched %d\n%s", o.Code, o.account.Fetched, program.Tail(o.Stderr))
	}
	l.heal()
	l.recovered(wanted)
}
