package sync_test

import (
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/disktest"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// asks makes a run, and returns what it asked the base about messages and what it did on disk.
func (l *popLab) asks(t testing.TB) (r *port.Result, asked, did []string) {
	t.Helper()
	base, before := &countingBase{}, l.change
	defer func() { l.change = before }()
	l.change = func(a *port.Account) {
		if before != nil {
			before(a)
		}
		base.Base = a.Base
		a.Base = base
	}
	view := disktest.FailAt(l.disk, 0, nil)
	r = l.run(t, view, nil)
	return r, base.asked, view.Log()
}

// idle makes a run that has nothing to do, and expects it to cost nothing: not one question to the base about a message, and
// on disk a look at the times of the folders.
func (l *popLab) idle(t testing.TB) {
	t.Helper()
	r, asked, did := l.asks(t)
	if r.Status() != "ok" || r.Unchanged != 1 || r.Fetched != 0 || r.OnServer != len(l.box.Messages) {
		t.Fatalf("not idle: %+v", r)
	}
	if len(asked) > 0 {
		t.Errorf("of the base it asked for %q", asked)
	}
	for _, call := range did {
		op, p, _ := strings.Cut(call, " ")
		if name := path.Base(p); op != "lstat" || name != "new" && name != "cur" && name != "dovecot-keywords" && name != "mailsync.marker" {
			t.Errorf("it did %q", call)
		}
	}
}

// A server that lists what it listed, and folders that nobody changed, cost no look at a single message (spec 9).
// Whatever differs is looked at.
func TestPOP3IdleCostsNothing(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*popLab)
		fetched int
		idle    bool // afterwards, in a run that finds it so again
	}{
		{"new mail", func(l *popLab) { l.box.Add("Subject: new\r\n\r\nnew\r\n") }, 1, true},
		{"mail that went", func(l *popLab) { l.box.Messages = l.box.Messages[1:] }, 0, true},
		{"mail that went, and as much that came", func(l *popLab) {
			l.box.Messages = l.box.Messages[1:]
			l.box.Add("Subject: 0\r\nMessage-ID: <x@example.org>\r\n\r\nbody 0\r\n")
		}, 1, true},
		{"another order", func(l *popLab) { slices.Reverse(l.box.Messages) }, 0, true},
		{"another message with a unique-id that was used", func(l *popLab) {
			l.box.Messages[2].Body = "Subject: quite another\r\n\r\none\r\n"
		}, 1, true},
		{"another size", func(l *popLab) { l.box.Messages[3].Size = 7 }, 1, true},
		{"a unique-id twice", func(l *popLab) { l.box.Messages[3].UIDL = l.box.Messages[2].UIDL }, 2, false},
		{"no unique-id", func(l *popLab) { l.box.Messages[3].UIDL = "" }, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newPopLab(t, script.NewBox(popMails(6)...))
			l.settle(t)
			l.idle(t)
			c.change(l)
			r, asked, _ := l.asks(t)
			if len(asked) == 0 || r.Fetched != c.fetched {
				t.Fatalf("asked %q, %d fetched, and %d new: %v", asked, r.Fetched, c.fetched, r.Problems)
			}
			l.settle(t)
			if c.idle {
				l.idle(t)
			} else if _, asked, _ := l.asks(t); len(asked) == 0 {
				t.Error("a message without a unique-id of its own was not looked at")
			}
		})
	}
}

// A file that the user removed is seen although the server lists what it did.
func TestPOP3IdleSeesTheDisk(t *testing.T) {
	l := newPopLab(t, script.NewBox(popMails(3)...))
	l.settle(t)
	dir := "INBOX/new"
	names, err := l.disk.Names(dir)
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	l.disk.Wait(t.Context(), time.Second)
	if err := l.disk.Remove(path.Join(dir, names[0])); err != nil {
		t.Fatal(err)
	}
	r := l.clean(t)
	if r.Unchanged != 0 || r.Fetched != 0 || len(l.mails(t)) != 2 {
		t.Errorf("%d unchanged, %d fetched, %d files", r.Unchanged, r.Fetched, len(l.mails(t)))
	}
	l.settle(t)
	l.idle(t)
}

// What is to be deleted some time after it came is deleted then, although nothing else changed.
func TestPOP3IdleForgetsNoAge(t *testing.T) {
	l := newPopLab(t, script.NewBox(popMails(3)...))
	l.change = func(a *port.Account) {
		a.AgesCount = true
		a.Release = &port.Release{Cutoff: plan.Cutoff{Collected: true, FetchedAge: 14 * 24 * time.Hour}}
	}
	for range 3 {
		l.clean(t)
	}
	l.disk.Wait(t.Context(), 15*24*time.Hour)
	if r := l.clean(t); r.DeletedOnServer != 3 || len(l.box.Messages) != 0 || len(l.mails(t)) != 3 {
		t.Errorf("%d were deleted, %d are left", r.DeletedOnServer, len(l.box.Messages))
	}
}
