package sync_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// numberedAnew is an INBOX in which the user did this and that, and that is numbered anew
// with one message more and one less.
func numberedAnew(t testing.TB, l *lab) {
	synced(t, l)
	l.remove(t, "number 1\r")
	l.clean(t)
	l.rename(t, "number 2\r", "F")
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Expunge(4)
		m.Add(body(30), 1700000030)
		m.Renumber(5000, 101)
		m.Flag(101, `\Answered`, true)
	})
}

// backup is INBOX before three more messages came.
func backup(t testing.TB, l *lab) *mem.Mailbox {
	t.Helper()
	var saved *mem.Mailbox
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		saved = m.Clone()
		m.Add(body(41), 1700000041)
		m.Add(body(42), 1700000042, `\Seen`)
		m.Add(body(43), 1700000043)
	})
	l.clean(t)
	return saved
}

// foreign writes a message as another program would, with a date of its own.
func (l *lab) foreign(t testing.TB, name, text string) {
	t.Helper()
	f, err := l.disk.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(strings.ReplaceAll(text, "\r\n", "\n"))); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := l.disk.SyncDir(path.Dir(name)); err != nil {
		t.Fatal(err)
	}
}

// folder makes a Maildir that is not ours yet.
func (l *lab) folder(t testing.TB, dir string) {
	t.Helper()
	for _, sub := range []string{"", "/cur", "/new", "/tmp"} {
		if err := l.disk.Mkdir(dir + sub); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{".", dir} {
		if err := l.disk.SyncDir(d); err != nil {
			t.Fatal(err)
		}
	}
}

func init() {
	scenarios = append(scenarios,
		scenario{name: "numbered anew", apart: true, before: numberedAnew, policy: mirror},
		scenario{name: "restored from a backup", apart: true, before: func(t testing.TB, l *lab) {
			synced(t, l)
			l.server.Restore(backup(t, l))
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(50), 1700000050) })
		}, policy: mirror},
		scenario{name: "numbered anew, and back", apart: true, before: func(t testing.TB, l *lab) {
			synced(t, l)
			var before *mem.Mailbox
			l.server.Change("INBOX", func(m *mem.Mailbox) { before = m.Clone(); m.Renumber(5000, 101) })
			l.clean(t)
			l.remove(t, "number 1\r")
			l.clean(t)
			l.server.Restore(before)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(4) })
		}},
		scenario{name: "numbered anew, and back, by a server that tells no Message-IDs", apart: true, before: func(t testing.TB, l *lab) {
			l.server.Mute = true
			synced(t, l)
			var before *mem.Mailbox
			l.server.Change("INBOX", func(m *mem.Mailbox) { before = m.Clone(); m.Renumber(5000, 101) })
			l.clean(t)
			l.server.Restore(before)
		}},
		scenario{name: "state and marker lost", before: func(t testing.TB, l *lab) {
			synced(t, l)
			l.base = mem.NewBase()
			if err := l.disk.Remove("INBOX/mailsync.marker"); err != nil {
				t.Fatal(err)
			}
		}},
		scenario{name: "another program's Maildir", before: func(t testing.TB, l *lab) {
			l.folder(t, "INBOX")
			l.foreign(t, "INBOX/cur/one:2,S", body(1))
			l.foreign(t, "INBOX/cur/two:2,SF", body(2))
			l.foreign(t, "INBOX/new/three", body(3))
		}},
		scenario{name: "mailbox renamed", apart: true, before: func(t testing.TB, l *lab) {
			synced(t, l)
			l.rename(t, "number 20\r", "F")
			l.server.Rename("Archive", "Work/Old")
		}},
	)
}

// Nothing is fetched that is here, nothing that was taken away comes back, nothing is
// deleted on the word of new numbers, and flags of both sides stay.
func TestNumberedAnew(t *testing.T) {
	l := filled()
	mirror(&l.policy)
	l.policy.OnDiskDelete = plan.Keep
	numberedAnew(t, l)
	before := l.bodies(t)
	r := l.clean(t)
	if r.Fetched != 1 || r.DeletedOnDisk != 0 || r.DeletedOnServer != 0 {
		t.Errorf("fetched %d, deleted %d here and %d there; want the new message alone", r.Fetched, r.DeletedOnDisk, r.DeletedOnServer)
	}
	want := append(slices.Clone(before), "INBOX "+body(30))
	slices.Sort(want)
	if got := l.bodies(t); !slices.Equal(got, want) {
		t.Errorf("on disk\n%.900s\nwant\n%.900s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if rec := l.record(t, "INBOX", 102); rec.Status != state.KeptAway {
		t.Errorf("what was kept away is %v", rec.Status)
	}
	l.clean(t)
	l.clean(t)
	l.idle(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		if !m.Find(103).Flags[`\Flagged`] {
			t.Error("the user's flag did not reach the server")
		}
	})
	for _, f := range l.files(t) {
		if f.body == body(0) && f.flags != "R" {
			t.Errorf("the server's flag did not reach the disk: %v", f)
		}
	}
}

// UIDs that are given again to other messages after a backup was restored never take the
// files of those that had them, and nothing local is lost.
func TestRestoredFromABackup(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*lab)
	}{
		{"state there", func(*lab) {}},
		{"state lost", func(l *lab) { l.base = mem.NewBase() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := filled()
			mirror(&l.policy)
			l.clean(t)
			l.server.Restore(backup(t, l))
			before := l.bodies(t)
			c.spoil(l)
			if r := l.clean(t); r.Fetched != 0 || r.DeletedOnDisk+r.DeletedOnServer+r.Appended != 0 {
				t.Errorf("%+v; want that nothing but names change", r)
			}
			l.server.Change("INBOX", func(m *mem.Mailbox) {
				// The same size as the message that had this UID, a second later.
				m.Add(strings.Replace(body(41), "number 41", "number 14", 1), 1700000051)
			})
			if r := l.clean(t); r.Fetched != 1 {
				t.Errorf("fetched %d, want the new message", r.Fetched)
			}
			got := l.bodies(t)
			for _, b := range before {
				if !slices.Contains(got, b) {
					t.Errorf("lost: %.60q", b)
				}
			}
			if len(got) != len(before)+1 {
				t.Errorf("%d files, want %d", len(got), len(before)+1)
			}
			l.clean(t)
			l.idle(t)
		})
	}
}

// A numbering that comes back is the one it was, and one that only looks like it is not.
func TestNumberingComesBack(t *testing.T) {
	tokens := func(l *lab) (all []string) {
		names, _ := l.disk.Names("INBOX/cur")
		more, _ := l.disk.Names("INBOX/new")
		for _, n := range append(names, more...) {
			_, rest, _ := strings.Cut(n, "T")
			token, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(all, token) {
				all = append(all, token)
			}
		}
		return all
	}
	for _, c := range []struct {
		name string
		same bool
		back func(*mem.Mailbox)
	}{
		{"the same messages", true, func(*mem.Mailbox) {}},
		{"one less, one more", true, func(m *mem.Mailbox) { m.Expunge(4); m.Add(body(60), 1700000060) }},
		{"another message under a UID", false, func(m *mem.Mailbox) { m.Find(2).Date++ }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := filled()
			mirror(&l.policy)
			l.clean(t)
			first := tokens(l)
			var before *mem.Mailbox
			l.server.Change("INBOX", func(m *mem.Mailbox) { before = m.Clone(); m.Renumber(5000, 101) })
			l.clean(t)
			if second := tokens(l); len(second) != 1 || slices.Equal(first, second) {
				t.Fatalf("tokens %q, before %q", second, first)
			}
			l.server.Restore(before)
			l.server.Change("INBOX", c.back)
			r := l.clean(t)
			if r.DeletedOnDisk+r.DeletedOnServer != 0 {
				t.Errorf("deleted %d here and %d there", r.DeletedOnDisk, r.DeletedOnServer)
			}
			if third := tokens(l); slices.Contains(third, first[0]) != c.same {
				t.Errorf("tokens %q, at first %q", third, first)
			}
			l.clean(t)
			l.clean(t)
			l.idle(t)
		})
	}
}

// Another MAILBOXID is another mailbox, though UIDVALIDITY and UIDs are the same.
func TestAnotherMailboxOfTheName(t *testing.T) {
	l := filled()
	mirror(&l.policy)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.ID = "m1" })
	l.clean(t)
	before := l.bodies(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.ID = "m2"
		for _, msg := range m.Messages {
			msg.Body, msg.Date = strings.Replace(msg.Body, "number", "figure", 1), msg.Date+100
		}
	})
	l.clean(t)
	got := l.bodies(t)
	for _, b := range before {
		if !slices.Contains(got, b) {
			t.Errorf("lost: %.60q", b)
		}
	}
	for _, b := range l.onServer("INBOX") {
		if !slices.Contains(got, b) {
			t.Errorf("not fetched: %.60q", b)
		}
	}
	l.clean(t)
	l.idle(t)
}

// A listing may tell any MAILBOXID (Cyrus 3.6.1): what the mailbox says when it is opened counts.
// A deletion made here meanwhile is not lost by it.
func TestListingThatTellsOtherMailboxIDs(t *testing.T) {
	l := filled()
	mirror(&l.policy)
	n := 0
	lie := func(m *mem.Mailbox) { n++; m.ID, m.ListedID = "m1", fmt.Sprintf("garbage-%d", n) }
	l.server.Change("INBOX", lie)
	l.clean(t)
	if row := l.row(t, "INBOX"); row.MailboxID != "m1" {
		t.Errorf("its id is recorded as %q", row.MailboxID)
	}
	l.server.Change("INBOX", lie)
	l.remove(t, "number 1\r")
	if r := l.clean(t); r.Fetched != 0 || r.DeletedOnServer != 1 {
		t.Errorf("fetched %d, deleted %d there", r.Fetched, r.DeletedOnServer)
	}
	if row := l.row(t, "INBOX"); len(row.Generations) != 1 || row.MailboxID != "m1" {
		t.Errorf("now it is %+v", row)
	}
}

// Messages of another program's Maildir are tied, by date where that agrees, else by
// their bytes.
func TestAnotherProgramsMaildir(t *testing.T) {
	l := filled()
	l.folder(t, "INBOX")
	for n := range 4 {
		l.foreign(t, "INBOX/cur/"+string(rune('a'+n))+":2,S", body(n))
	}
	l.foreign(t, "INBOX/cur/mine:2,S", body(99))
	l.clean(t)
	l.clean(t)
	l.clean(t)
	l.idle(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		if len(m.Messages) != 9 {
			t.Errorf("%d messages on the server", len(m.Messages))
		}
		if !m.Find(1).Flags[`\Seen`] {
			t.Error("a flag of the file did not reach the server")
		}
	})
	want := append(l.onServer("INBOX", "Archive", "Lists/Go"), "INBOX "+strings.ReplaceAll(body(99), "\r\n", "\n"))
	slices.Sort(want)
	if got := l.bodies(t); !slices.Equal(got, want) {
		t.Errorf("%d files for %d messages", len(got), len(want))
	}
}

// A file that may be one of the messages that are to be fetched is not appended before they
// are here, which is said.
func TestAppendWaitsForWhatIsFetched(t *testing.T) {
	l := filled()
	l.policy.Append = true
	l.folder(t, "INBOX")
	l.foreign(t, "INBOX/cur/mine:2,S", body(99))
	w := &notes{}
	l.change = func(a *port.Account) { a.Watch = w }
	if r := l.clean(t); r.Appended != 0 || len(w.said) != 1 || !strings.HasPrefix(w.said[0], "not appended yet: 1 of") {
		t.Errorf("appended %d, and said %q", r.Appended, w.said)
	}
	if r := l.clean(t); r.Appended != 1 || len(w.said) != 1 {
		t.Errorf("appended %d, and said %q", r.Appended, w.said)
	}
}

// A dry run says what would be fetched, which is not what would be tied, and does nothing.
func TestDryRunTies(t *testing.T) {
	l := filled()
	numberedAnew(t, l)
	before := l.dump(t)
	w := &watched{}
	l.change = func(a *port.Account) { a.DryRun, a.Watch = true, w }
	l.clean(t)
	if got := strings.Join(w.fetches, "; "); strings.Count(got, "fetch") != 1 {
		t.Errorf("would %s", got)
	}
	if after := l.dump(t); after != before {
		t.Errorf("before %s\nafter %s", before, after)
	}
}

// watched notes which operations a dry run tells of, and the notes.
type watched struct {
	port.Watch
	fetches, notes []string
}

func (w *watched) Listed(int)           {}
func (w *watched) Planned(int, int64)   {}
func (w *watched) Arrived(int, int64)   {}
func (w *watched) Doing(string, string) {}
func (w *watched) Mailbox(string, bool) {}
func (w *watched) Note(box, text, hint string) {
	w.notes = append(w.notes, box+": "+text)
}
func (w *watched) Op(_ string, op plan.Op) {
	if op.Kind == plan.OpFetch {
		w.fetches = append(w.fetches, op.String())
	}
}

// A server that tells no Message-IDs makes every body be fetched once, and nothing doubled.
func TestNumberedAnewAndBackWithoutMessageIDs(t *testing.T) {
	l := filled()
	l.server.Mute = true
	l.clean(t)
	want := l.bodies(t)
	var before *mem.Mailbox
	l.server.Change("INBOX", func(m *mem.Mailbox) { before = m.Clone(); m.UIDValidity = 9999 })
	l.clean(t)
	if got := l.bodies(t); !slices.Equal(got, want) {
		t.Errorf("numbered anew: %q, want %q", got, want)
	}
	l.server.Restore(before)
	l.clean(t)
	if got := l.bodies(t); !slices.Equal(got, want) {
		t.Errorf("and back: %q, want %q", got, want)
	}
}

// After the numbers changed, verify finds nothing wrong: a file that has another identity
// now is not missing from the one it had.
func TestVerifyAfterNewNumbers(t *testing.T) {
	l := filled()
	l.clean(t)
	l.server.Restore(backup(t, l)) // three messages are only here, under the old numbers
	l.clean(t)
	l.clean(t)
	l.verified(t, l.verify(), "")
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Renumber(5000, 101) })
	l.clean(t)
	l.clean(t)
	l.verified(t, l.verify(), "")
	l.base = mem.NewBase()
	l.clean(t)
	l.clean(t)
	l.verified(t, l.verify(), "")
}
