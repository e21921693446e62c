package sync_test

import (
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// eachOnce expects every message of the server's to be here once, and nothing else but only.
func (l *lab) eachOnce(t testing.TB, only ...string) {
	t.Helper()
	want := l.onServer("INBOX")
	for _, b := range only {
		want = append(want, "INBOX "+b)
	}
	if got, want := strings.Join(l.bodies(t), "\n"), strings.Join(sorted(want), "\n"); got != want {
		t.Fatalf("on disk\n%s\nwant\n%s", got, want)
	}
}

func inbox(n int) *lab {
	l := newLab()
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for i := range n {
			m.Add(body(i), 1700000000+int64(i))
		}
	})
	return l
}

// A server comes back from an older backup, and a day later as it was: the messages that were missing
// come under new numbers or the old, and their files are here.
func TestAServerThatIsRestoredTwice(t *testing.T) {
	for _, c := range []struct {
		name string
		back func(m *mem.Mailbox) // the newest state again
	}{
		{"the same numbers", func(m *mem.Mailbox) {
			for i := 7; i < 10; i++ {
				m.Add(body(i), 1700000000+int64(i))
			}
		}},
		{"and new mail between", func(m *mem.Mailbox) {
			m.Add(body(77), 1700000077)
			for i := 7; i < 10; i++ {
				m.Add(body(i), 1700000000+int64(i))
			}
		}},
		{"other dates, in another order", func(m *mem.Mailbox) {
			for i := 9; i > 6; i-- {
				m.Add(body(i), 1800000000+int64(i))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := inbox(10)
			l.clean(t)
			l.server.Change("INBOX", func(m *mem.Mailbox) {
				m.Expunge(8, 9, 10)
				m.UIDNext = 8
				m.ModSeq -= 5
			})
			l.clean(t)
			l.clean(t)
			l.eachOnce(t, body(7), body(8), body(9))
			l.server.Change("INBOX", c.back)
			l.clean(t)
			l.eachOnce(t)
			v := l.verify()
			v.Server = l.server
			l.verified(t, v, "") // the files of the older numbers are not missed
			for range 3 {
				l.clean(t)
			}
			l.eachOnce(t)
			l.idle(t)
		})
	}
}

// What was expunged and kept here comes again under a new number: put back by another client, by a
// provider that undid a deletion.
func TestWhatIsOnlyHereComesAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		mod  func(*lab)
	}{
		{"keep", func(*lab) {}},
		{"delete", func(l *lab) { l.policy.OnServerDelete, l.policy.MaxDelete = plan.Delete, 100 }},
		{"append", func(l *lab) { l.policy.Append = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := inbox(12)
			c.mod(l)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(3), 1700000003) }) // twice on the server, and twice here
			l.clean(t)
			l.rename(t, "number 3\r", "FS")
			l.clean(t)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(4, 6) })
			if c.name != "delete" {
				l.clean(t)
				l.clean(t)
			}
			l.server.Change("INBOX", func(m *mem.Mailbox) {
				m.Add(body(3), 1700009999)
				m.Add(body(5), 1700000005)
				m.Add(body(99), 1700000005)
			})
			l.clean(t)
			l.clean(t)
			l.eachOnce(t)
			l.clean(t)
			l.idle(t)
		})
	}
}

// The same, cut anywhere: no message has two files in the end, and none is lost.
func TestWhatIsOnlyHereComesAgainCut(t *testing.T) {
	for n := 1; ; n++ {
		l := inbox(6)
		l.clean(t)
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(4, 5, 6) })
		l.clean(t)
		l.server.Change("INBOX", func(m *mem.Mailbox) {
			for i := 3; i < 6; i++ {
				m.Add(body(i), 1700000000+int64(i), `\Flagged`)
			}
		})
		step, reached := cutAt(n)
		l.run(nil, step)
		if !reached() {
			return
		}
		for range 3 {
			l.clean(t)
		}
		l.eachOnce(t)
		l.clean(t)
		l.idle(t)
	}
}

// A message that a server loses, spoils and mends is here once as it should be, and once spoiled.
func TestAMessageThatIsMended(t *testing.T) {
	l := inbox(3)
	l.clean(t)
	l.change = func(a *port.Account) { a.Full = true }
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Body = "spoiled\r\n" })
	l.clean(t)
	l.eachOnce(t, body(1))
	for range 4 {
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Body = body(1) })
		l.clean(t)
		l.clean(t)
		l.eachOnce(t, "spoiled\r\n")
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Body = "spoiled\r\n" })
		l.clean(t)
		l.clean(t)
		l.eachOnce(t, body(1))
	}
}

// POP3: a server whose unique-ids are others for a while, and then the first again.
func TestPOP3UniqueIDsThereAndBack(t *testing.T) {
	l := newPopLab(t, script.NewBox(popMails(8)...))
	l.settle(t)
	for range 2 {
		for _, m := range l.box.Messages {
			m.UIDL = "x" + m.UIDL
		}
		l.settle(t)
		if got := len(l.mails(t)); got != 8 {
			t.Fatalf("%d are here", got)
		}
		for _, m := range l.box.Messages {
			m.UIDL = m.UIDL[1:]
		}
		l.settle(t)
		if got := len(l.mails(t)); got != 8 {
			t.Fatalf("and back: %d are here", got)
		}
	}
}

// A number under which another message comes, once the one that had it is gone from the server, is that
// message's: RFC 1939 section 7 lets a POP3 server give a unique-id again, and some number their mail
// from 1 in each session.
func TestPOP3UniqueIDThatIsGivenAgain(t *testing.T) {
	for _, deletes := range []bool{false, true} {
		l := newPopLab(t, script.NewBox(popMails(4)...))
		if deletes {
			l.change = func(a *port.Account) { a.Release = &port.Release{Cutoff: plan.Cutoff{Collected: true}} }
		}
		l.settle(t)
		l.box.Lock()
		l.box.Messages = l.box.Messages[:min(3, len(l.box.Messages))]
		l.box.Unlock()
		l.settle(t)
		other := "Message-ID: <other@x>\r\nSubject: other\r\n\r\nanother message, of another length\r\n"
		l.box.Lock()
		l.box.Messages = append(l.box.Messages, &script.Message{UIDL: "u4", Body: other})
		l.box.Unlock()
		l.settle(t)
		l.settle(t)
		if got := l.mails(t); len(got) != 5 || !strings.Contains(strings.Join(got, ""), other) || !strings.Contains(strings.Join(got, ""), popMails(4)[3]) {
			t.Errorf("deletes %v: %d are here: %.900q", deletes, len(got), got)
		}
	}
}
