//go:build unix

package hostile

import (
	"strconv"
	"strings"
	"testing"

	"mailsync/backends/imap/script"
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
				if o.code != 1 || !strings.Contains(o.stderr, `the server does not list 1 of 12 messages (UID 5): server answered NO "cannot read the index"; what it lists is fetched, nothing counts as gone`) {
					t.Errorf("exit %d\n%s", o.code, tail(o.stderr))
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
			if o := l.sync(); o.code != 0 {
				t.Errorf("healed: exit %d\n%s", o.code, tail(o.stderr))
			}
			mail, _ = l.files()
			if len(mail) != 12 {
				t.Errorf("healed: %d files", len(mail))
			}
		})
	}
}
