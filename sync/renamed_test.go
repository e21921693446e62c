package sync_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
)

// tall is an account with a mailbox below another one.
func tall(ids bool) *lab {
	l := filled()
	mirror(&l.policy)
	l.server.Create("Archive/2024")
	l.server.Change("Archive/2024", func(m *mem.Mailbox) { m.Add(body(60), 1600000060); m.Add(body(61), 1600000061) })
	if ids {
		for _, raw := range []string{"INBOX", "Archive", "Archive/2024", "Lists/Go"} {
			l.server.Change(raw, func(m *mem.Mailbox) { m.ID = "id of " + raw })
		}
	}
	return l
}

func TestMailboxRenamedOnTheServer(t *testing.T) {
	for _, c := range []struct {
		name   string
		ids    bool
		rename func(t *testing.T, l *lab)
		paths  map[string]string // by mailbox
		fetch  int
	}{
		{"with all that lies below it", false, func(t *testing.T, l *lab) {
			l.server.Rename("Archive", "Old/Work")
			l.server.Rename("Archive/2024", "Old/Work/2024")
		}, map[string]string{"Old/Work": "Old/Work", "Old/Work/2024": "Old/Work/2024"}, 0},
		{"by MAILBOXID, though nothing else is the same", true, func(t *testing.T, l *lab) {
			l.server.Rename("Archive/2024", "Past")
			l.server.Change("Past", func(m *mem.Mailbox) { m.Expunge(1, 2); m.Add(body(62), 1600000062) })
		}, map[string]string{"Past": "Past"}, 1},
		{"one below keeps its name: so does the folder", false, func(t *testing.T, l *lab) {
			l.server.Rename("Archive", "Work")
		}, map[string]string{"Work": "Archive", "Archive/2024": "Archive/2024"}, 0},
		{"its place is taken by another folder", false, func(t *testing.T, l *lab) {
			l.folder(t, "Past")
			l.server.Rename("Archive/2024", "Past")
		}, map[string]string{"Past": "Archive/2024"}, 0},
		{"changed besides", false, func(t *testing.T, l *lab) {
			l.server.Rename("Archive/2024", "Past")
			l.server.Change("Past", func(m *mem.Mailbox) { m.Expunge(1); m.Add(body(62), 1600000062) })
		}, map[string]string{"Past": "Past"}, 1},
		{"another mailbox with the same numbers", false, func(t *testing.T, l *lab) {
			l.server.Rename("Archive/2024", "Past")
			l.server.Change("Past", func(m *mem.Mailbox) { m.Messages[1].Date++ })
		}, map[string]string{"Past": "Past", "Archive/2024": "Archive/2024"}, 2},
		{"another MAILBOXID", true, func(t *testing.T, l *lab) {
			l.server.Rename("Archive/2024", "Past")
			l.server.Change("Past", func(m *mem.Mailbox) { m.ID = "another" })
		}, map[string]string{"Past": "Past", "Archive/2024": "Archive/2024"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin := func() *lab {
				l := tall(c.ids)
				l.clean(t)
				c.rename(t, l)
				return l
			}
			l := begin()
			before := len(l.files(t))
			r := l.clean(t)
			if r.Fetched != c.fetch || r.DeletedOnServer != 0 {
				t.Errorf("fetched %d, want %d; deleted there %d", r.Fetched, c.fetch, r.DeletedOnServer)
			}
			for raw, path := range c.paths {
				if row := l.row(t, raw); row.Path != path {
					t.Errorf("%s is in %q, want %q", raw, row.Path, path)
				}
				if m := l.marker(t, path); m.Path != path || m.Raw != raw {
					t.Errorf("the marker in %s says %q in %q", path, m.Raw, m.Path)
				}
			}
			if n := len(l.files(t)); n != before+c.fetch-r.DeletedOnDisk {
				t.Errorf("%d files, before %d", n, before)
			}
			l.clean(t)
			l.clean(t)
			l.idle(t)
			want := l.dump(t)

			for n := 1; ; n += stride(t) {
				l := begin()
				step, reached := cutAt(n)
				l.run(nil, step)
				if !reached() {
					break
				}
				l.clean(t)
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

// What a mailbox says its MAILBOXID is where it is opened counts, not what the listing tells.
func TestRenamedMailboxIsFoundByTheIDThatItTellsItself(t *testing.T) {
	l := tall(true)
	l.clean(t)
	l.server.Rename("Archive/2024", "Past")
	l.server.Change("Past", func(m *mem.Mailbox) { m.ListedID = "garbage"; m.Expunge(1, 2); m.Add(body(62), 1600000062) })
	if r := l.clean(t); r.Fetched != 1 || l.row(t, "Past").Path != "Past" {
		t.Errorf("fetched %d, and it is in %q", r.Fetched, l.row(t, "Past").Path)
	}
}

// A name that could not be read proves that nothing is missing.
func TestNothingIsRenamedOnAPartialListing(t *testing.T) {
	l := tall(true)
	l.clean(t)
	l.server.Rename("Archive/2024", "Past")
	l.change = func(a *port.Account) { a.Server = broken{l.server} }
	r := l.run(nil, nil)
	if row := l.row(t, "Past"); row.Path != "Past" || r.Fetched != 2 {
		t.Errorf("it is in %q, fetched %d", row.Path, r.Fetched)
	}
	if m := l.marker(t, "Archive/2024"); m.Raw != "Archive/2024" {
		t.Errorf("the old Maildir is that of %q", m.Raw)
	}
}

// A dry run renames nothing.
func TestDryRunOfARename(t *testing.T) {
	l := tall(true)
	l.clean(t)
	l.server.Rename("Archive/2024", "Past")
	before := strings.Join(l.bodies(t), "\n")
	l.change = func(a *port.Account) { a.DryRun = true }
	if r := l.clean(t); r.Fetched != 0 {
		t.Errorf("fetched %d", r.Fetched)
	}
	if after := strings.Join(l.bodies(t), "\n"); after != before {
		t.Error("files were moved")
	}
	l.change = nil
	l.clean(t)
	if row := l.row(t, "Past"); row.Path != "Past" {
		t.Errorf("it is in %q", row.Path)
	}
}

// A mailbox that cannot be looked at is not taken for another one, and told about.
func TestRenameThatCannotBeLookedAt(t *testing.T) {
	l := tall(false)
	l.clean(t)
	l.server.Rename("Archive/2024", "Past")
	l.server.Command = func(name, raw string) error {
		if raw == "Past" {
			return errors.New("the server answered NO")
		}
		return nil
	}
	if got := l.failing(t); !strings.HasPrefix(got, "Past ") {
		t.Errorf("problems %q", got)
	}
	l.server.Command = nil
	before := l.bodies(t)
	l.clean(t)
	if got := l.bodies(t); len(got) != len(before) || slices.Equal(got, before) {
		t.Errorf("%d files, before %d", len(got), len(before))
	}
}

// broken lists a name that cannot be read.
type broken struct{ port.Server }

func (b broken) List(ctx context.Context, want func(state.Listed) bool) (*state.Listing, error) {
	l, err := b.Server.List(ctx, want)
	if l != nil {
		l.Broken = append(l.Broken, "&*-")
	}
	return l, err
}
