package sync_test

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
)

// mirrored is an account in step, under the policy that carries deletions both ways.
func mirrored(t testing.TB) *lab {
	t.Helper()
	l := filled()
	mirror(&l.policy)
	l.clean(t)
	return l
}

// trashed is every body in the trash, sorted.
func (l *lab) trashed(t testing.TB) (all []string) {
	t.Helper()
	names, _ := l.disk.Names(".mailsync/trash")
	for _, n := range names {
		_, rest, _ := strings.Cut(n, ".")
		_, rest, _ = strings.Cut(rest, ".")
		base, _, _ := strings.Cut(rest, ":2,")
		body := l.rebuiltAs(t, path.Join(".mailsync/trash", n), base)
		all = append(all, body)
	}
	slices.Sort(all)
	return all
}

func (l *lab) uids(raw string) (all []state.UID) {
	l.server.Change(raw, func(m *mem.Mailbox) {
		for _, msg := range m.Messages {
			all = append(all, msg.UID)
		}
	})
	return all
}

func TestDeletionsAreCarriedOver(t *testing.T) {
	l := mirrored(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1, 7) })
	l.remove(t, "number 2\r")
	l.remove(t, "no end")
	r := l.clean(t)
	if r.DeletedOnDisk != 2 || r.DeletedOnServer != 2 {
		t.Errorf("deleted %d on disk, %d on the server; want 2 and 2", r.DeletedOnDisk, r.DeletedOnServer)
	}
	if got, want := l.trashed(t), []string{body(0), "bare\nline feeds\r\n"}; !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("in the trash: %.200q", got)
	}
	if got, want := l.uids("INBOX"), []state.UID{2, 4, 5, 6, 8}; !slices.Equal(got, want) {
		t.Errorf("on the server %v, want %v", got, want)
	}
	l.clean(t)
	l.idle(t)
}

// Both directories are scanned once more before an expunge, and so is every Maildir that
// changed since: what is there by then is not deleted.
func TestWhatComesBackBeforeTheExpungeStays(t *testing.T) {
	for _, c := range []struct {
		name, to string
	}{
		{"in its own Maildir", "INBOX/cur/"},
		{"in another Maildir that was scanned", "Archive/cur/"},
		{"in another Maildir that had not changed", "Lists/Go/new/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := mirrored(t)
			l.clean(t)
			var from string
			l.each(t, "number 1\r", func(p string) { from = p })
			aside := "aside"
			if err := l.disk.Rename(from, aside); err != nil {
				t.Fatal(err)
			}
			l.server.Change("Archive", func(m *mem.Mailbox) { m.Add(body(77), 1700000077) })
			r := l.run(nil, func(step string) error {
				if strings.HasPrefix(step, "scan INBOX once more") {
					return l.disk.Rename(aside, c.to+path.Base(from))
				}
				return nil
			})
			if r.Fatal != nil || r.DeletedOnServer != 0 || !slices.Contains(l.uids("INBOX"), 2) {
				t.Fatalf("%v: deleted %d, left %v", r.Fatal, r.DeletedOnServer, l.uids("INBOX"))
			}
		})
	}
}

// Without UIDPLUS nothing is expunged; messages are moved to the trash where the server
// has MOVE and one, else it is refused.
func TestExpungeWithoutUIDPLUS(t *testing.T) {
	for _, c := range []struct {
		name          string
		trash, noMove bool
		gone          bool
	}{
		{"moved to the trash", true, false, true},
		{"no trash", false, false, false},
		{"no MOVE", true, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := filled()
			l.server.NoUIDPlus, l.server.NoMove = true, c.noMove
			if c.trash {
				l.server.Create("Bin").Role = "trash"
			}
			mirror(&l.policy)
			l.clean(t)
			l.remove(t, "number 1\r")
			r := l.run(nil, nil)
			if c.gone != (r.Status() == "ok") || c.gone == slices.Contains(l.uids("INBOX"), 2) {
				t.Errorf("%s, %v: left %v", r.Status(), r.Problems, l.uids("INBOX"))
			}
			if c.gone && len(l.uids("Bin")) != 1 {
				t.Errorf("in the trash mailbox: %v", l.uids("Bin"))
			}
		})
	}
}

// A UID that shows another message by now is not expunged, and that is told.
func TestAnotherMessageIsNotExpunged(t *testing.T) {
	l := mirrored(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Date = 42 })
	l.remove(t, "number 1\r")
	if got := l.failing(t); !strings.Contains(got, "INBOX expunge: the server shows another") {
		t.Errorf("problems %q", got)
	}
	if !slices.Contains(l.uids("INBOX"), 2) {
		t.Error("it was expunged")
	}
}

// A server that refuses to expunge keeps what it has; the rest of the run goes on.
func TestExpungeRefused(t *testing.T) {
	l := mirrored(t)
	l.server.Command = func(name, raw string) error {
		if name == "EXPUNGE" {
			return context.DeadlineExceeded
		}
		return nil
	}
	l.remove(t, "number 1\r")
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(3) })
	if got := l.failing(t); !strings.Contains(got, "expunge") {
		t.Errorf("problems %q", got)
	}
	if l.trashed(t) == nil {
		t.Error("the deletion on disk waited for the one on the server")
	}
	l.server.Command = nil
	if r := l.clean(t); r.DeletedOnServer != 1 {
		t.Errorf("deleted %d in the next run, want 1", r.DeletedOnServer)
	}
}

// The brake stops deletions in both directions, and nothing else.
func TestBrakeInBothDirections(t *testing.T) {
	l := mirrored(t)
	l.policy.MaxDelete = 1
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1, 2); m.Add(body(90), 1700000090) })
	l.remove(t, "number 2\r")
	l.remove(t, "number 3\r")
	l.rename(t, "number 4\r", "FS")
	r := l.run(nil, nil)
	if len(r.Problems) != 1 || state.KindOf(r.Problems[0].Err) != state.Braked {
		t.Fatalf("problems %v", r.Problems)
	}
	if r.DeletedOnDisk+r.DeletedOnServer != 0 || r.Fetched != 1 || r.FlagsToServer != 1 {
		t.Errorf("%+v", r)
	}
	l.policy.MaxDelete, l.policy.Meant = 2, true
	if r := l.clean(t); r.DeletedOnDisk != 2 || r.DeletedOnServer != 2 {
		t.Errorf("with a wider brake: %+v", r)
	}
}

func TestTrashIsEmptiedByAClockThatCounts(t *testing.T) {
	l := mirrored(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1) })
	l.clean(t)
	l.disk.Wait(t.Context(), 31*24*time.Hour)
	counts, keep := false, 30*24*time.Hour
	l.change = func(a *port.Account) { a.AgesCount, a.TrashKeep = counts, &keep }
	l.clean(t)
	if len(l.trashed(t)) != 1 {
		t.Error("emptied by a clock that does not count")
	}
	counts = true
	l.clean(t)
	if got := l.trashed(t); len(got) != 0 {
		t.Errorf("still in the trash: %q", got)
	}
}

// A file that the user moved is no deletion, in however many runs it is looked at, and
// whether or not the mailbox it lies in now is a part of the run.
func TestMovedFilesAreNotExpunged(t *testing.T) {
	for name, change := range map[string]func(*port.Account){
		"to a mailbox of the run": nil,
		"to one that is not":      func(a *port.Account) { a.Include = func(l state.Listed) bool { return l.Raw == "INBOX" } },
	} {
		t.Run(name, func(t *testing.T) {
			l := mirrored(t)
			l.policy.Append = false
			l.clean(t)
			l.each(t, "number 1\r", func(p string) {
				if err := l.disk.Rename(p, "Archive/cur/"+path.Base(p)+":2,S"); err != nil {
					t.Fatal(err)
				}
			})
			before := l.uids("INBOX")
			for range 3 {
				l.change = change
				l.run(nil, nil)
			}
			if got := l.uids("INBOX"); !slices.Equal(got, before) {
				t.Errorf("on the server %v, want %v", got, before)
			}
		})
	}
}

// A Maildir that lost a folder, with all mail in it, has lost it otherwise than by the
// user's hand: it is made again, and what is missing is fetched again.
func TestMaildirWithoutAFolder(t *testing.T) {
	for _, folder := range []string{"new", "cur", "tmp"} {
		t.Run(folder, func(t *testing.T) {
			l := mirrored(t)
			want := l.bodies(t)
			dir := "INBOX/" + folder
			names, err := l.disk.Names(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if err := l.disk.Remove(dir + "/" + name); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(l.disk.Remove(dir), l.disk.SyncDir("INBOX")); err != nil {
				t.Fatal(err)
			}
			before := l.uids("INBOX")
			l.clean(t)
			l.clean(t)
			if got := l.bodies(t); !slices.Equal(got, want) {
				t.Errorf("on disk %q, want %q", got, want)
			}
			if got := l.uids("INBOX"); !slices.Equal(got, before) {
				t.Errorf("on the server %v, want %v", got, before)
			}
			l.idle(t)
		})
	}
}
