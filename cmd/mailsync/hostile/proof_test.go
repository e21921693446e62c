//go:build unix

package hostile

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// A backup proves only what this run's server counted, whatever earlier runs fetched.
func TestProofIsOfThisRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// before the second run; nil: as it was
		change func(l *imapLife)
		flags  []string
		codes  []int
		proof  proof
		// in the line for people
		line string
	}{
		{"nothing changed", func(*imapLife) {}, nil, []int{0},
			proof{Mailboxes: 3, Messages: 18, Here: 18}, "on the server 18 messages in 3 mailboxes: 18 here ("},
		{"another account, whose server is empty", func(l *imapLife) { l.other() }, nil, []int{8},
			proof{Mailboxes: 3}, "on the server 0 messages in 3 mailboxes: 0 here; "},
		{"another account, with mail of its own", func(l *imapLife) {
			l.other()
			for n := range 7 {
				l.acct.Mailbox("INBOX").Append(letter(60 + n))
			}
		}, nil, []int{8},
			proof{Mailboxes: 3, Messages: 7, NotLookedAt: 7}, "on the server 7 messages in 3 mailboxes: 0 here, 7 not checked; "},
		{"a mailbox cannot be opened", func(l *imapLife) {
			l.acct.Mailbox("INBOX").Append(letter(60))
			l.serve(script.Healthy(l.acct, openingWith(say("$tag NO not now"))(l.acct)))
		}, nil, []int{1},
			proof{Mailboxes: 3, Messages: 19, Here: 6, NotLookedAt: 13}, "on the server 19 messages in 3 mailboxes: 6 here, 13 not checked; "},
		{"a mailbox cannot be opened, and no STATUS counts it", func(l *imapLife) {
			l.acct.Caps = bare
			l.acct.Mailbox("INBOX").Append(letter(60))
			replaced := openingWith(say("$tag NO not now"))(l.acct)
			replaced["STATUS"] = func(p *script.Peer, cmd script.Command) bool {
				return strings.Contains(cmd.Args, "INBOX") && say("$tag NO not now")(p, cmd)
			}
			l.serve(script.Healthy(l.acct, replaced))
		}, nil, []int{1},
			proof{Mailboxes: 3, Messages: 6, Here: 6, Uncounted: 1}, "on the server 6 messages in 3 mailboxes (1 of them not counted): 6 here; "},
		{"a mailbox is listed no more", func(l *imapLife) {
			l.acct.Mailboxes = slices.DeleteFunc(l.acct.Mailboxes, func(m *script.Mailbox) bool { return m.Name == "Archive" })
		}, nil, []int{0},
			proof{Mailboxes: 2, Messages: 14, Here: 14}, "on the server 14 messages in 2 mailboxes: 14 here ("},
		{"the listing fails", func(l *imapLife) {
			l.serve(script.Healthy(l.acct, for1("LIST", say("$tag NO not now"))(l.acct)))
		}, nil, []int{1}, proof{}, ""},
		{"the log-in fails", func(l *imapLife) { l.acct.Password = "another" }, nil, []int{4}, proof{}, ""},
		{"nobody answers", func(l *imapLife) { l.serve(func(p *script.Peer) { p.Close() }) }, nil, []int{5}, proof{}, ""},
		{"a part of it", func(*imapLife) {}, []string{"--mailbox", "INBOX"}, []int{0},
			proof{Mailboxes: 3, Messages: 18, Here: 12, Excluded: 6, ExcludedMailboxes: 2}, "18 messages in 3 mailboxes: 12 here, 6 in 2 mailboxes not selected ("},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{})
			if o := l.run("backup"); o.Code != 0 {
				t.Fatalf("the first run: %d %s", o.Code, o.Stderr)
			}
			l.acct.Lock()
			c.change(l)
			l.acct.Unlock()
			o := l.run(append([]string{"backup"}, c.flags...)...)
			if !slices.Contains(c.codes, o.Code) {
				t.Errorf("exit %d, want %v\n%s", o.Code, c.codes, o.Stderr)
			}
			if has := strings.Contains(o.Stdout, "on the server"); has != (c.line != "") || !strings.Contains(o.Stdout, c.line) {
				t.Errorf("it says %s\nwant %q", o.Stdout, c.line)
			}
			proved, acct := l.proved(append([]string{"backup", "--json"}, c.flags...)...)
			if proved != c.proof {
				t.Errorf("the proof is %+v\nwant %+v", proved, c.proof)
			}
			on := c.proof.Messages - c.proof.Excluded
			if acct.OnServer != on || acct.Here != c.proof.Here {
				t.Errorf("on_server %d, here %d, want %d and %d", acct.OnServer, acct.Here, on, c.proof.Here)
			}
			if nothing := o.Code != 0 && c.proof.Here == 0; nothing && acct.Status != "failed" {
				t.Errorf("status %s", acct.Status)
			}
		})
	}
}

// A listing that ends early tells of the rest only how many there are.
func TestProofOfPartOfAListing(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{prepare: bareServer})
	l.run("backup")
	l.acct.Lock()
	l.acct.Mailbox("INBOX").Append(letter(60))
	l.acct.Unlock()
	partly := func(p *script.Peer, cmd script.Command) bool {
		if strings.Contains(cmd.Args, "BODY") {
			return false
		}
		m := l.acct.Mailbox("INBOX").Messages[2]
		p.Send("* 3 FETCH (UID 3 FLAGS () INTERNALDATE \"" + m.Date.Format("02-Jan-2006 15:04:05 -0700") + "\" RFC822.SIZE " + itoa(len(m.Body)) + ")")
		p.Send("$tag NO there is more, and not now")
		return true
	}
	l.serve(script.Healthy(l.acct, script.Answers{"UID FETCH": partly, "FETCH": partly}))
	proved, _ := l.proved("backup", "--json", "--mailbox", "INBOX")
	// The NO fails the mailbox; whatever it listed before, nothing of it counts as looked at.
	if proved.Messages-proved.Excluded != 13 || proved.Here+proved.NotLookedAt+proved.Outstanding != 13 || proved.Here > 1 {
		t.Errorf("the proof is %+v", proved)
	}
}

// A first run that does not come to a mailbox says that all of it is outstanding.
func TestProofOfAFirstRun(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{})
	l.serve(script.Healthy(l.acct, openingWith(say("$tag NO not now"))(l.acct)))
	proved, acct := l.proved("backup", "--json")
	if want := (proof{Mailboxes: 3, Messages: 18, Here: 6, Outstanding: 12}); proved != want || acct.Status != "partial" {
		t.Errorf("the proof is %+v, status %s", proved, acct.Status)
	}
}

// The line of sync and the figures of list, too, say nothing of what it did not look at.
func TestSyncLineIsOfThisRun(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{})
	l.run("sync")
	l.acct.Lock()
	l.other()
	l.acct.Unlock()
	if o := l.run("sync"); o.Code != 8 || !strings.Contains(o.Stdout, "failed, nothing done; none of 3 mailboxes on the server checked;") {
		t.Errorf("exit %d: %s", o.Code, o.Stdout)
	}
	if _, acct := l.proved("list", "--json"); acct.OnServer != 0 || acct.Here != 0 {
		t.Errorf("list: on_server %d, here %d", acct.OnServer, acct.Here)
	}
}

// other makes the server that of another account: a user of that name, other numbers, no mail.
// The configuration names that user.
func (l *imapLife) other() {
	l.acct.User = "grace"
	for i, m := range l.acct.Mailboxes {
		m.UIDValidity, m.UIDNext, m.Messages = uint32(2000+i), 1, nil
	}
	l.configure(append(slices.Clone(mirror), `user = "grace"`, "port = "+itoa(l.srv.Port()))...)
}

// proof is the object of that name.
type proof struct {
	Mailboxes         int `json:"mailboxes"`
	Messages          int `json:"messages"`
	Here              int `json:"here"`
	Outstanding       int `json:"outstanding"`
	NotLookedAt       int `json:"not_looked_at"`
	Excluded          int `json:"excluded"`
	ExcludedMailboxes int `json:"excluded_mailboxes"`
	Uncounted         int `json:"uncounted"`
}

// proved is what a backup proves, the zero proof where it proves nothing, and how it ended.
func (l *imapLife) proved(args ...string) (p proof, a program.Account) {
	l.t.Helper()
	o := l.run(args...)
	for line := range strings.SplitSeq(strings.TrimSpace(o.Stdout), "\n") {
		var at any = &a
		if strings.HasPrefix(line, `{"type":"proof"`) {
			at = &p
		}
		l.must(json.Unmarshal([]byte(line), at))
	}
	return p, a
}

func itoa(n int) string { return strconv.Itoa(n) }
