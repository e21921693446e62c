package sync_test

import (
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/sync/port"
)

// All mailboxes are looked at, on both sides, before the first of them is claimed or tied: whatever a dry run asks
// of the server has been asked by then.
func TestNothingIsChangedWhileBothSidesAreLookedAt(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T) *lab{
		"a new account": func(*testing.T) *lab { return filled() },
		"numbered anew": func(t *testing.T) *lab {
			l := filled()
			numberedAnew(t, l)
			return l
		},
		"a lost state": func(t *testing.T) *lab {
			l := filled()
			l.clean(t)
			l.base = mem.NewBase()
			return l
		},
		"a lost marker": func(t *testing.T) *lab {
			l := filled()
			l.clean(t)
			if err := l.disk.Remove("INBOX/mailsync.marker"); err != nil {
				t.Fatal(err)
			}
			l.server.Change("Archive", func(m *mem.Mailbox) { m.Renumber(7, 101) })
			return l
		},
	} {
		t.Run(name, func(t *testing.T) {
			dry := begin(t)
			before := dry.server.Commands()
			dry.change = func(a *port.Account) { a.DryRun = true }
			dry.clean(t)
			want := dry.server.Commands() - before

			l := begin(t)
			before = l.server.Commands()
			step, asked := "", int64(0)
			l.run(nil, func(s string) error {
				if step == "" {
					step, asked = s, l.server.Commands()-before
				}
				return nil
			})
			if step == "" || asked != want {
				t.Errorf("before %q the server was asked %d times, want %d", step, asked, want)
			}
		})
	}
}
