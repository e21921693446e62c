package sync_test

import (
	"context"
	"fmt"
	"path"
	"strings"
	"testing"

	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// countingBase tells what of the memory a run asks for that grows with the messages, or
// changes.
type countingBase struct {
	port.Base
	asked []string
}

func (b *countingBase) SaveMailbox(ctx context.Context, m *state.MailboxRow) error {
	b.asked = append(b.asked, "save mailbox "+m.Path)
	return b.Base.SaveMailbox(ctx, m)
}

func (b *countingBase) Records(ctx context.Context, gen state.GenID) ([]state.Record, error) {
	b.asked = append(b.asked, fmt.Sprint("records ", gen))
	return b.Base.Records(ctx, gen)
}

func (b *countingBase) Proofs(ctx context.Context, gen state.GenID, uids []state.UID) (map[state.UID]state.Proof, error) {
	b.asked = append(b.asked, fmt.Sprint("proofs ", gen))
	return b.Base.Proofs(ctx, gen, uids)
}

func (b *countingBase) Commit(ctx context.Context, c state.Commit) error {
	b.asked = append(b.asked, fmt.Sprint("commit ", c.Gen))
	return b.Base.Commit(ctx, c)
}

// What an idle run may cost (spec 9.1): one listing, a few stats a mailbox, and nothing
// else of the server, the disk or the memory. One mailbox that changed costs what it
// costs, and no other.
func TestWhatAnIdleRunCosts(t *testing.T) {
	const mailboxes = 100
	l := newLab()
	name := func(i int) string { return fmt.Sprintf("Box %03d", i) }
	for i := range mailboxes {
		l.server.Create(name(i))
		l.server.Change(name(i), func(m *mem.Mailbox) { m.Add(fmt.Sprintf("Subject: %d\r\n\r\n", i), 1700000000) })
	}
	l.clean(t)
	l.idle(t)

	base := &countingBase{}
	l.change = func(a *port.Account) {
		base.Base, base.asked = a.Base, nil
		a.Base = base
	}
	view := disktest.FailAt(l.disk, 0, nil)
	before := l.server.Commands()
	r := l.run(view, nil)
	if r.Status() != "ok" || r.Unchanged != r.Mailboxes || l.server.Commands()-before != 1 {
		t.Fatalf("not idle: %+v, %d commands", r, l.server.Commands()-before)
	}
	if len(base.asked) > 0 {
		t.Errorf("of the memory it asked for %q", base.asked)
	}
	looks := map[string]int{}
	for _, call := range view.Log() {
		op, p, _ := strings.Cut(call, " ")
		base := path.Base(p)
		if op != "lstat" || base != "new" && base != "cur" && base != "dovecot-keywords" && base != "mailsync.marker" {
			t.Errorf("it did %q", call)
		}
		looks[path.Dir(p)]++
	}
	if len(looks) != r.Mailboxes {
		t.Errorf("%d of %d Maildirs were looked at", len(looks), r.Mailboxes)
	}
	for dir, n := range looks {
		if n > 6 {
			t.Errorf("%s was looked at %d times", dir, n)
		}
	}

	l.server.Change(name(7), func(m *mem.Mailbox) { m.Add("Subject: new\r\n\r\n", 1700000000) })
	view = disktest.FailAt(l.disk, 0, nil)
	before = l.server.Commands()
	if r := l.run(view, nil); r.Status() != "ok" || r.Fetched != 1 || r.Unchanged != r.Mailboxes-1 {
		t.Fatalf("%+v", r)
	}
	if n := l.server.Commands() - before; n > 3 {
		t.Errorf("one new message cost %d commands", n)
	}
	for _, call := range view.Log() {
		if op, p, _ := strings.Cut(call, " "); op != "lstat" && !strings.Contains(p, name(7)) && p != "" && op != "free" {
			t.Errorf("it did %q", call)
		}
	}
}

// A first pull of one large mailbox takes time that grows with its messages, not with
// their square: what is committed in parts is not copied whole each time.
func TestAFirstPullCopiesNoRecords(t *testing.T) {
	base := []state.Record{{UID: 1, Size: 1}, {UID: 5, Size: 5}, {UID: 9, Size: 9}}
	if !plan.Overwrite(base, []state.Record{{UID: 1, Size: 2}, {UID: 9, Size: 10}}) ||
		base[0].Size != 2 || base[1].Size != 5 || base[2].Size != 10 {
		t.Errorf("%+v", base)
	}
	for _, put := range [][]state.Record{{{UID: 4}}, {{UID: 1, Size: 7}, {UID: 10}}} {
		if plan.Overwrite(base, put) || base[0].Size != 2 {
			t.Errorf("%+v after %+v", base, put)
		}
	}
}
