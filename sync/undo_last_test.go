package sync_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync"
	"mailsync/sync/port"
)

// Which run an undo takes back, and what it says where there is none.

var errRefused = errors.New("the server answered NO: not now")

// refuse makes the server refuse every command of that name.
func (l *lab) refuse(name string) {
	l.server.Command = func(sent, _ string) error {
		if sent == name {
			return errRefused
		}
		return nil
	}
}

// archiveRefused runs the archive once more, over mail that came since, on a server that refuses
// every expunge.
func (l *lab) archiveRefused(t testing.TB, mod func(*port.Account)) {
	t.Helper()
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Add(body(20), 1_510_000_000, `\Seen`)
		m.Add(body(21), 1_510_000_001, `\Seen`)
	})
	l.refuse("EXPUNGE")
	if r := l.archive(nil, nil, mod); r.Status() != "partial" || r.Released.Deleted != 0 {
		t.Fatalf("the refused run is %s: %+v", r.Status(), r.Released)
	}
	l.server.Command = nil
}

// An archive run that the server refused whole took nothing: the run before it is the last
// one that did. What it had let go stays, in every later run.
func TestUndoAfterARefusedRun(t *testing.T) {
	for _, c := range archiveWays {
		t.Run(c.name, func(t *testing.T) {
			l, server, here := archivedOnce(t, c.mod)
			l.archiveRefused(t, c.mod)
			for _, m := range l.told() {
				if strings.Contains(m, "number 20\r") || strings.Contains(m, "number 21\r") {
					server = append(server, m)
				}
			}
			slices.Sort(server)
			here = sorted(append(here, "INBOX "+body(20), "INBOX "+body(21)))
			if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != 5 || r.NothingToUndo {
				t.Fatalf("%s: %+v %v %v", r.Status(), r, r.Problems, r.Fatal)
			}
			l.undone(t, server, here, "undone")
			if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != 0 || !r.NothingToUndo {
				t.Fatalf("undone again: %+v %v", r, r.Problems)
			}
			l.undone(t, server, here, "undone again")
		})
	}
}

// Where nothing was ever taken there is nothing to undo, and that is said.
func TestNothingToUndo(t *testing.T) {
	l := old(t)
	l.clean(t)
	if r := l.undo(nil, nil); r.Status() != "ok" || !r.NothingToUndo {
		t.Errorf("nothing was archived: %+v", r)
	}
	l.archiveRefused(t, nil)
	server := l.told()
	if r := l.undo(nil, nil); r.Status() != "ok" || !r.NothingToUndo || r.Appended != 0 {
		t.Errorf("all was refused: %+v %v", r, r.Problems)
	}
	if got := l.left(); len(got) != len(server) {
		t.Errorf("left %q", got)
	}
	l.change = func(a *port.Account) {
		a.Release = &port.Release{}
		l.shelve(a, l.disk)
	}
	if r := l.clean(t); r.DeletedOnServer != 0 {
		t.Errorf("the sync after an undo went on with the refused run: %+v", r)
	}
	for _, f := range l.files(t) {
		if strings.HasPrefix(f.box, shelves) {
			t.Errorf("in the archive still: %v", f)
		}
	}
}

// A run that was refused in part took the other part. That is put back; the rest stays.
func TestUndoAfterARunRefusedInPart(t *testing.T) {
	for _, c := range archiveWays {
		t.Run(c.name, func(t *testing.T) {
			l := old(t)
			l.clean(t)
			server, here := l.told(), l.bodies(t)
			l.server.Command = func(name, raw string) error {
				if name == "EXPUNGE" && raw == "Lists/Go" {
					return errRefused
				}
				return nil
			}
			if r := l.archive(nil, nil, c.mod); r.Released.Deleted != 2 {
				t.Fatalf("%+v", r.Released)
			}
			l.server.Command = nil
			if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != 2 {
				t.Fatalf("%+v %v", r, r.Problems)
			}
			l.undone(t, server, here, "undone")
		})
	}
}

// A run that was interrupted between its release and its expunge took nothing; one whose answer
// was lost took everything.
func TestUndoOfARunThatBrokeOff(t *testing.T) {
	for _, c := range archiveWays {
		for _, answered := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				l := old(t)
				l.clean(t)
				server, here := l.told(), l.bodies(t)
				if answered {
					l.server.Unanswered = func(name, raw string) error { return errRefused }
				}
				l.archive(nil, func(s string) error {
					if !answered && strings.HasPrefix(s, "expunge") {
						return errTestCut
					}
					return nil
				}, c.mod)
				l.server.Unanswered = nil
				want := 0
				if answered {
					want = 5
				}
				if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != want || r.NothingToUndo != !answered {
					t.Fatalf("%+v %v", r, r.Problems)
				}
				l.undone(t, server, here, "undone")
			})
		}
	}
}

// An undo that was interrupted before it had forgotten the old UIDs, and that a sync came after,
// leaves nothing to undo: not the run before either.
func TestUndoneIsRemembered(t *testing.T) {
	for _, c := range archiveWays {
		t.Run(c.name, func(t *testing.T) {
			l, _, _ := archivedOnce(t, c.mod)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(20), 1_510_000_000, `\Seen`) })
			if r := l.archived(t, c.mod); r.Released.Deleted != 1 {
				t.Fatalf("%+v", r.Released)
			}
			cut := false
			l.undo(nil, func(s string) error {
				if cut = cut || strings.HasPrefix(s, "commit INBOX: 1 records") && l.has("INBOX", body(20)); cut && !strings.HasPrefix(s, "commit INBOX: 1") {
					return errTestCut
				}
				return nil
			})
			l.change = func(a *port.Account) {
				a.Release = &port.Release{}
				l.shelve(a, l.disk)
			}
			l.clean(t)
			l.clean(t)
			if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != 0 || !r.NothingToUndo {
				t.Fatalf("undone again: %+v %v", r, r.Problems)
			}
		})
	}
}

func (l *lab) has(raw, body string) bool {
	return slices.Contains(l.onServer(raw), raw+" "+body)
}

// A user who removed here what the last run took cannot have it back; the run before is
// another matter.
func TestUndoOfWhatTheUserRemoved(t *testing.T) {
	l, _, _ := archivedOnce(t, inPlace)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(20), 1_510_000_000, `\Seen`) })
	l.archived(t, inPlace)
	l.remove(t, "number 20\r")
	l.change = func(a *port.Account) { a.Release = &port.Release{} }
	l.clean(t)
	if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != 0 || !r.NothingToUndo {
		t.Fatalf("%+v %v", r, r.Problems)
	}
}

// With --mailbox it is about the mailboxes that are meant: the last run that took something
// of theirs.
func TestUndoOfSomeMailboxes(t *testing.T) {
	only := func(raw string) func(*port.Account) {
		return func(a *port.Account) { a.Include = func(l state.Listed) bool { return l.Raw == raw } }
	}
	undo := func(l *lab, mod func(*port.Account)) *port.Result {
		a := l.account(l.disk)
		a.Release = &port.Release{}
		l.shelve(a, l.disk)
		mod(a)
		return sync.Undo(context.Background(), a)
	}
	l := old(t)
	l.clean(t)
	l.archived(t, only("INBOX"))
	l.archived(t, only("Lists/Go"))
	if r := undo(l, only("INBOX")); r.Status() != "ok" || r.Appended != 2 {
		t.Errorf("INBOX: %+v %v", r, r.Problems)
	}
	if r := undo(l, only("INBOX")); r.Appended != 0 || !r.NothingToUndo {
		t.Errorf("INBOX again: %+v %v", r, r.Problems)
	}
	if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != 3 {
		t.Errorf("all: %+v %v", r, r.Problems)
	}
	if r := l.undo(nil, nil); r.Appended != 0 || !r.NothingToUndo {
		t.Errorf("all again: %+v %v", r, r.Problems)
	}
}

// What another client put back meanwhile is on the server: its file is tied to it.
func TestUndoOfWhatIsBackAlready(t *testing.T) {
	for _, c := range archiveWays {
		t.Run(c.name, func(t *testing.T) {
			l, server, here := archivedOnce(t, c.mod)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(1), 1_500_000_000, `\Seen`) })
			l.server.Change("Lists/Go", func(m *mem.Mailbox) { m.Add(body(10), 1_500_000_000+400*86400, `\Seen`, "$Work") })
			if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != 3 {
				t.Fatalf("%+v %v", r, r.Problems)
			}
			l.undone(t, server, here, "undone")
		})
	}
}

// A server that refuses the append refuses the undo, as often as it is tried; what it then
// takes it gets once.
func TestUndoRefused(t *testing.T) {
	for _, c := range archiveWays {
		t.Run(c.name, func(t *testing.T) {
			l, server, here := archivedOnce(t, c.mod)
			l.refuse("APPEND")
			for range 2 {
				if r := l.undo(nil, nil); r.Status() != "partial" || r.Appended != 0 || r.NothingToUndo {
					t.Fatalf("refused: %+v", r)
				}
			}
			l.server.Command = nil
			if r := l.undo(nil, nil); r.Status() != "ok" || r.Appended != 5 {
				t.Fatalf("%+v %v", r, r.Problems)
			}
			l.undone(t, server, here, "undone")
		})
	}
}

// A dry run of an undo changes nothing, and names what it would put back.
func TestUndoDryRun(t *testing.T) {
	l, _, _ := archivedOnce(t, nil)
	l.archiveRefused(t, nil)
	before, dump := l.told(), l.bodies(t)
	ops := &told{}
	a := l.account(l.disk)
	a.Release, a.DryRun, a.Watch = &port.Release{}, true, ops
	l.shelve(a, l.disk)
	r := sync.Undo(context.Background(), a)
	if r.Status() != "ok" || r.NothingToUndo || len(ops.lines) != 5 {
		t.Errorf("%+v %v: %q", r, r.Problems, ops.lines)
	}
	if got := l.told(); !slices.Equal(got, before) || !slices.Equal(l.bodies(t), dump) {
		t.Error("it changed something")
	}
}

// A mailbox that was numbered anew after an undo of it has nothing to undo.
func TestUndoneAndThenRenumbered(t *testing.T) {
	l, _, _ := archivedOnce(t, nil)
	if r := l.undo(nil, nil); r.Appended != 5 {
		t.Fatalf("%+v", r)
	}
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Renumber(4711, 1) })
	l.clean(t)
	if r := l.undo(nil, nil); r.Status() != "ok" || !r.NothingToUndo {
		t.Errorf("%+v %v", r, r.Problems)
	}
}

// What an archive run had let go when it was interrupted, in a mailbox in which nothing changes any
// more, is not forgotten: the next sync ends it.
func TestASyncEndsWhatAnArchiveRunLetGo(t *testing.T) {
	l := old(t)
	l.clean(t)
	l.clean(t)
	l.archive(nil, func(s string) error {
		if strings.HasPrefix(s, "expunge") {
			return errTestCut
		}
		return nil
	}, inPlace)
	l.change = func(a *port.Account) { a.Release = &port.Release{} }
	if r := l.clean(t); r.DeletedOnServer != 2 {
		t.Errorf("the sync after it deleted %d, want 2", r.DeletedOnServer)
	}
	l.clean(t)
	l.idle(t)
}

// A mailbox that is gone on the server is named; what the run took of the others is put back.
func TestUndoWhereAMailboxIsGone(t *testing.T) {
	l, _, _ := archivedOnce(t, inPlace)
	l.server.Drop("Lists/Go")
	for range 2 {
		r := l.undo(nil, nil)
		if r.NothingToUndo || len(r.Problems) != 1 || state.HintOf(r.Problems[0].Err) == "" {
			t.Errorf("%+v %v", r, r.Problems)
		}
		if got := l.onServer("INBOX"); len(got) != 6 {
			t.Errorf("in INBOX %q", got)
		}
	}
}

// Patterns match the names of mailboxes that are gone, and not the paths of their Maildirs, which can be other ones.
func TestUndoMatchesNamesOfWhatIsGone(t *testing.T) {
	l, _, _ := archivedOnce(t, inPlace)
	l.server.Drop("Lists/Go")
	const name = "Go talk"
	l.change = func(a *port.Account) {
		a.NameOf = func(row state.MailboxRow) string { return strings.ReplaceAll(row.Path, "Lists/Go", name) }
		a.Include = func(m state.Listed) bool { return slices.Equal(m.Levels, []string{name}) }
	}
	if r := l.undo(nil, nil); len(r.Problems) != 1 || r.Problems[0].Mailbox != name {
		t.Errorf("%+v %v", r, r.Problems)
	}
}
