package sync_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// A server that cannot expunge single messages has what leaves it in its trash. That frees nothing, and
// nothing of it comes back.

// withoutUIDPLUS is a lab on a server that has MOVE and a trash, and no UIDPLUS; there is
// something of the user's in the trash already.
func withoutUIDPLUS(l *lab) {
	l.server.NoUIDPlus = true
	l.server.Create("Bin").Role = "trash"
	l.server.Change("Bin", func(m *mem.Mailbox) { m.Add(body(40), time.Now().Unix(), `\Seen`) })
}

// noTrash leaves the trash out, as archive does.
func noTrash(a *port.Account) { a.Include = func(l state.Listed) bool { return l.Role != "trash" } }

func both(mods ...func(*port.Account)) func(*port.Account) {
	return func(a *port.Account) {
		for _, mod := range mods {
			if mod != nil {
				mod(a)
			}
		}
	}
}

// settled gives the lab's runs the archive, and expects that they fetch nothing and that
// nothing is here twice.
func (l *lab) settledWithoutFetch(t *testing.T, here []string, when string) {
	t.Helper()
	l.change = func(a *port.Account) {
		a.Release = &port.Release{}
		l.shelve(a, l.disk)
	}
	for range 2 {
		if r := l.clean(t); r.Fetched+r.Appended+r.DeletedOnDisk+r.DeletedOnServer+r.MovedToTrash > 0 {
			t.Errorf("%s: the sync did something: %+v", when, r)
		}
	}
	l.idle(t)
	if got := l.plainBodies(t); !slices.Equal(got, here) {
		t.Errorf("%s: here are\n%.2000q\nwant\n%.2000q", when, got, here)
	}
}

// plainBodies is every body on disk, wherever it lies.
func (l *lab) plainBodies(t testing.TB) (all []string) {
	t.Helper()
	for _, f := range l.files(t) {
		all = append(all, f.body)
	}
	slices.Sort(all)
	return all
}

func TestArchiveWithoutUIDPLUS(t *testing.T) {
	for _, c := range archiveWays {
		for _, first := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				l := old(t)
				withoutUIDPLUS(l)
				l.server.Quotas = []state.Quota{{Used: 9000, Limit: 10_000}}
				if first { // the trash is known here before
					l.clean(t)
				}
				plan := l.archive(nil, nil, both(c.mod, noTrash, func(a *port.Account) { a.DryRun = true }))
				if p := plan.Released; plan.Status() != "ok" || p.Messages != 5 || p.Bytes != 0 || !p.ToTrash {
					t.Errorf("the plan is %+v %v", p, plan.Problems)
				}
				r := l.archive(nil, nil, both(c.mod, noTrash))
				if d := r.Released; r.Status() != "ok" || d.Deleted != 0 || d.Freed != 0 || d.Trashed != 5 || d.Stay != 0 ||
					r.DeletedOnServer != 0 || r.MovedToTrash != 5 || d.Quota == nil || d.After == nil || d.After.Used != 9000 {
					t.Errorf("%s: %+v, of it %+v %v", r.Status(), r, d, r.Problems)
				}
				if got := l.left(); !slices.Equal(got, sorted(keepers)) || l.count("Bin") != 6 {
					t.Errorf("left %q, and %d in the trash", got, l.count("Bin"))
				}
				l.change = func(a *port.Account) {
					a.Release = &port.Release{}
					l.shelve(a, l.disk)
				}
				if r := l.clean(t); !first && r.Fetched != 1 || first && r.Fetched != 0 { // the user's own
					t.Errorf("the sync fetched %d: %+v", r.Fetched, r)
				}
				here := l.plainBodies(t)
				if len(here) != 10 || !slices.Contains(here, body(40)) {
					t.Errorf("here are %q", here)
				}
				l.settledWithoutFetch(t, here, "archived")
				if again := l.archive(nil, nil, both(c.mod, noTrash)); again.Status() != "ok" || again.Released.Messages != 0 {
					t.Errorf("archived again: %+v %v", again.Released, again.Problems)
				}
				// The provider empties the trash.
				l.server.Change("Bin", func(m *mem.Mailbox) {
					for len(m.Messages) > 0 {
						m.Expunge(m.Messages[0].UID)
					}
				})
				l.clean(t)
				l.settledWithoutFetch(t, here, "emptied")
			})
		}
	}
}

// The same, interrupted at every step.
func TestArchiveWithoutUIDPLUSCutAtEveryStep(t *testing.T) {
	for _, c := range archiveWays {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n += stride(t) {
				l := old(t)
				withoutUIDPLUS(l)
				l.clean(t)
				here := l.plainBodies(t)
				step, reached := cutAt(n)
				l.archive(nil, step, both(c.mod, noTrash))
				if !reached() {
					break
				}
				if r := l.archive(nil, nil, both(c.mod, noTrash)); r.Status() != "ok" {
					t.Fatalf("cut at step %d, then: %v %v", n, r.Fatal, r.Problems)
				}
				l.settledWithoutFetch(t, here, "cut at step")
				if t.Failed() {
					t.Fatalf("cut at step %d", n)
				}
			}
		})
	}
}

// The answer to the move is lost: the next run finds them in the trash all the same.
func TestArchiveWithoutUIDPLUSUnanswered(t *testing.T) {
	for _, c := range archiveWays {
		t.Run(c.name, func(t *testing.T) {
			l := old(t)
			withoutUIDPLUS(l)
			l.clean(t)
			here := l.plainBodies(t)
			l.server.Unanswered = func(string, string) error { return errRefused }
			l.archive(nil, nil, both(c.mod, noTrash))
			l.server.Unanswered = nil
			l.change = func(a *port.Account) {
				a.Release = &port.Release{}
				l.shelve(a, l.disk)
			}
			if r := l.clean(t); r.Fetched != 0 {
				t.Errorf("%+v", r)
			}
			l.settledWithoutFetch(t, here, "unanswered")
		})
	}
}

// Servers that tell no Message-ID, or give what is moved another date: the bytes tell.
func TestArchiveWithoutUIDPLUSKnowsItByTheBytes(t *testing.T) {
	for name, change := range map[string]func(*lab){
		"no Message-ID": func(l *lab) { l.server.Mute = true },
		"another date": func(l *lab) {
			l.server.Change("Bin", func(m *mem.Mailbox) {
				for i, msg := range m.Messages {
					msg.Date += int64(i) * 1000
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := old(t)
			withoutUIDPLUS(l)
			l.clean(t)
			here := l.plainBodies(t)
			l.archive(nil, nil, noTrash)
			change(l)
			l.change = func(a *port.Account) {
				a.Release = &port.Release{}
				l.shelve(a, l.disk)
			}
			l.clean(t)
			l.settledWithoutFetch(t, here, name)
		})
	}
}

// A message of the user's in the trash that has size and date of an archived one is another message.
func TestAnotherMessageInTheTrashIsFetched(t *testing.T) {
	l := old(t)
	withoutUIDPLUS(l)
	l.clean(t)
	l.archive(nil, nil, noTrash)
	other := strings.Replace(body(1), "<1@", "<7@", 1)
	l.server.Change("Bin", func(m *mem.Mailbox) { m.Add(other, 1_500_000_000, `\Seen`) })
	l.change = func(a *port.Account) {
		a.Release = &port.Release{}
		l.shelve(a, l.disk)
	}
	if r := l.clean(t); r.Fetched != 1 || !slices.Contains(l.plainBodies(t), other) {
		t.Errorf("%+v", r)
	}
}

// What cannot go is refused before anything is let go.
func TestArchiveWithoutAWay(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(*lab)
		mod    func(*port.Account)
	}{
		{"neither UIDPLUS nor MOVE", func(l *lab) { withoutUIDPLUS(l); l.server.NoMove = true }, noTrash},
		{"no trash", func(l *lab) { l.server.NoUIDPlus = true }, nil},
		{"to be expunged", withoutUIDPLUS, both(noTrash, func(a *port.Account) { a.Release.Via = port.ViaExpunge })},
		{"the trash itself", func(l *lab) {
			withoutUIDPLUS(l)
			l.server.Change("Bin", func(m *mem.Mailbox) { m.Add(body(41), 1_500_000_000, `\Seen`) })
		}, func(a *port.Account) { a.Include = func(l state.Listed) bool { return l.Role == "trash" } }},
	} {
		for _, dry := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				l := old(t)
				c.before(l)
				l.clean(t)
				before, bin := l.left(), len(l.onServerIf("Bin"))
				let := false
				r := l.archive(nil, func(s string) error { let = let || strings.HasPrefix(s, "expunge"); return nil },
					both(c.mod, inPlace, func(a *port.Account) { a.DryRun = dry }))
				if len(r.Problems) == 0 || state.HintOf(r.Problems[0].Err) == "" || r.Released.Messages+r.Released.Deleted+r.Released.Trashed > 0 || r.Released.Bytes > 0 || let {
					t.Errorf("%+v %v", r.Released, r.Problems)
				}
				if got := l.left(); !slices.Equal(got, before) || len(l.onServerIf("Bin")) != bin {
					t.Errorf("left %q", got)
				}
				if r := l.undo(nil, nil); !r.NothingToUndo {
					t.Errorf("an undo has something to do: %+v", r)
				}
				l.clean(t)
				l.idle(t)
			})
		}
	}
}

func (l *lab) onServerIf(raw string) (all []string) {
	l.server.Change(raw, func(m *mem.Mailbox) {
		if m != nil {
			for _, msg := range m.Messages {
				all = append(all, msg.Body)
			}
		}
	})
	return all
}

// What an archive run let go before the server lost UIDPLUS, and its trash, stays.
func TestReleasedWithoutAWay(t *testing.T) {
	l := old(t)
	l.clean(t)
	before := l.left()
	l.archive(nil, func(s string) error {
		if strings.HasPrefix(s, "expunge") {
			return errTestCut
		}
		return nil
	}, nil)
	l.server.NoUIDPlus = true
	l.change = func(a *port.Account) {
		a.Release = &port.Release{}
		l.shelve(a, l.disk)
	}
	if r := l.run(nil, nil); len(r.Problems) != 1 || state.HintOf(r.Problems[0].Err) == "" {
		t.Errorf("%+v %v", r, r.Problems)
	}
	l.clean(t)
	if got := l.left(); !slices.Equal(got, before) {
		t.Errorf("left %q", got)
	}
	l.idle(t)
}

// What lies in the trash is as good as gone: making room does not go on for ever.
func TestMakingRoomWithoutUIDPLUS(t *testing.T) {
	l := old(t)
	withoutUIDPLUS(l)
	l.clean(t)
	l.server.Quotas = []state.Quota{{Used: 1000, Limit: 1100}}
	quota := both(noTrash, inPlace, func(a *port.Account) {
		a.Release.Cutoff = plan.Cutoff{NeverYoungerThan: time.Hour, KeepFlagged: true, KeepUnread: true}
		a.Release.UntilQuota = 80
	})
	r := l.archive(nil, nil, quota)
	if r.Status() != "ok" || r.Released.Trashed == 0 || r.Released.Trashed >= 5 || r.Released.Freed != 0 || r.Released.After.Used != 1000 {
		t.Fatalf("%+v %v", r.Released, r.Problems)
	}
	if r := l.archive(nil, nil, quota); r.Status() != "ok" || r.Released.Messages != 0 {
		t.Errorf("the trash was not emptied yet, and it went on: %+v", r.Released)
	}
}

// What the user removed here, and the server can only move to its trash, is not fetched from there.
func TestADeletionWithoutUIDPLUSDoesNotComeBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*lab)
	}{
		{"as usual", func(*lab) {}},
		{"no Message-ID", func(l *lab) { l.server.Mute = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for n := 1; ; n++ {
				l := filled()
				withoutUIDPLUS(l)
				mirror(&l.policy)
				l.clean(t)
				l.clean(t)
				c.change(l)
				l.remove(t, "number 1\r")
				want := l.plainBodies(t)
				step, reached := cutAt(n)
				r := l.run(nil, step)
				if !reached() {
					if r.Status() != "ok" || r.DeletedOnServer != 0 || r.MovedToTrash != 1 {
						t.Errorf("%+v %v", r, r.Problems)
					}
				}
				for range 3 {
					l.clean(t)
				}
				l.idle(t)
				if got := l.plainBodies(t); !slices.Equal(got, want) || l.count("Bin") != 2 {
					t.Fatalf("cut at step %d: here are %q, and %d in the trash", n, got, l.count("Bin"))
				}
				if !reached() {
					break
				}
			}
		})
	}
}

// Its move is undone by the user, with another client: it is mail of that mailbox again.
func TestADeletionThatIsTakenBackInTheTrash(t *testing.T) {
	l := filled()
	withoutUIDPLUS(l)
	mirror(&l.policy)
	l.clean(t)
	l.remove(t, "number 1\r")
	l.clean(t)
	l.clean(t)
	l.server.Change("Bin", func(m *mem.Mailbox) { m.Expunge(2) })
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(1), 1700000001) })
	l.clean(t)
	if !slices.Contains(l.plainBodies(t), body(1)) {
		t.Error("it is not here")
	}
}

// An undo moves back what lies in the server's trash, and appends what was emptied out of it.
// Nothing is there twice, wherever it is interrupted.
func TestUndoWithoutUIDPLUS(t *testing.T) {
	for _, c := range archiveWays {
		for _, between := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				for n := 0; ; n += stride(t) {
					l := old(t)
					withoutUIDPLUS(l)
					l.clean(t)
					server, here := l.told(), l.plainBodies(t)
					l.archive(nil, nil, both(c.mod, noTrash))
					if between {
						l.change = func(a *port.Account) { a.Release = &port.Release{}; l.shelve(a, l.disk) }
						l.clean(t)
						l.change = nil
					}
					emptied := n%2 == 1
					if emptied {
						l.server.Change("Bin", func(m *mem.Mailbox) { m.Expunge(m.Messages[1].UID) })
					}
					step, reached := cutAt(n)
					if n == 0 {
						step = nil
					}
					r := l.undo(nil, step)
					if n > 0 && !reached() {
						break
					}
					if n == 0 && (r.Status() != "ok" || r.MovedBack != 5 || r.Appended != 0) {
						t.Fatalf("%s: %+v %v %v", r.Status(), r, r.Problems, r.Fatal)
					}
					if r := l.undo(nil, nil); r.Status() != "ok" {
						t.Fatalf("cut at step %d, then: %v %v", n, r.Fatal, r.Problems)
					}
					if got := l.told(); !slices.Equal(got, server) || l.count("Bin") != 1 {
						t.Fatalf("cut at step %d: on the server\n%s\nwant\n%s\n%d in the trash", n, strings.Join(got, ""), strings.Join(server, ""), l.count("Bin"))
					}
					l.change = func(a *port.Account) { a.Release = &port.Release{}; l.shelve(a, l.disk) }
					l.clean(t)
					l.settledWithoutFetch(t, here, "undone")
					if t.Failed() {
						t.Fatalf("cut at step %d", n)
					}
				}
			})
		}
	}
}

// A server that moves nothing out of its trash gets the messages appended.
func TestUndoWithoutUIDPLUSAndNoWayBack(t *testing.T) {
	l := old(t)
	withoutUIDPLUS(l)
	l.clean(t)
	server := l.told()
	l.archive(nil, nil, noTrash)
	l.refuse("MOVE")
	r := l.undo(nil, nil)
	if r.Status() != "ok" || r.MovedBack != 0 || r.Appended != 5 {
		t.Fatalf("%+v %v", r, r.Problems)
	}
	l.server.Command = nil
	l.undo(nil, nil)
	if got := l.told(); !slices.Equal(got, server) {
		t.Errorf("on the server\n%s", strings.Join(got, ""))
	}
}
