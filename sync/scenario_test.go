package sync_test

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

func body(n int) string {
	return fmt.Sprintf("Message-ID: <%d@example.org>\r\nSubject: number %d\r\n\r\nText of %d.\r\n%s", n, n, n, strings.Repeat("line\r\n", n%7))
}

// scenario is a world before a run: how it came about, and the run's policy.
type scenario struct {
	name   string
	before func(t testing.TB, l *lab) // brings server, disk and base to where the run begins
	policy func(*plan.Policy)
	blind  bool // where a mailbox fails, a message that was moved from it is fetched, and is gone there later
	apart  bool // server and disk do not hold the same messages in the end
}

// mirror is the policy that makes both sides the same.
func mirror(p *plan.Policy) {
	p.OnServerDelete, p.OnDiskDelete = plan.Delete, plan.Delete
}

// start is three mailboxes with a dozen messages, odd ones among them.
func start(testing.TB, *lab) {}

func filled() *lab {
	l := newLab()
	l.server.Create("Archive")
	l.server.Create("Lists/Go")
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for n := range 5 {
			m.Add(body(n), 1700000000+int64(n))
		}
		m.Add(body(5), 1700000005, `\Seen`, `\Flagged`)
		m.Add("bare\nline feeds\r\n", 1700000006, `\Answered`)
		m.Add("", 1700000007)
		m.Add("no end of line", 1700000008, `\Deleted`, `\Seen`)
	})
	l.server.Change("Archive", func(m *mem.Mailbox) {
		m.Add(body(20), 1600000000, `\Seen`)
		m.Add(body(20), 1600000000, `\Seen`) // the same message twice is two messages
		m.Add(strings.Repeat("long\r\n", 45_000), 1600000001)
	})
	return l
}

// synced is filled, after a run.
func synced(t testing.TB, l *lab) {
	t.Helper()
	l.clean(t)
}

func appending(p *plan.Policy) { p.Append = true }

// appendable is synced, and then mail programs put files into the Maildirs: with LF, with
// CRLF and with bare CRs, read and unread, and two that are equal.
func appendable(t testing.TB, l *lab) {
	t.Helper()
	synced(t, l)
	lf := strings.ReplaceAll(body(70), "\r\n", "\n")
	l.drop(t, "INBOX/new/1500000000.M1P2.host", lf)
	l.drop(t, "INBOX/cur/1500000000.M1P3.host:2,FS", strings.ReplaceAll(body(71), "\r\n", "\n"))
	l.drop(t, "INBOX/cur/draft", "Subject: no id\n\nhello")
	l.drop(t, "Archive/cur/a", lf)
	l.drop(t, "Archive/cur/b:2,S", lf)
	l.drop(t, "Archive/cur/c:2,RST", "Subject: bare\r\n\r\none\rtwo\r\n")
	l.drop(t, "Lists/Go/new/dos", body(72))
}

// newMaildir is synced, and then a mail program makes Maildirs, puts a file into one and
// moves one of ours there.
func newMaildir(t testing.TB, l *lab) {
	t.Helper()
	synced(t, l)
	for _, dir := range []string{"Neu", "Neu/Äpfel", "Neu/Äpfel/cur", "Neu/Äpfel/new", "Neu/Äpfel/tmp", "Other", "Other/cur", "Other/new", "Other/tmp"} {
		if err := errors.Join(l.disk.Mkdir(dir), l.disk.SyncDir(path.Dir(dir))); err != nil {
			t.Fatal(err)
		}
	}
	l.drop(t, "Neu/Äpfel/cur/x:2,S", "Subject: new\n\nin a new place\n")
	l.carry(t, "number 1\r", "Neu/Äpfel", "")
	l.drop(t, "Other/cur/1500000000.U7Tunknown.mailsync:2,S", "Subject: of another account\n\n")
}

// movedThere is synced, and then another client moves messages, and their flags change on
// both sides.
func movedThere(t testing.TB, l *lab) {
	t.Helper()
	synced(t, l)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(3, `\Answered`, true) })
	l.moveThere(t, "INBOX", "Archive", 2, 3, 6)
	l.moveThere(t, "Archive", "Lists/Go", 1, 2) // equal ones
	l.rename(t, "number 5\r", "S")              // not flagged any more
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(41), 1700000041) })
}

// movedHere is synced, and then a mail program moves files, flags some, and copies one.
func movedHere(t testing.TB, l *lab) {
	t.Helper()
	synced(t, l)
	l.carry(t, "number 1\r", "Archive", "")
	l.carry(t, "number 5\r", "Lists/Go", "S")
	l.carry(t, "number 20\r", "INBOX", "S")
	l.duplicate(t, "number 3\r", "Lists/Go", "R")
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(2, `\Answered`, true) })
}

// liars is synced, with two messages that are of another length than the server announces.
func liars(t testing.TB, l *lab) {
	t.Helper()
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Size = 7; m.Find(4).Size = 99999 })
	synced(t, l)
	synced(t, l)
}

// comesAgain is synced, and the server has lost three messages and got them back under new numbers.
func comesAgain(t testing.TB, l *lab) {
	t.Helper()
	synced(t, l)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(3, 4, 6) })
	synced(t, l)
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Add(body(3), 1700000003, `\Flagged`)
		m.Add(body(2), 1800000002)
		m.Add(body(5), 1700000005)
	})
}

var scenarios = []scenario{
	{name: "first sync", before: start},
	{name: "new mail", before: func(t testing.TB, l *lab) {
		synced(t, l)
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(30), 1700000030); m.Add(body(31), 1700000031, `\Seen`) })
		l.server.Change("Lists/Go", func(m *mem.Mailbox) { m.Add(body(32), 1700000032) })
	}},
	{name: "flags on both sides", before: func(t testing.TB, l *lab) {
		synced(t, l)
		l.server.Change("INBOX", func(m *mem.Mailbox) {
			m.Flag(1, `\Seen`, true)
			m.Flag(6, `\Flagged`, false)
			m.Flag(2, `\Answered`, true)
		})
		l.rename(t, "number 1\r", "F")
		l.rename(t, "number 2\r", "S")
	}},
	{name: "expunged on the server", apart: true, before: func(t testing.TB, l *lab) {
		synced(t, l)
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(2, 3); m.Add(body(40), 1700000040) })
	}},
	{name: "removed on disk", apart: true, before: func(t testing.TB, l *lab) {
		synced(t, l)
		l.remove(t, "number 1\r")
		l.remove(t, "bare")
	}},
	{name: "removed on disk, refetched", before: func(t testing.TB, l *lab) {
		synced(t, l)
		l.remove(t, "number 1\r")
		l.clean(t)
		l.remove(t, "bare")
	}, policy: func(p *plan.Policy) { p.Refetch = true }},
	{name: "state lost", apart: true, before: func(t testing.TB, l *lab) {
		synced(t, l)
		l.base = mem.NewBase()
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(50), 1700000050); m.Flag(1, `\Seen`, true); m.Expunge(3) })
	}},
	{name: "sizes that lie", before: func(t testing.TB, l *lab) {
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Size = 7; m.Find(4).Size = 99999 })
	}},
	{name: "sizes that lie, moved here", before: func(t testing.TB, l *lab) {
		liars(t, l)
		l.carry(t, "number 1\r", "Archive", "S")
		l.carry(t, "number 3\r", "Lists/Go", "")
	}, policy: appending},
	{name: "sizes that lie, moved here, and the server tells no UID", before: func(t testing.TB, l *lab) {
		l.server.NoUIDPlus = true
		liars(t, l)
		l.carry(t, "number 1\r", "Archive", "S")
		l.carry(t, "number 3\r", "Lists/Go", "")
	}, policy: appending},
	{name: "sizes that lie, moved on the server", blind: true, before: func(t testing.TB, l *lab) {
		liars(t, l)
		l.moveThere(t, "INBOX", "Archive", 2, 4)
	}},
	{name: "a header that the server rewrites", before: func(t testing.TB, l *lab) {
		synced(t, l)
		l.rename(t, "number 1\r", "FS")
		l.server.Change("INBOX", func(m *mem.Mailbox) {
			for _, uid := range []state.UID{2, 4} {
				m.Find(uid).Body, m.Find(uid).Size = "X-UID: 17\r\nStatus: RO\r\n"+m.Find(uid).Body, -1
			}
		})
		l.change = func(a *port.Account) { a.Full = true }
	}},
	{name: "a header that the server rewrites again, and a flag that is taken off here", before: func(t testing.TB, l *lab) {
		synced(t, l)
		l.change = func(a *port.Account) { a.Full = true }
		for _, field := range []string{"X-UID: 1\r\n", "X-UID: 22\r\n"} {
			synced(t, l)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(6).Body, m.Find(6).Size = field+body(5), -1 })
		}
		l.rename(t, "number 5\r", "S")
	}},
	{name: "a body that was cut, whole by now and moved here, in a mirror", before: func(t testing.TB, l *lab) {
		l.server.Body = bad(2, func(b []byte) ([]byte, error) { return b[:len(b)/2], nil })
		synced(t, l)
		l.server.Body = nil
		l.carry(t, "<1@example", "Archive", "S")
	}, policy: func(p *plan.Policy) { mirror(p); appending(p) }},
	{name: "a body that was cut, and comes whole", before: func(t testing.TB, l *lab) {
		l.server.Body = func(raw string, uid state.UID, b []byte) ([]byte, error) {
			if raw == "INBOX" && (uid == 2 || uid == 4) {
				return b[:len(b)/2], nil
			}
			return b, nil
		}
		synced(t, l)
		l.rename(t, "<1@example", "FS")
		l.server.Body = nil
	}},
	{name: "only here, and it comes again", before: comesAgain},
	{name: "only here, and it comes again beside files to append", before: func(t testing.TB, l *lab) {
		comesAgain(t, l)
		l.drop(t, "INBOX/new/other", strings.ReplaceAll(body(77), "\r\n", "\n"))
	}, policy: appending},
	{name: "too large, then allowed", before: func(t testing.TB, l *lab) {
		l.policy.MaxSize = 1000
		synced(t, l)
	}, policy: func(p *plan.Policy) { p.MaxSize = 0 }},
	{name: "keywords", before: func(t testing.TB, l *lab) {
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(1, "$Label1", true); m.Flag(2, "$Forwarded", true) })
	}},
	{name: "deleted on both sides, in a mirror", before: func(t testing.TB, l *lab) {
		synced(t, l)
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1, 2); m.Flag(4, `\Deleted`, true) })
		l.remove(t, "number 2\r")
		l.remove(t, "bare")
		l.rename(t, "number 4\r", "T")
		l.server.Change("Archive", func(m *mem.Mailbox) { m.Expunge(3) })
	}, policy: mirror},
	{name: "deleted here, flagged there, and the other way", before: func(t testing.TB, l *lab) {
		synced(t, l)
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1); m.Flag(2, `\Flagged`, true) })
		l.rename(t, "number 0\r", "F")
		l.remove(t, "number 1\r")
	}, policy: mirror},
	{name: "files to append", before: appendable, policy: appending},
	{name: "files to append, and the server tells no UID", before: func(t testing.TB, l *lab) {
		l.server.NoUIDPlus = true
		appendable(t, l)
	}, policy: appending},
	{name: "flags that the mailboxes deny", before: func(t testing.TB, l *lab) {
		synced(t, l)
		l.server.Denies = []string{`\Flagged`, "$Forwarded"}
		l.rename(t, "number 1\r", "FS")
		l.rename(t, "number 5\r", "P") // of which it has the other one
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(3, `\Flagged`, true) })
	}},
	{name: "files to append with a keyword that the server refuses", before: func(t testing.TB, l *lab) {
		appendable(t, l)
		l.server.Denies = []string{"$Forwarded", `\Seen`}
		l.drop(t, "INBOX/cur/1500000000.M1P4.host:2,FPS", "Subject: mine\n\nhello\n")
	}, policy: appending},
	{name: "a Maildir of a mail program's where the server has the mailbox", apart: true, before: func(t testing.TB, l *lab) {
		newMaildir(t, l)
		l.server.Create("Neu/Äpfel")
		l.server.Change("Neu/Äpfel", func(m *mem.Mailbox) { m.Add(body(80), 1700000080) })
	}, policy: func(p *plan.Policy) { mirror(p); appending(p) }},
	{name: "a new Maildir", apart: true, before: newMaildir, policy: appending},
	{name: "moved on the server", blind: true, before: movedThere},
	{name: "moved on the server, in a mirror", blind: true, before: movedThere, policy: mirror},
	{name: "moved here", before: movedHere, policy: appending},
	{name: "moved here, in a mirror", before: movedHere, policy: func(p *plan.Policy) { mirror(p); appending(p) }},
	{name: "moved here, and the server tells no UID", before: func(t testing.TB, l *lab) {
		l.server.NoUIDPlus = true
		movedHere(t, l)
	}, policy: appending},
	{name: "moved here, without append", before: movedHere, apart: true},
	{name: "messages in several mailboxes", before: labelled},
	{name: "labelled later, moved, taken away", blind: true, before: func(t testing.TB, l *lab) {
		labelled(t, l)
		synced(t, l)
		l.label("Lists/Go", 50)
		l.label("INBOX", 50, `\Flagged`)
		l.label("INBOX", 60)
		l.label("Archive", 60)
		l.moveThere(t, "INBOX", "Lists/Go", 10)
		l.server.Change("Archive", func(m *mem.Mailbox) { m.Expunge(6) })
	}, policy: mirror},
	{name: "marker gone", before: func(t testing.TB, l *lab) {
		synced(t, l)
		if err := l.disk.Remove("INBOX/mailsync.marker"); err != nil {
			t.Fatal(err)
		}
		l.remove(t, "number 1\r")
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(60), 1700000060) })
	}},
}

// begin brings a lab to where a scenario's run begins.
func (s scenario) begin(t testing.TB) *lab {
	t.Helper()
	l := filled()
	s.before(t, l)
	if s.policy != nil {
		s.policy(&l.policy)
	}
	return l
}

// settled runs until nothing is left to do, at most four times more, and returns where
// everything stands. The first of these runs compares everything: only then is a
// mailbox opened in which nothing changed, and what a power cut brought back to its
// tmp removed.
func (l *lab) settled(t testing.TB) string {
	t.Helper()
	l.change = func(a *port.Account) { a.Full = true }
	l.clean(t)
	l.change = nil
	for range 3 {
		l.clean(t)
	}
	l.policy.Refetch = false
	l.idle(t)
	return l.dump(t)
}

// bothHold reports whether server and disk hold the same messages.
func (l *lab) bothHold(t testing.TB) bool {
	t.Helper()
	return slices.Equal(l.bodies(t), l.onServer("INBOX", "Archive", "Lists/Go"))
}

// allHere reports whether disk holds what the server holds, and as often.
func (l *lab) allHere(t testing.TB) bool {
	t.Helper()
	here := l.bodies(t)
	for _, b := range l.onServer("INBOX", "Archive", "Lists/Go") {
		i := slices.Index(here, b)
		if i < 0 {
			return false
		}
		here = slices.Delete(here, i, i+1)
	}
	return true
}

func TestScenariosEndWhereTheyShould(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			l := s.begin(t)
			l.settled(t)
			if !s.apart && !l.bothHold(t) {
				t.Errorf("on disk\n%.2000s\nwant\n%.2000s", l.bodies(t), l.onServer("INBOX", "Archive", "Lists/Go"))
			}
		})
	}
}

// TestCutAtEveryStep cuts each scenario at every step, runs it again, and expects the
// same end as an unbroken run: nothing lost, nothing doubled, no flag undone.
func TestCutAtEveryStep(t *testing.T) {
	atOnce(t, func(t *testing.T, s scenario, n int, change func(*lab), want string) bool {
		l := s.begin(t)
		change(l)
		step, reached := cutAt(n)
		r := l.run(nil, step)
		if !reached() {
			return false
		}
		if r.Status() == "ok" {
			t.Fatalf("cut at step %d: the run says it is ok", n)
		}
		if got := l.settled(t); got != want {
			t.Fatalf("cut at step %d\n got %s\nwant %s", n, got, want)
		}
		return true
	})
}

// record finds a message's record in the base.
func (l *lab) record(t testing.TB, raw string, uid state.UID) state.Record {
	t.Helper()
	rows, _ := l.base.Mailboxes(t.Context())
	for _, row := range rows {
		if row.Raw == raw {
			recs, _ := l.base.Records(t.Context(), row.Current().ID)
			for _, r := range recs {
				if r.UID == uid {
					return r
				}
			}
		}
	}
	return state.Record{}
}
