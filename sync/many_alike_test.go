package sync_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"mailsync/backends/maildir"
	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
)

// Logs that a machine mails each minute have one size, one second's date and no Message-ID. What is the same
// only their bytes tell, and thousands of them must not be compared each with every other one.

const fewAlike, manyAlike = 300, 1500

// alikeLab is a lab with n messages of one size and date, without Message-IDs, after a run.
func alikeLab(t testing.TB, n int) *lab {
	l := newLab()
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for i := range n {
			m.Add(fmt.Sprintf("Subject: %06d\r\n\r\nalike\r\n", i), 1_700_000_000, `\Seen`)
		}
	})
	l.clean(t)
	return l
}

// backwards is a server that has the messages in the reverse of the order in which they came: what is looked
// for first lies last.
func backwards(s *mem.Server, uidValidity uint32) {
	s.Change("INBOX", func(m *mem.Mailbox) {
		slices.Reverse(m.Messages)
		m.Renumber(uidValidity, 1)
	})
}

// counted is a Maildir that counts how often a file is read.
type counted struct {
	port.Maildir
	reads *atomic.Int64
}

func (c counted) Inspect(name string, want *state.Proof) (state.Received, error) {
	c.reads.Add(1)
	return c.Maildir.Inspect(name, want)
}

type countedTree struct {
	port.Tree
	reads *atomic.Int64
}

func (c countedTree) Open(path string) (port.Maildir, error) {
	m, err := c.Tree.Open(path)
	if err != nil {
		return nil, err
	}
	return counted{m, c.reads}, nil
}

func TestRestoreOfManyAlike(t *testing.T) {
	p := newPort(alikeLab(t, fewAlike))
	ok(t, p.restore(t, nil), fewAlike, 0)
	backwards(p.server, 4711)
	p.base = mem.NewBase()
	ok(t, p.restore(t, nil), 0, fewAlike)
}

func TestTiesOfManyAlikeReadEachFileAFewTimes(t *testing.T) {
	for _, c := range []struct {
		name string
		lose func(*lab)
	}{
		{"numbered anew", func(*lab) {}},
		{"no state", func(l *lab) { l.base = mem.NewBase() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := alikeLab(t, manyAlike)
			c.lose(l)
			backwards(l.server, 4711)
			var reads atomic.Int64
			l.change = func(a *port.Account) {
				a.Tree = countedTree{tree{maildir.Open(l.disk, maildir.Options{Now: l.disk.Now, Wait: l.disk.Wait})}, &reads}
			}
			l.clean(t)
			if n := reads.Load(); n > 5*manyAlike {
				t.Errorf("%d files were read %d times", manyAlike, n)
			}
			l.change = nil
			if n := len(l.files(t)); n != manyAlike {
				t.Errorf("%d files are here, want %d", n, manyAlike)
			}
			l.clean(t)
			l.idle(t)
		})
	}
}
