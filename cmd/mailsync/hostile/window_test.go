//go:build unix

package hostile

import (
	"fmt"
	"os"
	"path"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/sync/plan"
)

// As a user of Gmail with a limit, of Yahoo, or of any server that shows the newest messages of a
// mailbox only: the oldest are not listed any more as new ones arrive, and EXISTS agrees. A mirror keeps their files,
// in every kind of run; what somebody deleted among those that are shown is carried over.
func TestWindow(t *testing.T) {
	const condstore = script.DefaultCaps
	for _, c := range []struct {
		name   string
		caps   string
		window int
		first  int // messages before the window is there
	}{
		{"of a round number", condstore, 1000, 1000},
		{"of a round number, more was here before", condstore, 1000, 1040},
		{"of a round number, without MODSEQ", bare, 1000, 1000},
		{"announced", condstore + " MESSAGELIMIT=40", 40, 40},
		{"announced, more was here before", condstore + " MESSAGELIMIT=40", 40, 90},
		{"announced, UIDONLY that is refused", condstore + " MESSAGELIMIT=40 UIDONLY", 40, 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{prepare: func(acct *script.Account) {
				inboxAlone(acct)
				if c.caps == bare {
					bareServer(acct)
				}
				acct.Caps = c.caps
				for n := 12; n < c.first; n++ {
					acct.Mailbox("INBOX").Append(fmt.Sprintf("Message-ID: <%d@w.example>\r\n\r\nnumber %d\r\n", n, n))
				}
			}})
			l.serve(script.Healthy(l.acct, script.Answers{"ENABLE": say("$tag NO not today")}))
			l.acct.Limit = 0
			if o := l.sync(); o.Code != 0 || o.account.Here != c.first {
				t.Fatalf("exit %d, %d here", o.Code, o.account.Here)
			}
			inbox := l.acct.Mailbox("INBOX")
			hidden := c.first - c.window
			for round := range 3 {
				l.acct.Lock()
				l.acct.Window = c.window
				for n := range 3 {
					inbox.Append(fmt.Sprintf("Message-ID: <%d.%d@new.example>\r\n\r\nnew %d %d\r\n", round, n, round, n))
				}
				inbox.Expunge(uint32(c.first - round)) // somebody's deletion; the window reaches one further back for it
				l.acct.Unlock()
				hidden += 2
				args := []string{}
				if round == 1 {
					args = append(args, "--full")
				}
				o := l.sync(args...)
				mail, trashed := l.files()
				if o.Code != 0 || len(trashed) != round+1 || len(mail) != c.first+2*(round+1) || o.account.DeletedOnServer != 0 {
					t.Errorf("round %d: exit %d, %d in the Maildir, %d in the trash\n%s", round, o.Code, len(mail), len(trashed), o.Stderr)
				}
				if want := fmt.Sprintf("newest %d messages only: %d older ones", c.window, hidden); !strings.Contains(o.Stderr, want) {
					t.Errorf("round %d: want %q in\n%s", round, want, o.Stderr)
				}
			}
			if o := l.run("verify", "--server"); o.Code != 0 {
				t.Errorf("verify: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
			}
			// The whole mailbox is shown again, e.g. because the setting was changed: nothing is fetched twice.
			l.acct.Lock()
			l.acct.Window = 0
			inbox.Append("Message-ID: <last@new.example>\r\n\r\nlast\r\n")
			l.acct.Unlock()
			if o := l.sync(); o.Code != 0 || o.account.Fetched != 1 || o.account.OnServer != len(inbox.Messages) || strings.Contains(o.Stderr, "older ones") {
				t.Errorf("shown again: exit %d, %d fetched, %d on the server", o.Code, o.account.Fetched, o.account.OnServer)
			}
			if mail, trashed := l.files(); len(mail) != len(inbox.Messages) || len(trashed) != 3 {
				t.Errorf("%d in the Maildir, %d on the server, %d in the trash", len(mail), len(inbox.Messages), len(trashed))
			}
		})
	}
}

// As a user who flags and deletes old mail that the server does not show: nothing of that is claimed to be done, or fails
// in every run; it is carried over once the server shows the messages again.
func TestWindowAndWhatIsDoneHere(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{prepare: func(acct *script.Account) {
		inboxAlone(acct)
		for n := 12; n < 1000; n++ {
			acct.Mailbox("INBOX").Append(fmt.Sprintf("Message-ID: <%d@w.example>\r\n\r\nnumber %d.\r\n", n, n))
		}
	}})
	if o := l.sync(); o.Code != 0 {
		t.Fatalf("exit %d\n%s", o.Code, o.Stderr)
	}
	inbox := l.acct.Mailbox("INBOX")
	l.acct.Lock()
	l.acct.Window = 1000
	for n := range 20 {
		inbox.Append(fmt.Sprintf("Message-ID: <%d@new.example>\r\n\r\nnew %d\r\n", n, n))
	}
	l.acct.Unlock()
	if o := l.sync(); o.Code != 0 {
		t.Fatalf("exit %d\n%s", o.Code, o.Stderr)
	}
	mail, _ := l.files()
	for _, m := range mail {
		switch {
		case strings.Contains(m.body, "number 13."):
			flagged := path.Join(path.Dir(path.Dir(m.path)), "cur", path.Base(plan.Bare(m.path))+":2,F")
			l.must(os.Rename(l.at(m.path), l.at(flagged)))
		case strings.Contains(m.body, "number 14."):
			l.removeAll(m.path)
		}
	}
	for i := range 2 {
		o := l.sync()
		if o.Code != 0 || o.account.DeletedOnServer != 0 || o.account.FlagsToServer != 0 || strings.Contains(o.Stderr, "failed") {
			t.Errorf("run %d: exit %d, %+v\n%s", i, o.Code, o.account, o.Stderr)
		}
	}
	l.acct.Lock()
	l.acct.Window = 0
	l.acct.Unlock()
	if o := l.sync(); o.Code != 0 || o.account.DeletedOnServer != 1 || o.account.FlagsToServer != 1 || o.account.Fetched != 0 {
		t.Errorf("shown again: exit %d, %+v\n%s", o.Code, o.account, o.Stderr)
	}
	if mail, _ := l.files(); len(mail) != 1019 || len(inbox.Messages) != 1019 {
		t.Errorf("%d here, %d there", len(mail), len(inbox.Messages))
	}
}

// As a user of Yahoo with more messages than it shows: all of them are here after one run, whatever number one command
// may be about, and deletions on both sides are carried over.
func TestWindowOfYahoo(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{prepare: func(acct *script.Account) {
		inboxAlone(acct)
		acct.Caps = script.DefaultCaps + " MOVE MESSAGELIMIT=10 UIDONLY PARTIAL"
		acct.Window, acct.Limit = 10, 10
		for n := 12; n < 57; n++ {
			acct.Mailbox("INBOX").Append(letter(n))
		}
	}})
	if o := l.sync(); o.Code != 0 || o.account.Here != 57 || o.account.OnServer != 57 {
		t.Fatalf("exit %d, %d here of %d\n%s", o.Code, o.account.Here, o.account.OnServer, o.Stderr)
	}
	inbox := l.acct.Mailbox("INBOX")
	l.acct.Lock()
	inbox.Expunge(1)
	inbox.Expunge(30)
	inbox.SetFlags(inbox.Message(2), `\Flagged`)
	l.acct.Unlock()
	mail, _ := l.files()
	for _, m := range mail {
		if strings.Contains(m.body, "Text of number 7.") || strings.Contains(m.body, "Text of number 50.") {
			l.removeAll(m.path)
		}
	}
	if o := l.sync(); o.Code != 0 || o.account.DeletedOnServer != 2 || o.account.DeletedOnDisk != 2 || o.account.FlagsToDisk != 1 {
		t.Errorf("exit %d, %+v\n%s", o.Code, o.account, o.Stderr)
	}
	if mail, _ := l.files(); len(mail) != 53 || len(inbox.Messages) != 53 {
		t.Errorf("%d here, %d there", len(mail), len(inbox.Messages))
	}
	if o := l.run("verify", "--server"); o.Code != 0 {
		t.Errorf("verify: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
	if o := l.sync(); o.Code != 0 || o.account.Unchanged != 1 {
		t.Errorf("nothing new: exit %d, %+v", o.Code, o.account)
	}
}
