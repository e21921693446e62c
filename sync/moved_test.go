package sync_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	"mailsync/backends/maildir"
	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// moveDir plays a user who moves a folder of the tree.
func (l *lab) moveDir(t testing.TB, from, to string) {
	t.Helper()
	if err := l.disk.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if err := l.disk.SyncDir(path.Dir(to)); err != nil {
		t.Fatal(err)
	}
	if err := l.disk.SyncDir(path.Dir(from)); err != nil {
		t.Fatal(err)
	}
}

// copyTo plays a user who copies a Maildir.
func (l *lab) copyTo(t testing.TB, from, to string) {
	t.Helper()
	if err := l.disk.Mkdir(to); err != nil {
		t.Fatal(err)
	}
	names, err := l.disk.Names(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		p := path.Join(from, name)
		if info, err := l.disk.Lstat(p); err != nil {
			t.Fatal(err)
		} else if info.IsDir() {
			l.copyTo(t, p, path.Join(to, name))
		} else if err := l.disk.Link(p, path.Join(to, name)); err != nil { // the bytes are what counts
			t.Fatal(err)
		}
	}
}

// marker reads a marker.
func (l *lab) marker(t testing.TB, dir string) state.Marker {
	t.Helper()
	md, err := maildir.Open(l.disk, maildir.Options{Now: l.disk.Now, Wait: l.disk.Wait}).Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := md.Marker()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (l *lab) setMarker(t testing.TB, dir string, m state.Marker) {
	t.Helper()
	md, err := maildir.Open(l.disk, maildir.Options{Now: l.disk.Now, Wait: l.disk.Wait}).Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := md.SetMarker(m); err != nil {
		t.Fatal(err)
	}
}

// refused runs once and expects that one mailbox is left alone as not ours, with a hint.
func (l *lab) refused(t testing.TB, mailbox, hint string) {
	t.Helper()
	r := l.run(nil, nil)
	if len(r.Problems) != 1 || r.Problems[0].Mailbox != mailbox || state.KindOf(r.Problems[0].Err) != state.Storage ||
		!strings.Contains(state.HintOf(r.Problems[0].Err), hint) {
		t.Fatalf("fatal %v, problems %v; want one of kind storage about %s, with a hint about %q", r.Fatal, r.Problems, mailbox, hint)
	}
}

func moved(a *port.Account) { a.Moved = true }

// A Maildir that the user moved is reported, and followed when the user says so.
func TestMaildirMovedByTheUser(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(map[bool]string{false: "state there", true: "state lost"}[lost], func(t *testing.T) {
			begin := func() *lab {
				l := filled()
				mirror(&l.policy)
				l.clean(t)
				l.moveDir(t, "Archive", "Elsewhere")
				if lost {
					l.base = mem.NewBase()
				}
				return l
			}
			l := begin()
			before := len(l.files(t))
			l.refused(t, "Archive", "--moved")
			if _, err := l.disk.Lstat("Archive"); err == nil {
				t.Error("it was made again in its old place")
			}
			l.change = moved
			if r := l.clean(t); r.Fetched+r.DeletedOnDisk+r.DeletedOnServer != 0 {
				t.Errorf("%+v", r)
			}
			if m := l.marker(t, "Elsewhere"); m.Path != "Elsewhere" || m.Raw != "Archive" {
				t.Errorf("its marker says %+v", m)
			}
			if n := len(l.files(t)); n != before {
				t.Errorf("%d files, want %d", n, before)
			}
			l.change = nil
			l.clean(t)
			l.idle(t)
			want := l.dump(t)

			for n := 1; ; n += stride(t) { // cut anywhere
				l := begin()
				l.change = moved
				step, reached := cutAt(n)
				l.run(nil, step)
				if !reached() {
					break
				}
				l.clean(t)
				l.change = nil
				l.clean(t)
				l.clean(t)
				l.idle(t)
				if got := l.dump(t); got != want {
					t.Fatalf("cut at step %d\n got %s\nwant %s", n, got, want)
				}
			}
		})
	}
}

// A copy of a Maildir in the tree is reported, and neither synced nor taken for the one.
func TestCopyOfAMaildir(t *testing.T) {
	t.Run("apart", func(t *testing.T) {
		l := filled()
		l.clean(t)
		l.copyTo(t, "INBOX", "Copy")
		w := &watched{}
		l.change = func(a *port.Account) { a.Full, a.Watch = true, w }
		l.clean(t)
		if !strings.Contains(strings.Join(w.notes, "\n"), `"Copy" is a copy of "INBOX"`) {
			t.Errorf("notes %q", w.notes)
		}
		l.change = nil
		l.idle(t)
	})
	t.Run("state lost", func(t *testing.T) {
		l := filled()
		l.clean(t)
		l.copyTo(t, "INBOX", "Copy")
		l.copyTo(t, "INBOX", "A copy")
		l.base = mem.NewBase()
		before := len(l.files(t))
		w := &watched{}
		l.change = func(a *port.Account) { a.Watch = w }
		if r := l.clean(t); r.Fetched != 0 {
			t.Errorf("fetched %d", r.Fetched)
		}
		if len(w.notes) != 2 || len(l.files(t)) != before {
			t.Errorf("notes %q, %d files of %d", w.notes, len(l.files(t)), before)
		}
		l.change = nil
		l.clean(t)
		l.idle(t)
		if row := l.row(t, "INBOX"); row.Path != "INBOX" {
			t.Errorf("INBOX is %q", row.Path)
		}
	})
	t.Run("where a mailbox belongs", func(t *testing.T) {
		l := filled()
		l.clean(t)
		l.copyTo(t, "INBOX", "Copy")
		l.server.Create("Copy")
		l.server.Change("Copy", func(m *mem.Mailbox) { m.Add(body(70), 1) })
		w := &watched{}
		l.change = func(a *port.Account) { a.Watch = w }
		if r := l.clean(t); r.Fetched != 1 || len(w.notes) != 1 {
			t.Errorf("fetched %d, notes %q", r.Fetched, w.notes)
		}
		if row := l.row(t, "Copy"); row.Path == "Copy" || row.Path == "" {
			t.Errorf("the mailbox is in %q", row.Path)
		}
		l.change = nil
		l.clean(t)
		l.idle(t)
	})
}

// row is a mailbox's row in the base.
func (l *lab) row(t testing.TB, raw string) state.MailboxRow {
	t.Helper()
	rows, err := l.base.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Raw == raw {
			return row
		}
	}
	return state.MailboxRow{}
}

// Another account's marker is seen in a run that has nothing else to do.
func TestAnotherAccountsMarker(t *testing.T) {
	l := filled()
	l.clean(t)
	l.disk.Wait(t.Context(), 1e9)
	m := l.marker(t, "Archive")
	m.AccountID = "somebody"
	l.setMarker(t, "Archive", m)
	l.disk.Wait(t.Context(), 1e9)
	before := l.dump(t)
	l.refused(t, "Archive", "a maildir of its own")
	l.server.Change("Archive", func(m *mem.Mailbox) { m.Add(body(70), 1) })
	l.refused(t, "Archive", "a maildir of its own")
	l.server.Change("Archive", func(m *mem.Mailbox) { m.Expunge(4) })
	if after := l.dump(t); strings.ReplaceAll(after, "Archive Archive 1001 false", "Archive Archive 1001 true") != before {
		t.Errorf("before %s\nafter %s", before, after)
	}
}

// A server under another name is the same server if its messages are.
func TestAnotherHost(t *testing.T) {
	elsewhere := func(a *port.Account) { a.Host, a.User = "mail.example.net", "ada@example.net" }
	both := func(a *port.Account) { elsewhere(a); a.Moved = true }
	t.Run("the same messages", func(t *testing.T) {
		l := filled()
		mirror(&l.policy)
		l.clean(t)
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1); m.Add(body(70), 1700000070) })
		l.change = elsewhere
		if r := l.clean(t); r.Fetched != 1 {
			t.Errorf("fetched %d", r.Fetched)
		}
		for _, dir := range []string{"INBOX", "Archive", "Lists/Go"} {
			if m := l.marker(t, dir); m.Host != "mail.example.net" || m.User != "ada@example.net" {
				t.Errorf("the marker of %s says %s at %s", dir, m.User, m.Host)
			}
		}
		l.clean(t)
		l.idle(t)
		l.base = mem.NewBase()
		if r := l.clean(t); r.Fetched != 0 {
			t.Errorf("with the state lost fetched %d", r.Fetched)
		}
	})
	t.Run("cut at every step", func(t *testing.T) {
		begin := func() *lab {
			l := filled()
			l.clean(t)
			l.change = elsewhere
			return l
		}
		end := func(l *lab) string {
			l.clean(t)
			l.clean(t)
			l.idle(t)
			return l.dump(t)
		}
		want := end(begin())
		for n := 1; ; n += stride(t) {
			l := begin()
			step, reached := cutAt(n)
			l.run(nil, step)
			if !reached() {
				break
			}
			if got := end(l); got != want {
				t.Fatalf("cut at step %d\n got %s\nwant %s", n, got, want)
			}
		}
	})
	for _, c := range []struct {
		name   string
		change func(*lab)
	}{
		{"other messages", func(l *lab) {
			l.server.Change("INBOX", func(m *mem.Mailbox) {
				for _, msg := range m.Messages {
					msg.Date++
				}
			})
		}},
		{"no message", func(l *lab) { l.server.Change("INBOX", func(m *mem.Mailbox) { m.Messages = nil }) }},
		{"another UIDVALIDITY", func(l *lab) { l.server.Change("INBOX", func(m *mem.Mailbox) { m.Renumber(7, 1) }) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := filled()
			mirror(&l.policy)
			l.clean(t)
			c.change(l)
			l.server.Create("New there")
			before, files := l.dump(t), l.bodies(t)
			l.change = elsewhere
			if r := l.run(nil, nil); state.KindOf(r.Fatal) != state.Storage || !strings.Contains(state.HintOf(r.Fatal), "--moved") {
				t.Errorf("fatal %v", r.Fatal)
			}
			if after := l.dump(t); after != before {
				t.Errorf("before %s\nafter %s", before, after)
			}
			l.change = both
			l.run(nil, nil)
			l.change = elsewhere
			l.clean(t)
			for _, b := range files {
				if c.name != "no message" && !slices.Contains(l.bodies(t), b) {
					t.Errorf("lost %.60q", b)
				}
			}
		})
	}
	t.Run("state lost", func(t *testing.T) {
		l := filled()
		l.clean(t)
		l.base = mem.NewBase()
		before := l.bodies(t)
		l.change = elsewhere
		if r := l.run(nil, nil); state.KindOf(r.Fatal) != state.Storage || !strings.Contains(state.HintOf(r.Fatal), "--moved") {
			t.Errorf("fatal %v", r.Fatal)
		}
		l.change = both
		if r := l.clean(t); r.Fetched != 0 {
			t.Errorf("fetched %d", r.Fetched)
		}
		l.change = elsewhere
		l.clean(t)
		l.idle(t)
		if got := l.bodies(t); !slices.Equal(got, before) {
			t.Errorf("%d files, before %d", len(got), len(before))
		}
	})
}

// The name of the account in the configuration plays no part.
func TestAccountRenamed(t *testing.T) {
	l := filled()
	l.clean(t)
	l.change = func(a *port.Account) { a.Name = "another" }
	l.idle(t)
}

// Where base and marker come from different times, neither is believed about what is
// missing, and what is there is found again.
func TestMarkerAndBaseOfDifferentTimes(t *testing.T) {
	for _, c := range []struct {
		name string
		mix  func(t *testing.T, l *lab) // renumbers INBOX in between
	}{
		{"the marker and the files are older", func(t *testing.T, l *lab) {
			l.copyTo(t, "INBOX", "backup")
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Renumber(5000, 101) })
			l.clean(t)
			l.moveDir(t, "INBOX", "away")
			l.moveDir(t, "backup", "INBOX")
			l.disk.Remove("away/mailsync.marker")
		}},
		{"the marker alone is older", func(t *testing.T, l *lab) {
			m := l.marker(t, "INBOX")
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Renumber(5000, 101) })
			l.clean(t)
			l.setMarker(t, "INBOX", m)
		}},
		{"the base is older", func(t *testing.T, l *lab) {
			older := l.base
			l.base = copyBase(t, older)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Renumber(5000, 101) })
			l.clean(t)
			l.base = older
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := filled()
			mirror(&l.policy)
			l.clean(t)
			c.mix(t, l)
			inbox := func() (out []string) {
				for _, b := range l.bodies(t) {
					if strings.HasPrefix(b, "INBOX ") {
						out = append(out, b)
					}
				}
				return out
			}
			before := inbox()
			if r := l.clean(t); r.Fetched+r.DeletedOnDisk+r.DeletedOnServer != 0 {
				t.Errorf("%+v", r)
			}
			if got := inbox(); !slices.Equal(got, before) || len(got) != 9 {
				t.Errorf("%d files, before %d", len(got), len(before))
			}
			l.clean(t)
			l.idle(t)
		})
	}
}

// copyBase makes a base that knows what another one knows.
func copyBase(t testing.TB, from *mem.Base) *mem.Base {
	t.Helper()
	to := mem.NewBase()
	ctx := t.Context()
	row, err := from.Account(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.SetAccount(ctx, row); err != nil {
		t.Fatal(err)
	}
	rows, err := from.Mailboxes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		ids := row.Generations
		row.ID, row.Generations = 0, slices.Clone(ids)
		for i := range row.Generations {
			row.Generations[i].ID = 0
		}
		if err := to.SaveMailbox(ctx, &row); err != nil {
			t.Fatal(err)
		}
		for i, g := range ids {
			recs, err := from.Records(ctx, g.ID)
			if err != nil {
				t.Fatal(err)
			}
			if err := to.Commit(ctx, state.Commit{Gen: row.Generations[i].ID, Put: recs}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return to
}

// A file that comes into a Maildir while a run settles it is looked for by the next run,
// although that Maildir has not changed since.
func TestMovedWhileTheRunSettles(t *testing.T) {
	l := filled()
	l.policy.Append, l.policy.OnDiskDelete = true, plan.Delete
	l.clean(t)
	l.clean(t)
	l.server.Change("Archive", func(m *mem.Mailbox) { m.Flag(1, `\Flagged`, true) })
	carried := false
	l.run(nil, func(s string) error {
		if strings.HasPrefix(s, "flag Archive") && !carried {
			l.carry(t, "no end of line", "Archive", "S")
			carried = true
		}
		return nil
	})
	if !carried {
		t.Fatal("no file was flagged")
	}
	for range 3 {
		l.clean(t)
	}
	l.idle(t)
	if there := l.onServer("Archive"); !slices.ContainsFunc(there, func(b string) bool { return strings.Contains(b, "no end of line") }) {
		t.Errorf("Archive holds %q", there)
	}
}
