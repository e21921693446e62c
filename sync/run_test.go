package sync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// failing runs once, expects a partial result, and returns its problems, one a line.
func (l *lab) failing(t *testing.T) string {
	t.Helper()
	r := l.run(nil, nil)
	if r.Status() != "partial" || r.Fatal != nil {
		t.Fatalf("run is %s: %v", r.Status(), r.Fatal)
	}
	var lines []string
	for _, p := range r.Problems {
		lines = append(lines, strings.TrimSpace(p.Mailbox+" "+p.Err.Error()))
	}
	return strings.Join(lines, "\n")
}

// bad makes one message's body other than it is.
func bad(uid state.UID, f func([]byte) ([]byte, error)) func(string, state.UID, []byte) ([]byte, error) {
	return func(raw string, u state.UID, body []byte) ([]byte, error) {
		if raw == "INBOX" && u == uid {
			return f(body)
		}
		return body, nil
	}
}

// One bad message does not stop its mailbox, and is tried again in every run.
func TestOneBadMessage(t *testing.T) {
	for _, c := range []struct {
		name string
		body func([]byte) ([]byte, error)
		want string
	}{
		{"cut off", func(b []byte) ([]byte, error) { return b[:10], errors.New("connection lost") }, "connection lost"},
		{"no body", func([]byte) ([]byte, error) { return nil, nil }, "no body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := filled()
			l.server.Body = bad(3, c.body)
			for range 2 {
				if got := l.failing(t); !strings.Contains(got, c.want) || !strings.HasPrefix(got, "INBOX") || strings.Contains(got, "\n") {
					t.Errorf("problems %q, want one about %q", got, c.want)
				}
				if n := len(l.files(t)); n != 11 {
					t.Errorf("%d files, want the other 11", n)
				}
			}
			if rec := l.record(t, "INBOX", 3); rec.Status != state.Outstanding {
				t.Errorf("the bad message is %v", rec.Status)
			}
			l.server.Body = nil
			l.clean(t)
			l.idle(t)
			if n := len(l.files(t)); n != 12 {
				t.Errorf("%d files, want all 12", n)
			}
		})
	}
}

// A message that is expunged between listing and fetch is no failure.
func TestExpungedMeanwhile(t *testing.T) {
	l := filled()
	l.server.Body = bad(3, func([]byte) ([]byte, error) {
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(3) })
		return nil, nil
	})
	r := l.run(nil, nil)
	if r.Fatal != nil {
		t.Fatal(r.Fatal)
	}
	l.server.Body = nil
	l.clean(t)
	l.idle(t)
	if rec := l.record(t, "INBOX", 3); rec.UID != 0 {
		t.Errorf("still known as %v", rec.Status)
	}
}

// A size that the server tells wrong keeps the message in doubt until the same bytes came
// twice; other bytes with the right size replace it.
func TestDoubt(t *testing.T) {
	t.Run("the size is the server's error", func(t *testing.T) {
		l := filled()
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Size = 7 })
		l.clean(t)
		if rec := l.record(t, "INBOX", 2); rec.Status != state.Longer || rec.Tries != 1 {
			t.Fatalf("after one fetch it is %v, %d", rec.Status, rec.Tries)
		}
		l.clean(t)
		if rec := l.record(t, "INBOX", 2); rec.Status != state.Longer || rec.Tries != 2 {
			t.Errorf("after the same bytes twice it is %v, %d", rec.Status, rec.Tries)
		}
		l.idle(t)
	})
	t.Run("the body was short", func(t *testing.T) {
		l := filled()
		l.server.Body = bad(2, func(b []byte) ([]byte, error) { return b[:20], nil })
		l.clean(t)
		l.server.Body = nil
		l.clean(t)
		if rec := l.record(t, "INBOX", 2); rec.Status != state.Live || rec.Variant != 2 {
			t.Errorf("it is %v, variant %d", rec.Status, rec.Variant)
		}
		if got, want := strings.Join(l.bodies(t), "\n"), strings.Join(l.onServer("INBOX", "Archive", "Lists/Go"), "\n"); got != want {
			t.Errorf("on disk\n%.900s\nwant\n%.900s", got, want)
		}
		l.clean(t)
		l.idle(t)
	})
	t.Run("other bytes each time: the longest stays", func(t *testing.T) {
		l := filled()
		n := 0
		lengths := []int{20, 40, 30, 35}
		l.server.Body = bad(2, func(b []byte) ([]byte, error) { n++; return b[:lengths[(n-1)%4]], nil })
		for range 3 {
			l.clean(t)
		}
		if rec := l.record(t, "INBOX", 2); rec.Status != state.Unstable {
			t.Errorf("after three fetches it is %v", rec.Status)
		}
		want := body(1)[:40]
		if got := strings.Join(l.bodies(t), "\x00"); !strings.Contains(got, want+"\x00") || strings.Contains(got, want[:30]+"\x00") {
			t.Errorf("kept %.500q", got)
		}
		l.clean(t)
		l.idle(t)
	})
	t.Run("a UID that changed its message", func(t *testing.T) {
		l := filled()
		l.clean(t)
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Body = "another message\r\n" })
		l.change = func(a *port.Account) { a.Full = true }
		l.clean(t)
		all := strings.Join(l.bodies(t), "\n")
		if !strings.Contains(all, "another message") || !strings.Contains(all, "number 1\r") {
			t.Errorf("both messages should be here: %.500s", all)
		}
	})
}

// What is not complete is fetched from, and proves nothing.
func TestPartialListing(t *testing.T) {
	l := filled()
	l.clean(t)
	l.server.Partial = true
	l.change = func(a *port.Account) { a.Full = true }
	l.policy.OnServerDelete = plan.Delete
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(70), 1700000070); m.Add(body(71), 1700000071) })
	if got := l.failing(t); !strings.Contains(got, "not complete") {
		t.Errorf("problems %q", got)
	}
	if n := len(l.files(t)); n != 13 {
		t.Errorf("%d files, want the 12 and the one that was listed", n)
	}
}

// An account whose server answers with nothing keeps everything.
func TestEmptyListing(t *testing.T) {
	l := filled()
	l.clean(t)
	l.server = mem.NewServer()
	l.server.Drop("INBOX")
	if r := l.run(nil, nil); r.Fatal == nil || r.Status() != "failed" {
		t.Errorf("run is %s: %v", r.Status(), r.Fatal)
	}
	if n := len(l.files(t)); n != 12 {
		t.Errorf("%d files, want all 12", n)
	}
}

// One bad mailbox does not stop the others, and is left as it is.
func TestOneBadMailbox(t *testing.T) {
	l := filled()
	l.server.Command = func(name, raw string) error {
		if raw == "Archive" {
			return errors.New(`server answered NO "broken"`)
		}
		return nil
	}
	if got := l.failing(t); !strings.HasPrefix(got, "Archive ") || strings.Contains(got, "\n") {
		t.Errorf("problems %q", got)
	}
	if n := len(l.files(t)); n != 9 {
		t.Errorf("%d files, want the 9 of INBOX", n)
	}
	l.server.Command = nil
	l.clean(t)
	l.idle(t)
}

func TestMailboxNumberedAnew(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*mem.Mailbox)
	}{
		{"UIDVALIDITY 0", func(m *mem.Mailbox) { m.UIDValidity = 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := filled()
			l.clean(t)
			before := l.dump(t)
			l.server.Change("INBOX", c.change)
			if got := l.failing(t); !strings.HasPrefix(got, "INBOX ") {
				t.Errorf("problems %q", got)
			}
			if after := l.dump(t); after != before {
				t.Errorf("before %s\nafter %s", before, after)
			}
		})
	}
}

// Roots, Maildirs and markers that are not what they were.
func TestMaildirIsNotWhatItWas(t *testing.T) {
	gone := func(t *testing.T, l *lab, dir string) {
		for _, sub := range []string{"new", "cur", "tmp"} {
			names, _ := l.disk.Names(dir + "/" + sub)
			for _, n := range names {
				l.disk.Remove(dir + "/" + sub + "/" + n)
			}
			l.disk.Remove(dir + "/" + sub)
		}
		l.disk.Remove(dir + "/mailsync.marker")
		if err := l.disk.Remove(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("Maildir gone", func(t *testing.T) {
		l := filled()
		l.clean(t)
		gone(t, l, "Archive")
		r := l.run(nil, nil)
		if len(r.Problems) != 1 || state.KindOf(r.Problems[0].Err) != state.Storage || state.HintOf(r.Problems[0].Err) == "" {
			t.Fatalf("problems %v", r.Problems)
		}
		l.change = func(a *port.Account) { a.New = true }
		l.clean(t)
		l.change = nil
		if n := len(l.files(t)); n != 12 {
			t.Errorf("%d files after --new, want 12", n)
		}
		l.clean(t)
		l.idle(t)
	})
	t.Run("emptied, marker and all", func(t *testing.T) {
		l := filled()
		l.clean(t)
		l.remove(t, "")
		l.disk.Remove("INBOX/mailsync.marker")
		r := l.run(nil, nil)
		if len(r.Problems) == 0 || state.KindOf(r.Problems[0].Err) != state.Storage {
			t.Errorf("problems %v", r.Problems)
		}
	})
	t.Run("emptied: the brake", func(t *testing.T) {
		l := filled()
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(80), 1); m.Add(body(81), 2) })
		l.clean(t)
		l.remove(t, "")
		r := l.run(nil, nil)
		if len(r.Problems) != 1 || state.KindOf(r.Problems[0].Err) != state.Braked || r.Problems[0].Mailbox != "INBOX" {
			t.Fatalf("problems %v", r.Problems)
		}
		if rec := l.record(t, "INBOX", 1); rec.Status != state.Live {
			t.Errorf("remembered as %v", rec.Status)
		}
		l.policy.MaxDelete, l.policy.Meant = 1000, true
		l.clean(t)
		if rec := l.record(t, "INBOX", 1); rec.Status != state.KeptAway {
			t.Errorf("with a wider brake remembered as %v", rec.Status)
		}
	})
	t.Run("root known and empty", func(t *testing.T) {
		l := filled()
		l.change = func(a *port.Account) { a.RootKnown = true }
		if r := l.run(nil, nil); state.KindOf(r.Fatal) != state.Storage || len(l.files(t)) > 0 {
			t.Errorf("%v, %d files", r.Fatal, len(l.files(t)))
		}
		l.change = func(a *port.Account) { a.RootKnown, a.New = true, true }
		l.clean(t)
	})
	t.Run("another account's", func(t *testing.T) {
		l := filled()
		l.clean(t)
		other := filled()
		other.disk = l.disk
		other.change = func(a *port.Account) { a.User = "bob" }
		before := l.dump(t)
		if r := other.run(nil, nil); state.KindOf(r.Fatal) != state.Storage || r.Status() != "failed" {
			t.Errorf("%s: %v", r.Status(), r.Fatal)
		}
		if after := l.dump(t); after != before {
			t.Error("something was changed")
		}
	})
	t.Run("a copy of another Maildir", func(t *testing.T) {
		l := filled()
		l.clean(t)
		f, err := l.disk.Open("Archive/mailsync.marker")
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		b.ReadFrom(f)
		l.disk.Remove("INBOX/mailsync.marker")
		w, err := l.disk.Create("INBOX/mailsync.marker")
		if err != nil {
			t.Fatal(err)
		}
		w.Write(b.Bytes())
		w.Close()
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(90), 1) })
		r := l.run(nil, nil)
		if len(r.Problems) != 1 || state.KindOf(r.Problems[0].Err) != state.Storage {
			t.Errorf("problems %v", r.Problems)
		}
	})
}

// A tree that was copied or restored from a backup lost files without anybody removing
// them: they are fetched again.
func TestCopiedTree(t *testing.T) {
	l := filled()
	l.clean(t)
	l.remove(t, "number 1\r")
	l.change = func(a *port.Account) { a.StateMoved = true }
	if r := l.clean(t); r.Fetched != 1 {
		t.Errorf("fetched %d, want the one that is missing", r.Fetched)
	}
	l.change = nil
	l.clean(t)
	l.idle(t)
}

func TestNotEnoughDisk(t *testing.T) {
	l := filled()
	l.change = func(a *port.Account) { a.Tree = full{a.Tree} }
	if r := l.run(nil, nil); state.KindOf(r.Fatal) != state.Storage || len(l.files(t)) != 0 {
		t.Errorf("%v, %d files", r.Fatal, len(l.files(t)))
	}
	l.change = nil
	l.clean(t)
}

// Where nobody knows how much is free, it is tried.
func TestFreeDiskUnknown(t *testing.T) {
	l := filled()
	l.change = func(a *port.Account) { a.Tree = untold{a.Tree} }
	l.clean(t)
	l.change = nil
	l.idle(t)
}

type untold struct{ port.Tree }

func (untold) Free() (int64, error) { return 0, errors.ErrUnsupported }

// A disk that takes no more ends the run with one error, which says how many messages are still to come, and
// asks for no more bodies. What was delivered stays, and the next run goes on.
func TestDiskTakesNoMore(t *testing.T) {
	for _, err := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		for _, call := range []string{"write INBOX/tmp/", "create INBOX/tmp/", "rename INBOX/tmp/"} {
			t.Run(fmt.Sprint(err, call), func(t *testing.T) {
				l := filled()
				writes := 0
				full := disktest.FailWhen(l.disk, func(_ int, done string) error {
					if strings.HasPrefix(done, call) {
						if writes++; writes > 3 {
							return err
						}
					}
					return nil
				})
				r := l.run(full, nil)
				text := fmt.Sprint(r.Fatal)
				if state.KindOf(r.Fatal) != state.Storage || len(r.Problems) > 0 || state.HintOf(r.Fatal) == "" || !strings.Contains(text, "outstanding") {
					t.Errorf("%v, %v", r.Fatal, r.Problems)
				}
				if n := strings.Count(text, err.Error()); n != 1 {
					t.Errorf("said %d times: %s", n, text)
				}
				l.clean(t)
				l.idle(t)
			})
		}
	}
}

type full struct{ port.Tree }

func (full) Free() (int64, error) { return 1000, nil }

// A run that is told to stop ends cleanly; the next one goes on.
func TestStop(t *testing.T) {
	l := filled()
	stop := make(chan struct{})
	l.change = func(a *port.Account) { a.Stop = stop }
	close(stop)
	if r := l.run(nil, nil); !r.Stopped || r.Fatal != nil || r.Fetched != 0 {
		t.Errorf("stopped %v, %v, fetched %d", r.Stopped, r.Fatal, r.Fetched)
	}
	l.change = nil
	l.clean(t)
	l.idle(t)
}

func TestCancelled(t *testing.T) {
	l := filled()
	ctx, cancel := context.WithCancel(t.Context())
	a := l.account(l.disk)
	a.Step = func(s string) error {
		if strings.HasPrefix(s, "publish") {
			cancel()
		}
		return nil
	}
	if r := sync.Run(ctx, a); !errors.Is(r.Fatal, context.Canceled) {
		t.Errorf("fatal %v", r.Fatal)
	}
	l.clean(t)
	l.clean(t)
	l.idle(t)
}

func TestDryRunDoesNothing(t *testing.T) {
	l := filled()
	l.change = func(a *port.Account) { a.DryRun = true }
	l.clean(t)
	if names, _ := l.disk.Names("."); len(names) > 0 {
		t.Errorf("made %q", names)
	}
	if rows, _ := l.base.Mailboxes(t.Context()); len(rows) > 0 {
		t.Errorf("base knows %d mailboxes", len(rows))
	}
	l.change = nil
	l.clean(t)
	l.change = func(a *port.Account) { a.DryRun = true }
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(90), 1) })
	l.rename(t, "number 2\r", "S")
	l.clean(t)
	if rec := l.record(t, "INBOX", 10); rec.UID != 0 {
		t.Errorf("the base learned %v", rec)
	}
}
