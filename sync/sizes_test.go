package sync_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/mem"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/verify"
)

// long is what a server should have of a message: 32 KB.
func long(n int) string {
	return fmt.Sprintf("Message-ID: <long%d@example.org>\r\nSubject: long %d\r\n\r\n%s", n, n, strings.Repeat("all of it, line by line\r\n", 1310))
}

// sizesLab has old mail in INBOX, all of it read: nine messages that are what they should be, and one
// (UID 10) of which the server sends what other makes of it, each time.
func sizesLab(t testing.TB, other func(whole []byte) []byte) *lab {
	t.Helper()
	l := newLab()
	l.disk.Wait(t.Context(), time.Unix(1_900_000_000, 0).Sub(l.disk.Now()))
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for n := range 9 {
			m.Add(body(n), 1_500_000_000+int64(n), `\Seen`)
		}
		m.Add(long(10), 1_500_000_010, `\Seen`)
	})
	l.server.Body = bad(10, func(b []byte) ([]byte, error) { return other(b), nil })
	return l
}

func (l *lab) mailOnServer() int { return len(l.onServer("INBOX")) }

// A server that announces 32 KB and sends less each time, or something else, has not handed the message
// out, however often it does so: archive lets all others go, and names this one with both sizes.
func TestArchiveLeavesWhatNeverCame(t *testing.T) {
	for _, c := range []struct {
		name  string
		other func([]byte) []byte
	}{
		{"nothing", func([]byte) []byte { return []byte{} }},
		{"an end of line", func([]byte) []byte { return []byte("\r\n") }},
		{"60 % of it", func(b []byte) []byte { return b[:len(b)*6/10] }},
		{"90 % of it, where sizes are right", func(b []byte) []byte { return b[:len(b)*9/10+1] }},
		{"all but the last octet", func(b []byte) []byte { return b[:len(b)-1] }},
		{"the header alone", func(b []byte) []byte { return b[:strings.Index(string(b), "\r\n\r\n")+4] }},
		{"a word of the server's", func([]byte) []byte {
			return []byte("This message could not be retrieved. Please contact your administrator.\r\n")
		}},
		{"zeros", func(b []byte) []byte { return make([]byte, len(b)-10) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := sizesLab(t, c.other)
			came := len(c.other([]byte(long(10))))
			l.clean(t)
			l.clean(t)
			v := l.verify()
			v.Server = l.server
			got := l.verified(t, v, fmt.Sprintf("size_differs INBOX 10 the server announces %d octets, and %d were fetched", len(long(10)), came))
			if want := []verify.Apart{{Mailbox: "INBOX", Status: state.Doubtful, UIDs: []state.UID{10}}}; !slices.EqualFunc(got.Apart, want, sameApart) {
				t.Errorf("apart are %v", got.Apart)
			}
			for range 2 {
				r := l.archive(nil, nil, inPlace)
				if l.mailOnServer() != 1 || r.Fatal != nil || len(r.Problems) != 1 || r.Problems[0].UID != 10 {
					t.Fatalf("%d are left on the server; %v %v", l.mailOnServer(), r.Fatal, r.Problems)
				}
				said := r.Problems[0].Err.Error()
				if !strings.Contains(said, fmt.Sprint(came)+" octets") || !strings.Contains(said, fmt.Sprint(len(long(10)))) {
					t.Errorf("it says %q", said)
				}
			}
			l.server.Body = nil // the server is well again
			l.change = func(a *port.Account) { a.Full = true }
			l.clean(t)
		})
	}
}

func sameApart(x, y verify.Apart) bool {
	return x.Mailbox == y.Mailbox && x.Status == y.Status && slices.Equal(x.UIDs, y.UIDs)
}

// What was to go is what came, and the figures are of that.
func TestArchiveCountsWhatCame(t *testing.T) {
	l := sizesLab(t, func(b []byte) []byte { return append(b, "one more line\r\n"...) })
	l.clean(t)
	l.clean(t)
	var want int64
	for _, m := range l.onServer("INBOX") {
		want += int64(len(strings.TrimPrefix(m, "INBOX ")))
	}
	want += int64(len("one more line\r\n"))
	r := l.archived(t, inPlace)
	if r.Released.Deleted != 10 || r.Released.Freed != want || r.Released.Bytes != want {
		t.Errorf("%+v went, want 10 messages and %d octets", r.Released, want)
	}
	if l.mailOnServer() != 0 {
		t.Error("what is longer than announced came twice alike, and is to go")
	}
}

// What seems to be cut off goes once its user has said that it is all there is.
func TestArchiveAcceptsALength(t *testing.T) {
	l := sizesLab(t, func(b []byte) []byte { return b[:20000] })
	l.clean(t)
	l.clean(t)
	accept := func(a *port.Account) { inPlace(a); a.Accept = []plan.Message{{Mailbox: "INBOX", UID: 10}} }
	t.Run("in the archive run", func(t *testing.T) {
		l := sizesLab(t, func(b []byte) []byte { return b[:20000] })
		l.clean(t)
		if r := l.archived(t, accept); r.Released.Deleted != 10 || l.mailOnServer() != 0 {
			t.Errorf("%+v, %d are left", r.Released, l.mailOnServer())
		}
	})
	l.change = func(a *port.Account) { a.Accept = []plan.Message{{Mailbox: "INBOX", UID: 10}} }
	l.clean(t)
	l.clean(t) // again: it is accepted already
	l.change = nil
	l.rename(t, "Subject: long 10\r", "F") // a later change of its flags takes nothing of that back
	l.clean(t)
	l.rename(t, "Subject: long 10\r", "S")
	l.clean(t)
	v := l.verify()
	v.Server = l.server
	l.verified(t, v, "")
	if r := l.archived(t, inPlace); r.Released.Deleted != 10 {
		t.Errorf("%+v", r.Released)
	}
}

// Sizes that are estimates keep nothing here for ever, and nothing is fetched twice for them but to
// delete it.
func TestSizesThatAreEstimates(t *testing.T) {
	l := newLab()
	l.disk.Wait(t.Context(), time.Unix(1_900_000_000, 0).Sub(l.disk.Now()))
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for n := range 30 {
			m.Add(long(n), 1_500_000_000+int64(n), `\Seen`)
			m.Find(state.UID(n + 1)).Size = int64(len(long(n)) + 1000*(n%4) - 1500)
		}
		m.Add(long(30), 1_500_000_030, `\Seen`)
		m.Find(31).Size = int64(2 * len(long(30)))
	})
	if r := l.clean(t); r.Fetched != 31 {
		t.Fatalf("fetched %d", r.Fetched)
	}
	if r := l.clean(t); r.Fetched != 0 || r.Doubtful != 1 {
		t.Errorf("fetched %d once more, %d in doubt", r.Fetched, r.Doubtful)
	}
	l.idle(t)
	r := l.archive(nil, nil, inPlace)
	if r.Released.Deleted != 30 || l.mailOnServer() != 1 || len(r.Problems) > 0 && r.Problems[0].UID != 31 {
		t.Fatalf("%+v: %d are left on the server, %v", r.Released, l.mailOnServer(), r.Problems)
	}
	if r := l.archive(nil, nil, inPlace); l.mailOnServer() != 1 || len(r.Problems) != 1 {
		t.Errorf("%d are left on the server, %v", l.mailOnServer(), r.Problems)
	}
}

// A file that was never all of its message was removed by somebody who never saw that: the server's
// copy stays.
func TestRemovingWhatNeverCameKeepsIt(t *testing.T) {
	l := sizesLab(t, func(b []byte) []byte { return b[:200] })
	l.policy.OnDiskDelete, l.policy.MaxDelete = plan.Delete, 100
	l.clean(t)
	l.clean(t)
	l.remove(t, "Subject: long 10\r")
	l.remove(t, "number 3\r")
	l.clean(t)
	l.clean(t)
	left := strings.Join(l.onServer("INBOX"), "\n")
	if l.mailOnServer() != 9 || !strings.Contains(left, "Subject: long 10\r") {
		t.Errorf("%d are left", l.mailOnServer())
	}
}

// POP3: sizes that are wrong are common (an end of line counted as one octet, MIME sizes guessed),
// and delete no less. What may not be all there is stays, and is named.
func TestPOP3DeletesWhereSizesAreWrong(t *testing.T) {
	for _, c := range []struct {
		name          string
		n             int
		size          func(body string, i int) int64
		gone, stuck   int
		fetchedTwice  int
		afterFewer    int // of a small account, where nothing is known of its sizes
		stuckIfFewer  int
		fewerMessages int
	}{
		{name: "an end of line is one octet", n: 30, size: func(b string, _ int) int64 { return int64(len(strings.ReplaceAll(b, "\r\n", "\n"))) },
			gone: 30, fetchedTwice: 30, fewerMessages: 3, afterFewer: 3},
		{name: "guessed, a little too much", n: 30, size: func(b string, _ int) int64 { return int64(len(b) + len(b)/20) },
			gone: 30, fetchedTwice: 30, fewerMessages: 3, stuckIfFewer: 3},
		{name: "one is far from what is announced", n: 30, size: func(b string, i int) int64 { return int64(len(b) * (1 + i/29)) },
			gone: 29, stuck: 1, fetchedTwice: 1, fewerMessages: 3, afterFewer: 3},
		{name: "right", n: 5, size: func(b string, _ int) int64 { return int64(len(b)) }, gone: 5, fewerMessages: 1, afterFewer: 1},
	} {
		for _, n := range []int{c.n, c.fewerMessages} {
			t.Run(fmt.Sprintf("%s, %d messages", c.name, n), func(t *testing.T) {
				gone, stuck, twice := c.gone, c.stuck, c.fetchedTwice
				if n == c.fewerMessages {
					gone, stuck, twice = c.afterFewer, c.stuckIfFewer, min(n, c.fetchedTwice)
					if c.stuck > 0 {
						twice = 0
					}
				}
				var bodies []string
				for i := range n {
					bodies = append(bodies, long(i))
				}
				l := newPopLab(t, script.NewBox(bodies...))
				for i, m := range l.box.Messages {
					m.Size = int(c.size(m.Body, i))
				}
				l.change = func(a *port.Account) {
					a.AgesCount = true
					a.Release = &port.Release{Cutoff: plan.Cutoff{Collected: true, FetchedAge: 14 * 24 * time.Hour}}
				}
				if r := l.clean(t); r.Fetched != n || r.DeletedOnServer != 0 {
					t.Fatalf("fetched %d, deleted %d", r.Fetched, r.DeletedOnServer)
				}
				if r := l.clean(t); r.Fetched != 0 {
					t.Errorf("%d were fetched again before they are to go", r.Fetched)
				}
				l.disk.Wait(t.Context(), 15*24*time.Hour)
				r := l.run(t, nil, nil)
				if r.Fatal != nil || r.DeletedOnServer != gone || len(l.box.Messages) != n-gone || r.Fetched != twice || len(r.Problems) != stuck {
					t.Fatalf("deleted %d, fetched %d again; %d are left, %v %v", r.DeletedOnServer, r.Fetched, len(l.box.Messages), r.Fatal, r.Problems)
				}
				r = l.run(t, nil, nil)
				if r.Fetched != 0 || r.DeletedOnServer != 0 || len(r.Problems) != stuck {
					t.Errorf("the next run fetched %d, deleted %d: %v", r.Fetched, r.DeletedOnServer, r.Problems)
				}
				if got := len(l.mails(t)); got != n {
					t.Errorf("%d are here", got)
				}
			})
		}
	}
}

// Names tell what their files are: without the state, nothing is fetched again for a size that is wrong.
func TestPOP3SizesAreWrongAndTheStateIsLost(t *testing.T) {
	l := newPopLab(t, script.NewBox(long(1), long(2), long(3)))
	l.box.Messages[0].Size, l.box.Messages[1].Size = 7, 1<<20
	l.settle(t)
	l.base = mem.NewBase()
	if r := l.clean(t); r.Fetched != 0 || len(l.mails(t)) != 3 {
		t.Errorf("fetched %d, %d are here", r.Fetched, len(l.mails(t)))
	}
	l.change = func(a *port.Account) { a.Release = &port.Release{Cutoff: plan.Cutoff{Collected: true}} }
	for range 3 {
		l.run(t, nil, nil)
	}
	if len(l.box.Messages) != 1 || l.box.Messages[0].Body != long(2) || len(l.mails(t)) != 3 {
		t.Errorf("%d are left on the server, %d are here", len(l.box.Messages), len(l.mails(t)))
	}
}

// The proof of a backup counts what is in doubt, and names it with both lengths, also when nothing
// changed since.
func TestTheProofNamesDoubts(t *testing.T) {
	l := sizesLab(t, func(b []byte) []byte { return b[:200] })
	l.change = func(a *port.Account) { a.Policy, a.Census = a.Policy.PullOnly(), true }
	for range 3 {
		r := l.clean(t)
		if want := (port.Doubt{Mailbox: "INBOX", UID: 10, Announced: int64(len(long(10))), Received: 200}); r.Doubtful != 1 || len(r.Doubts) != 1 || r.Doubts[0] != want {
			t.Errorf("%d in doubt, %+v", r.Doubtful, r.Doubts)
		}
	}
}

// The first archive run names what it holds back as well as every other: also one that fetched the
// message itself, or found its file without a state.
func TestArchiveNamesWhatItHoldsBackAtOnce(t *testing.T) {
	for _, first := range []string{"nothing", "a lost state"} {
		t.Run(first, func(t *testing.T) {
			l := sizesLab(t, func([]byte) []byte { return []byte{} })
			if first == "a lost state" {
				l.clean(t)
				l.base = mem.NewBase()
			}
			for range 3 {
				r := l.archive(nil, nil, inPlace)
				if l.mailOnServer() != 1 || r.Fatal != nil || len(r.Problems) != 1 || r.Problems[0].UID != 10 ||
					!strings.Contains(r.Problems[0].Err.Error(), fmt.Sprint(len(long(10)))) {
					t.Fatalf("%d are left on the server; %v %v", l.mailOnServer(), r.Fatal, r.Problems)
				}
			}
		})
	}
}

// A repair fetches once more what is of another length than announced, which no sync does any more.
func TestRepairOfALength(t *testing.T) {
	l := sizesLab(t, func(b []byte) []byte { return b[:20000] })
	l.clean(t)
	l.clean(t)
	found := fmt.Sprintf("size_differs INBOX 10 the server announces %d octets, and 20000 were fetched", len(long(10)))
	repaired := func(want string) *verify.Verdict {
		v := l.repairing(nil, nil)
		v.Server = l.server
		return l.verified(t, v, want)
	}
	if v := repaired(found); v.Wrong() != 1 || v.Repaired.Fetched != 1 {
		t.Errorf("the server has no more: %d wrong, %d fetched", v.Wrong(), v.Repaired.Fetched)
	}
	sent := 20000
	l.server.Body = bad(10, func(b []byte) ([]byte, error) { sent++; return b[:sent], nil })
	if v := repaired(found); v.Wrong() != 1 {
		t.Error("a longer part counts as all of it")
	}
	l.server.Body = nil
	if v := repaired(strings.Replace(found, "20000", "20001", 1)); v.Wrong() != 0 {
		t.Errorf("the server is well again: %s", said(v))
	}
	l.verified(t, l.verify(), "")
	l.clean(t)
	l.eachOnce(t)
	if l.archived(t, inPlace); l.mailOnServer() != 0 {
		t.Error("what came whole in a repair stays on the server")
	}
}
