package sync_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/backends/maildir/disk"
	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync"
	"mailsync/sync/port"
	"mailsync/sync/restore"
)

// home restores the lab's account to its own server.
func (l *lab) home(fs disk.FS, step func(string) error) *restore.Restoration {
	if fs == nil {
		fs = l.disk
	}
	a := l.account(fs)
	a.Step = step
	return sync.Restore(context.Background(), a, state.NoDate, func(row state.MailboxRow) []string { return strings.Split(row.Path, "/") })
}

// lost is a lab whose server has lost messages that are here, of which one may be there again
// by other means, and here is a file of another program.
func lost(t testing.TB, again bool) *lab {
	l := filled()
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(1, "$label1", true) })
	l.clean(t)
	l.clean(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Expunge(1, 6, 7)
		if again {
			m.Add(body(5), 1700000005, `\Seen`)
		}
	})
	l.server.Change("Archive", func(m *mem.Mailbox) { m.Expunge(1) })
	l.write(t, "Archive/cur/1234.host:2,R", []byte("Message-ID: <new@example.org>\n\nnew\n"))
	return l
}

// Everything that is here is there once, and the next sync has nothing to fetch and nothing to
// double.
func (l *lab) brought(t testing.TB, want string) {
	t.Helper()
	files := len(l.files(t))
	for range 3 {
		if r := l.clean(t); r.Fetched > 0 || r.Appended > 0 {
			t.Fatalf("a sync after it fetches %d and appends %d", r.Fetched, r.Appended)
		}
	}
	l.idle(t)
	if got := spell(l.server, labBoxes...); got != want {
		t.Fatalf("on the server is\n%s\nwant\n%s", got, want)
	}
	if n := len(l.files(t)); n != files || n != 13 {
		t.Fatalf("%d files, before the sync %d, want 13", n, files)
	}
	l.verified(t, l.verify(), "")
}

func wantBrought(t testing.TB) string {
	l := filled()
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(1, "$label1", true) })
	l.server.Change("Archive", func(m *mem.Mailbox) { m.Add("Message-ID: <new@example.org>\r\n\r\nnew\r\n", 1767225600, `\Answered`) })
	return spell(l.server, labBoxes...)
}

func TestRestoreHome(t *testing.T) {
	l := lost(t, true)
	r := l.home(nil, nil)
	if r.Fatal != nil || len(r.Problems) > 0 || r.Appended != 4 {
		t.Fatalf("%d appended: %v %v", r.Appended, r.Fatal, r.Problems)
	}
	l.brought(t, wantBrought(t))
	again := l.home(nil, func(s string) error {
		if !strings.HasPrefix(s, "tidy") && !strings.HasPrefix(s, "commit") {
			t.Errorf("a second one does %q", s)
		}
		return nil
	})
	if again.Appended != 0 {
		t.Errorf("a second one appends %d", again.Appended)
	}
	l.idle(t)
}

func TestRestoreHomeDryRun(t *testing.T) {
	l := lost(t, false)
	l.change = func(a *port.Account) { a.DryRun = true }
	r := l.home(nil, func(s string) error { t.Errorf("a dry run does %q", s); return nil })
	if n := r.Boxes[0].Appended + r.Boxes[1].Appended + r.Boxes[2].Appended; n != 5 {
		t.Errorf("it would append %d: %+v", n, r.Boxes)
	}
}

// Cut anywhere, and followed by a sync or not, another restore ends where an unbroken one does.
func TestRestoreHomeCutAtEveryStep(t *testing.T) {
	want := wantBrought(t)
	for _, between := range []bool{false, true} {
		for n := 1; ; n += stride(t) {
			l := lost(t, !between)
			step, reached := cutAt(n)
			l.home(nil, step)
			if between {
				l.clean(t)
			}
			if r := l.home(nil, nil); r.Fatal != nil || len(r.Problems) > 0 {
				t.Fatalf("cut at step %d, a sync between %v: %v %v", n, between, r.Fatal, r.Problems)
			}
			l.brought(t, want)
			if !reached() {
				break
			}
		}
	}
}

func TestRestoreHomePowerLoss(t *testing.T) {
	want := wantBrought(t)
	for n := 1; ; n += stride(t) {
		l := lost(t, false)
		cut := disktest.CutAt(l.disk, n)
		l.home(cut, nil)
		if cut.Changes() < n {
			break
		}
		l.disk = l.disk.Crash(rand.New(rand.NewPCG(uint64(n), 7)))
		l.disk.Wait(t.Context(), time.Hour)
		l.clean(t)
		if r := l.home(nil, nil); r.Fatal != nil || len(r.Problems) > 0 {
			t.Fatalf("power cut at change %d: %v %v", n, r.Fatal, r.Problems)
		}
		l.brought(t, want)
	}
}

// A message that is refused, or damaged, does not stop the others.
func TestRestoreHomeRefused(t *testing.T) {
	l := lost(t, false)
	l.flip(t, l.uid(t, "INBOX", 1))
	n := 0
	l.server.Command = func(name, _ string) error {
		if name == "APPEND" {
			if n++; n == 1 {
				return fmt.Errorf("the server answered NO: too odd")
			}
		}
		return nil
	}
	r := l.home(nil, nil)
	if r.Appended != 3 || len(r.Problems) != 2 || r.Outstanding != 2 {
		t.Errorf("%d appended, %d outstanding: %v", r.Appended, r.Outstanding, r.Problems)
	}
}

// A mailbox that is gone on the server is made again, and its Maildir goes on with it.
func TestRestoreHomeMakesMailboxes(t *testing.T) {
	said := &notes{}
	defer func() {
		if slices.ContainsFunc(said.said, func(s string) bool { return strings.Contains(s, "is gone on the server") }) {
			t.Errorf("of a mailbox that it made it says %q", said.said)
		}
	}()
	want := wantBrought(t)
	for n := 0; ; n++ { // 0: not cut
		l := lost(t, false)
		l.server.Drop("Archive")
		l.change = func(a *port.Account) { a.Watch = said }
		step, reached := cutAt(max(n, 1))
		if n == 0 {
			step = nil
		}
		l.home(nil, step)
		r := l.home(nil, nil)
		if r.Fatal != nil || len(r.Problems) > 0 {
			t.Fatalf("cut at step %d: %v %v", n, r.Fatal, r.Problems)
		}
		l.brought(t, want)
		if n > 0 && !reached() {
			return
		}
	}
}

// The same where the server lost everything and begins anew.
func TestRestoreHomeToAServerThatLostAll(t *testing.T) {
	want := strings.Replace(wantBrought(t), `[\Deleted \Seen]`, `[\Seen]`, 1) // which never was on disk
	for n := 0; ; n++ {
		l := lost(t, false)
		for _, raw := range labBoxes {
			l.server.Change(raw, func(m *mem.Mailbox) {
				m.Messages = nil
				m.UIDValidity += 1000
				m.UIDNext = 1
			})
		}
		step, reached := cutAt(max(n, 1))
		if n == 0 {
			step = nil
		}
		l.home(nil, step)
		r := l.home(nil, nil)
		if r.Fatal != nil || len(r.Problems) > 0 {
			t.Fatalf("cut at step %d: %v %v", n, r.Fatal, r.Problems)
		}
		l.brought(t, want)
		if n > 0 && !reached() {
			return
		}
	}
}

// The same where the empty mailboxes are numbered anew with the first message that comes.
func TestRestoreHomeToMailboxesThatAreNumberedAnew(t *testing.T) {
	l := lost(t, false)
	for _, raw := range labBoxes {
		l.server.Change(raw, func(m *mem.Mailbox) { m.Messages = nil })
	}
	l.home(nil, func(step string) error {
		if raw, is := strings.CutPrefix(step, "appended to "); is {
			l.server.Change(raw, func(m *mem.Mailbox) { m.UIDValidity++ })
		}
		return nil
	})
	r := l.home(nil, nil)
	if r.Fatal != nil || len(r.Problems) > 0 {
		t.Fatalf("%v %v", r.Fatal, r.Problems)
	}
	l.brought(t, strings.Replace(wantBrought(t), `[\Deleted \Seen]`, `[\Seen]`, 1))
}

// A file that the user moved to another Maildir, where moves are not carried to the server, goes back to where it lies
// now once the server has lost its message, with the keywords that were agreed on, and not before.
func TestRestoreHomeOfFilesThatWereMoved(t *testing.T) {
	empty := func(m *mem.Mailbox) {
		for len(m.Messages) > 0 {
			m.Expunge(m.Messages[0].UID)
		}
	}
	for _, tt := range []struct {
		name string
		lose func(*lab)
		want string // where the message is on the server
	}{
		{"the server has it still", func(l *lab) {}, "INBOX[Holiday \\Seen]"},
		{"it is lost", func(l *lab) {
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(10) })
		}, "Archive[Holiday \\Seen]"},
		{"all is lost", func(l *lab) {
			for _, raw := range labBoxes {
				l.server.Change(raw, empty)
			}
		}, "Archive[Holiday \\Seen]"},
		{"all is lost, and numbered anew", func(l *lab) {
			for _, raw := range labBoxes {
				l.server.Change(raw, func(m *mem.Mailbox) {
					empty(m)
					m.Renumber(m.UIDValidity+7, 1)
				})
			}
		}, "Archive[Holiday \\Seen]"},
		{"it is numbered anew", func(l *lab) {
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Renumber(m.UIDValidity+7, 30) })
		}, "INBOX[Holiday \\Seen]"},
	} {
		for _, between := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, a sync between %v", tt.name, between), func(t *testing.T) {
				l := holidays(t)
				l.policy.Append = false
				l.take(t, "Archive", nil)
				l.clean(t)
				l.clean(t)
				files := len(l.files(t))
				tt.lose(l)
				if between {
					l.clean(t)
				}
				for range 2 {
					if r := l.home(nil, nil); r.Fatal != nil || len(r.Problems) > 0 || r.Outstanding > 0 {
						t.Fatalf("%v %v, %d outstanding", r.Fatal, r.Problems, r.Outstanding)
					}
					if there, _ := l.beach(t); there != tt.want {
						t.Errorf("on the server it is %q, want %q", there, tt.want)
					}
				}
				for range 2 {
					if r := l.clean(t); r.Fetched > 0 || r.Appended > 0 {
						t.Errorf("a sync after it fetches %d and appends %d", r.Fetched, r.Appended)
					}
				}
				if n := len(l.files(t)); n != files {
					t.Errorf("%d files, want %d", n, files)
				}
				if _, here := l.beach(t); !strings.HasPrefix(here, "Archive") {
					t.Errorf("its file is %q", here)
				}
			})
		}
	}
}

// A restore whose time is up while it finds out what is missing has not come to its end, and says so.
func TestRestoreHomeStoppedBeforeItSends(t *testing.T) {
	for at := 1; ; at++ {
		l := lost(t, false)
		stop, reads := make(chan struct{}), 0
		l.change = func(a *port.Account) {
			a.Stop = stop
			a.Watch = &doing{at: "reading", do: func() {
				if reads++; reads == at {
					close(stop)
				}
			}}
		}
		r := l.home(nil, nil)
		if reads < at {
			return
		}
		if !r.Stopped || r.Appended != 0 {
			t.Errorf("stopped at mailbox %d: %d appended, stopped: %v", at, r.Appended, r.Stopped)
		}
		l.change = nil
		if r := l.home(nil, nil); r.Appended != 5 || r.Stopped {
			t.Errorf("then: %d appended, stopped %v", r.Appended, r.Stopped)
		}
	}
}

// doing does something when a run begins a kind of work.
type doing struct {
	notes
	at string
	do func()
}

func (d *doing) Doing(what, _ string) {
	if what == d.at {
		d.do()
	}
}
