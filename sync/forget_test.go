package sync_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync"
	"mailsync/sync/port"
	"mailsync/sync/restore"
)

// forget lets go of the mailbox of that name, or takes it back.
func (l *lab) forget(t testing.TB, raw string, back bool, step func(string) error) *port.Result {
	t.Helper()
	rows, err := l.base.Mailboxes(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	role := state.RoleMailbox
	if back {
		role = state.RoleForgotten
	}
	i := slices.IndexFunc(rows, func(r state.MailboxRow) bool { return r.Raw == raw && r.Role == role })
	if i < 0 {
		i = slices.IndexFunc(rows, func(r state.MailboxRow) bool { return r.Raw == raw })
	}
	a := l.account(l.disk)
	a.Step = step
	return sync.Forget(context.Background(), a, rows[i].ID, back)
}

// droppedLab is an account that sends what is put here, and whose server has lost a mailbox with mail.
func droppedLab(t testing.TB) (l *lab, said *notes) {
	l, said = shippedForForget(t), &notes{}
	l.policy.Append = true
	l.clean(t)
	l.server.Drop("Lists/Go")
	l.change = func(a *port.Account) { a.Watch = said }
	return l, said
}

func shippedForForget(t testing.TB) *lab {
	l := newLab()
	for i, raw := range labBoxes {
		l.server.Create(raw)
		l.server.Change(raw, func(m *mem.Mailbox) {
			for n := range 4 {
				m.Add(body(100*i+n), 1600000000+int64(100*i+n))
			}
		})
	}
	return l
}

func reportsGone(n *notes) bool {
	return slices.ContainsFunc(n.said, func(s string) bool { return strings.Contains(s, "is gone on the server") })
}

// A mailbox that is forgotten is not reported, nothing of it is sent or removed, and one of its name that comes
// later gets a Maildir of its own; interrupted at every step.
func TestForgetAMailboxThatIsGone(t *testing.T) {
	for n := 1; ; n++ {
		l, said := droppedLab(t)
		here := l.bodies(t)
		l.clean(t)
		if !reportsGone(said) {
			t.Fatalf("before: %q", said.said)
		}
		step, reached := cutAt(n)
		l.forget(t, "Lists/Go", false, step)
		l.clean(t) // of the interrupted one, a run does no harm
		if r := l.forget(t, "Lists/Go", false, nil); r.Status() != "ok" {
			t.Fatalf("cut at step %d, then: %v %v", n, r.Fatal, r.Problems)
		}
		said.said = nil
		l.clean(t)
		l.idle(t)
		if reportsGone(said) {
			t.Errorf("it is reported: %q", said.said)
		}
		if got := l.bodies(t); !slices.Equal(got, here) {
			t.Errorf("files %q, want %q", got, here)
		}
		if got := l.onServer("INBOX", "Archive"); len(got) != 8 {
			t.Errorf("on the server %q", got)
		}
		l.comesBack(t, here)
		if !reached() {
			return
		}
	}
}

// comesBack has the server have the mailbox again, with one message of before and a new one.
func (l *lab) comesBack(t testing.TB, here []string) {
	t.Helper()
	l.server.Create("Lists/Go")
	l.server.Change("Lists/Go", func(m *mem.Mailbox) {
		m.UIDValidity += 1000
		m.Add(body(200), 1600000200)
		m.Add(body(299), 1600000299)
	})
	if r := l.clean(t); r.Fetched != 2 || r.Appended != 0 {
		t.Errorf("fetched %d, appended %d", r.Fetched, r.Appended)
	}
	fresh := 0
	for _, f := range l.files(t) {
		if strings.HasPrefix(f.box, "Lists/Go") && f.box != "Lists/Go" {
			fresh++
		}
	}
	if got := l.bodies(t); fresh != 2 || len(got) != len(here)+2 {
		t.Errorf("%d files beside the old ones, of %d: %q", fresh, len(got), got)
	}
	l.idle(t)
}

// The same with the state lost after it: the marker alone keeps the Maildir apart.
func TestForgottenWithTheStateLost(t *testing.T) {
	l, said := droppedLab(t)
	here := l.bodies(t)
	l.forget(t, "Lists/Go", false, nil)
	l.base = mem.NewBase()
	l.clean(t)
	l.clean(t)
	if reportsGone(said) || !slices.Equal(l.bodies(t), here) || len(l.onServer("INBOX", "Archive")) != 8 {
		t.Errorf("reported %v, files %q", reportsGone(said), l.bodies(t))
	}
	l.comesBack(t, here)
}

// The marker lost: the base keeps the Maildir apart, and no mailbox is made of it.
func TestForgottenWithTheMarkerLost(t *testing.T) {
	l, _ := droppedLab(t)
	l.forget(t, "Lists/Go", false, nil)
	if err := l.disk.Remove("Lists/Go/mailsync.marker"); err != nil {
		t.Fatal(err)
	}
	l.drop(t, "Lists/Go/cur/1500000000.x.host:2,S", body(77))
	l.clean(t)
	l.clean(t)
	l.server.Change("Lists/Go", func(m *mem.Mailbox) {
		if m != nil {
			t.Errorf("the server has it again, with %d messages", len(m.Messages))
		}
	})
}

// A user who files messages into a forgotten Maildir has not removed them.
func TestAFileMovedIntoAForgottenMaildirIsNotExpunged(t *testing.T) {
	l, _ := droppedLab(t)
	mirror(&l.policy)
	l.forget(t, "Lists/Go", false, nil)
	l.clean(t)
	l.carry(t, body(1), "Lists/Go", "S")
	l.run(nil, nil)
	l.run(nil, nil)
	if got := l.onServer("INBOX"); len(got) != 4 {
		t.Errorf("in INBOX %q", got)
	}
}

// What is there still, or was renamed, is not forgotten.
func TestForgetRefuses(t *testing.T) {
	for what, there := range map[string]func(*lab){
		"lists it":       func(*lab) {},
		"has renamed it": func(l *lab) { l.server.Rename("Lists/Go", "Past") },
	} {
		l := shippedForForget(t)
		l.clean(t)
		there(l)
		before := l.dump(t)
		r := l.forget(t, "Lists/Go", false, func(s string) error { return fmt.Errorf("it does %q", s) })
		if state.KindOf(r.Fatal) != state.Usage || !strings.Contains(r.Fatal.Error(), what) {
			t.Errorf("%s: %v", what, r.Fatal)
		}
		if after := l.dump(t); after != before {
			t.Errorf("%s: changed\n%s\nto\n%s", what, before, after)
		}
	}
}

// A server that cannot be asked, or answers half, proves nothing.
func TestForgetNeedsACompleteListing(t *testing.T) {
	l, _ := droppedLab(t)
	l.server.Command = func(name, _ string) error {
		if name == "LIST" {
			return fmt.Errorf("the connection broke")
		}
		return nil
	}
	if r := l.forget(t, "Lists/Go", false, func(s string) error { return fmt.Errorf("it does %q", s) }); r.Fatal == nil || strings.Contains(r.Fatal.Error(), "it does") {
		t.Errorf("got %v", r.Fatal)
	}
}

// Taking a mailbox back, interrupted at every step, leaves it as it was.
func TestForgetAndTakeBack(t *testing.T) {
	for n := 1; ; n++ {
		l, said := droppedLab(t)
		l.clean(t)
		before := l.dump(t)
		l.forget(t, "Lists/Go", false, nil)
		step, reached := cutAt(n)
		l.forget(t, "Lists/Go", true, step)
		if r := l.forget(t, "Lists/Go", true, nil); r.Status() != "ok" {
			t.Fatalf("cut at %d: %v", n, r.Fatal)
		}
		said.said = nil
		l.clean(t)
		if !reportsGone(said) {
			t.Errorf("it is not reported again: %q", said.said)
		}
		if after := l.dump(t); strings.ReplaceAll(after, " false\n", " true\n") != strings.ReplaceAll(before, " false\n", " true\n") {
			t.Errorf("cut at %d: before\n%s\nafter\n%s", n, before, after)
		}
		if !reached() {
			return
		}
	}
}

// What an archive run took from a mailbox is not lost by forgetting it: an undo names it, and goes on as before once the mailbox
// is taken back; restore puts its messages on the server again.
func TestUndoOfAForgottenMailbox(t *testing.T) {
	l, _, here := archivedOnce(t, inPlace)
	l.server.Drop("Lists/Go")
	before := l.undo(nil, nil)
	l.forget(t, "Lists/Go", false, nil)
	for range 2 {
		r := l.undo(nil, nil)
		if r.NothingToUndo || len(r.Problems) != 1 || !strings.Contains(state.HintOf(r.Problems[0].Err), "forget --undo") {
			t.Errorf("%+v %v", r, r.Problems)
		}
	}
	if r := l.home(nil, nil); r.Appended != 0 || len(r.Problems) > 0 {
		t.Errorf("a restore of what was forgotten appended %d: %v", r.Appended, r.Problems)
	}
	if r := l.forget(t, "Lists/Go", true, nil); r.Status() != "ok" {
		t.Fatal(r.Fatal)
	}
	after := l.undo(nil, nil)
	if fmt.Sprint(after.Problems) != fmt.Sprint(before.Problems) || after.NothingToUndo {
		t.Errorf("after it was taken back: %v, before: %v", after.Problems, before.Problems)
	}
	if r := l.home(nil, nil); r.Appended == 0 || len(r.Problems) > 0 || !slices.Equal(l.bodies(t), here) {
		t.Errorf("a restore after that appended %d: %v", r.Appended, r.Problems)
	}
}

// Where the server has a new mailbox of the name, the old one is not taken back.
func TestTakeBackBesideANewMailbox(t *testing.T) {
	l, _ := droppedLab(t)
	here := l.bodies(t)
	l.forget(t, "Lists/Go", false, nil)
	l.clean(t)
	l.comesBack(t, here)
	if r := l.forget(t, "Lists/Go", true, nil); state.KindOf(r.Fatal) != state.Usage {
		t.Errorf("got %v", r.Fatal)
	}
}

// A restore names every forgotten mailbox of which something is here: also one from which everything was archived, and
// one of which the state knows nothing any more.
func TestRestoreNamesWhatWasForgotten(t *testing.T) {
	for _, c := range []struct {
		name string
		mod  func(*port.Account)
		lost int // messages that can be named with the state lost: its Maildir has them
	}{{"archived in place", inPlace, 3}, {"archived elsewhere", nil, 0}} {
		t.Run(c.name, func(t *testing.T) {
			l, _, _ := archivedOnce(t, c.mod)
			l.server.Drop("Lists/Go")
			l.forget(t, "Lists/Go", false, nil)
			for base, messages := range map[*mem.Base]int{l.base: 3, mem.NewBase(): c.lost} {
				var want []restore.UnknownMaildir
				if messages > 0 {
					want = []restore.UnknownMaildir{{Path: "Lists/Go", Messages: messages, Forgotten: true, Recorded: base == l.base}}
				}
				all, err := restore.UnknownMaildirs(t.Context(), memory{base}, l.account(l.disk).Tree)
				if err != nil || !slices.Equal(all, want) {
					t.Errorf("got %+v %v, want %+v", all, err, want)
				}
			}
		})
	}
}
