package sync_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
)

// noStore is a server that refuses every change of flags.
type noStore struct{ port.Server }

func (noStore) Store(context.Context, state.StoreRequest) (state.Stored, error) {
	return state.Stored{}, errors.New("not now")
}

// Mailboxes that failed, and mailboxes in which files of those are, are settled at the same time (-race).
func TestSettlingBesideAFailedMailbox(t *testing.T) {
	const pairs = 6
	l := newLab()
	for i := range pairs {
		for _, raw := range []string{fmt.Sprint("From", i), fmt.Sprint("To", i)} {
			l.server.Create(raw)
			l.server.Change(raw, func(m *mem.Mailbox) {
				for n := range 3 {
					m.Add(fmt.Sprintf("Subject: %s\r\n\r\nnumber %d\r\n", raw, n), 1700000000)
				}
			})
		}
	}
	l.change = func(a *port.Account) { a.Connections = 3 }
	l.clean(t)
	l.idle(t)
	for i := range pairs {
		from, to := fmt.Sprint("From", i), fmt.Sprint("To", i)
		names, err := l.disk.Names(from + "/new")
		if err != nil || len(names) != 3 {
			t.Fatal(names, err)
		}
		if err := l.disk.Link(path.Join(from, "new", names[1]), path.Join(to, "cur", names[1]+":2,")); err != nil {
			t.Fatal(err)
		}
		if err := l.disk.Rename(path.Join(from, "new", names[2]), path.Join(from, "cur", names[2]+":2,S")); err != nil {
			t.Fatal(err)
		}
	}
	l.change = func(a *port.Account) { a.Connections, a.Server = 3, noStore{a.Server} }
	for run := range 2 {
		if r := l.run(nil, nil); len(r.Problems) != pairs || r.Fatal != nil {
			t.Fatalf("run %d: %v %v", run, r.Problems, r.Fatal)
		}
	}
	l.change = func(a *port.Account) { a.Connections = 3 }
	l.clean(t)
	l.clean(t)
	l.idle(t)
}
