package sync_test

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/disktest"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// The server lists what it listed in the run before, and yet there is something to do: what the configuration, the command line
// or the disk says now is another thing than it was.
func TestPOP3IdleUnless(t *testing.T) {
	big := "Subject: big\r\n\r\n" + string(slices.Repeat([]byte("large\r\n"), 100))
	release := func(c plan.Cutoff) func(*popLab) {
		c.Collected = true
		return func(l *popLab) {
			l.change = func(a *port.Account) { a.AgesCount, a.Release = true, &port.Release{Cutoff: c} }
		}
	}
	for _, c := range []struct {
		name           string
		begin          func(*popLab)
		change         func(testing.TB, *popLab)
		fetched, there int // bodies in that run, and what is on the server after it
	}{
		{name: "larger messages are wanted", begin: func(l *popLab) { l.policy.MaxSize = 500 },
			change: func(_ testing.TB, l *popLab) { l.policy.MaxSize = 0 }, fetched: 1, there: 4},
		{name: "deletion is switched on", begin: release(plan.Cutoff{FetchedAge: -1}),
			change: func(_ testing.TB, l *popLab) { release(plan.Cutoff{})(l) }, there: 0},
		{name: "deletion of what is large is switched on", begin: release(plan.Cutoff{FetchedAge: -1}),
			change: func(_ testing.TB, l *popLab) { release(plan.Cutoff{FetchedAge: -1, BiggerThan: 500})(l) }, there: 3},
		{name: "deletion by age is switched on when all are old", begin: release(plan.Cutoff{FetchedAge: -1}),
			change: func(t testing.TB, l *popLab) {
				l.disk.Wait(t.Context(), 3*24*time.Hour)
				release(plan.Cutoff{FetchedAge: 2 * 24 * time.Hour})(l)
			}, there: 0},
		{name: "what was removed here is wanted again", begin: func(l *popLab) {},
			change: func(t testing.TB, l *popLab) {
				removePOP3(t, l, "body 1\r\n")
				l.settle(t)
				l.idle(t)
				l.policy.Refetch = true
			}, fetched: 1, there: 4},
		{name: "everything is to be compared", begin: func(l *popLab) {},
			change: func(_ testing.TB, l *popLab) { l.change = func(a *port.Account) { a.Full = true } }, there: 4},
		{name: "the state is a copy", begin: func(l *popLab) {},
			change: func(_ testing.TB, l *popLab) { l.change = func(a *port.Account) { a.StateMoved = true } }, there: 4},
		{name: "a folder is another one, and a message is not in it", begin: func(l *popLab) {},
			change: func(t testing.TB, l *popLab) { replaceFolder(t, l, "INBOX/new", 3) }, fetched: 1, there: 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newPopLab(t, script.NewBox(append(popMails(3), big)...))
			c.begin(l)
			l.settle(t)
			l.idle(t)
			c.change(t, l)
			r, asked, _ := l.asks(t)
			looked := slices.ContainsFunc(asked, func(q string) bool { return strings.HasPrefix(q, "records ") })
			if r.Status() != "ok" || !looked || r.Fetched != c.fetched || len(l.box.Messages) != c.there {
				t.Errorf("asked %q, %d fetched, %d on the server: %v %v", asked, r.Fetched, len(l.box.Messages), r.Problems, r.Fatal)
			}
			if got := l.mails(t); len(got) != 4 || len(slices.Compact(got)) != 4 {
				t.Errorf("%d mails", len(got))
			}
		})
	}
}

// replaceFolder puts another folder in the place of one, with so many of its files.
func replaceFolder(t testing.TB, l *popLab, dir string, files int) {
	t.Helper()
	l.disk.Wait(t.Context(), time.Second)
	old := path.Join(path.Dir(path.Dir(dir)), "old")
	names, err := l.disk.Names(dir)
	if err != nil || len(names) < files {
		t.Fatal(names, err)
	}
	if err := l.disk.Rename(dir, old); err != nil {
		t.Fatal(err)
	}
	if err := l.disk.Mkdir(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range names[:files] {
		if err := l.disk.Rename(path.Join(old, name), path.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names[files:] {
		if err := l.disk.Remove(path.Join(old, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.disk.Remove(old); err != nil {
		t.Fatal(err)
	}
}

// What is wrong with a listing, or with a message in it, is reported in each run although the server lists the same each time; and
// a listing that is as it was when everything was here is believed again.
func TestPOP3IdleHidesNoFailure(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers script.Answers
		new     bool // there is a message more, which cannot be fetched
	}{
		{"STAT counts one more", script.Answers{"STAT": script.Say("+OK 5 100")}, false},
		{"STAT counts one less", script.Answers{"STAT": script.Say("+OK 3 100")}, false},
		{"LIST is refused", script.Answers{"LIST": func(p *script.Peer, args string) bool {
			if args != "" {
				return false
			}
			p.Send("-ERR not now")
			return true
		}}, false},
		{"a message is refused", script.Answers{"RETR": func(p *script.Peer, no string) bool {
			if no != "5" {
				return false
			}
			p.Send("-ERR [SYS/TEMP] cannot read it")
			return true
		}}, true},
		{"the connection breaks at a message", script.Answers{"RETR": func(p *script.Peer, no string) bool {
			if no != "5" {
				return false
			}
			p.Close()
			return true
		}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newPopLab(t, script.NewBox(popMails(4)...))
			l.settle(t)
			l.idle(t)
			healthy := l.server
			l.server = script.New(t, script.Healthy(l.box, c.answers))
			if c.new {
				l.box.Add("Subject: new\r\n\r\nnew\r\n")
			}
			for run := range 3 {
				r, asked, _ := l.asks(t)
				if len(r.Problems) != 1 || r.Fatal != nil || len(asked) == 0 || r.Unchanged != 0 || len(l.mails(t)) != 4 {
					t.Errorf("run %d asked %q: %v %v", run, asked, r.Problems, r.Fatal)
				}
			}
			l.server = healthy
			l.settle(t)
			l.idle(t)
			if got := l.mails(t); !slices.Equal(got, l.box.Bodies()) {
				t.Errorf("%d mails", len(got))
			}
		})
	}
}

// A run that was interrupted anywhere leaves no mailbox that seems to be done: whatever the server lists next, what it listed then
// or what it had listed before, nothing is missing and nothing is doubled.
func TestPOP3IdleAfterACut(t *testing.T) {
	for n := 1; ; n += stride(t) {
		l := newPopLab(t, script.NewBox(popMails(6)...))
		l.settle(t)
		l.idle(t)
		before := slices.Clone(l.box.Messages)
		extra := []string{before[1].Body, before[3].Body}
		again := *before[3]
		again.Body = "Subject: with a unique-id that was used\r\n\r\n"
		l.box.Messages = []*script.Message{before[5], before[0], before[2], &again, before[4]}
		l.box.Add("Subject: new\r\n\r\nnew\r\n")
		step, reached := cutAt(n)
		l.run(t, nil, step)
		if !reached() {
			break
		}
		if n%2 == 0 { // it lists once more what it listed before
			now := l.box.Messages
			l.box.Messages = before
			if r := l.run(t, nil, nil); r.Fatal != nil {
				t.Fatalf("cut at step %d: %v", n, r.Fatal)
			}
			l.box.Messages = now
		}
		checkPOP3(t, l, extra, fmt.Sprintf("cut at step %d", n))
		l.idle(t)
		l.server.Close()
	}
}

// The same where the power is lost.
func TestPOP3IdleAfterPowerLoss(t *testing.T) {
	for n := 1; ; n += stride(t) {
		l := newPopLab(t, script.NewBox(popMails(4)...))
		l.settle(t)
		l.idle(t)
		extra := []string{l.box.Messages[1].Body, l.box.Messages[3].Body}
		l.box.Messages = slices.Delete(l.box.Messages, 1, 2)
		l.box.Messages[2] = &script.Message{UIDL: l.box.Messages[2].UIDL, Body: "Subject: with a unique-id that was used\r\n\r\n"}
		l.box.Add("Subject: new\r\n\r\nnew\r\n")
		cut := disktest.CutAt(l.disk, n)
		l.run(t, cut, nil)
		if cut.Changes() < n {
			break
		}
		l.disk = l.disk.Crash(rand.New(rand.NewPCG(uint64(n), 7)))
		l.disk.Wait(t.Context(), time.Hour)
		checkPOP3(t, l, extra, fmt.Sprintf("power cut at change %d", n))
		l.server.Close()
	}
}

// Where the base's unique-ids cannot be read, a run that needs them does nothing: all mail would look new. One that does not need them
// goes on.
func TestPOP3IdleWithoutNumbers(t *testing.T) {
	l := newPopLab(t, script.NewBox(popMails(4)...))
	l.settle(t)
	before := l.files(t)
	l.unread = state.Faultf(state.Storage, "the disk cannot be read")
	l.idle(t)
	l.box.Messages = l.box.Messages[1:]
	l.box.Add("Subject: new\r\n\r\nnew\r\n")
	l.change = func(a *port.Account) { a.Release = &port.Release{Cutoff: plan.Cutoff{Collected: true}} }
	for range 2 {
		r := l.run(t, nil, nil)
		if r.Status() == "ok" || r.Fetched != 0 || r.DeletedOnServer != 0 || len(l.box.Messages) != 4 || !slices.Equal(l.files(t), before) {
			t.Errorf("%s: %d fetched, %d deleted, and files %v: %v %v", r.Status(), r.Fetched, r.DeletedOnServer, l.files(t), r.Problems, r.Fatal)
		}
	}
	l.unread, l.change = nil, nil
	checkPOP3(t, l, popMails(1), "once they can be read")
	l.idle(t)
}
