package sync_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/mem"
	"mailsync/sync/port"
)

// What a run finds in a Maildir may not be durable yet: another program did it, or a run
// that was killed. Before the base says so it is, for if the power then failed, what came
// back would look like the user's doing, and be carried over.
func TestWhatIsLearnedOfTheDiskIsDurable(t *testing.T) {
	for _, c := range []struct {
		name string
		act  func(*lab)
	}{
		{"a message that was fetched", func(l *lab) {
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(2), 1700000002, `\Seen`) })
		}},
		{"a flag of the server's", func(l *lab) {
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(1, `\Flagged`, true) })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(20) {
				l := newLab()
				mirror(&l.policy)
				l.torn = true // what a crash brings back to tmp stays until that mailbox is opened
				l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(1), 1700000001, `\Seen`) })
				l.clean(t)
				c.act(l)
				l.run(nil, func(step string) error { // killed before it could make that durable
					if strings.HasPrefix(step, "sync directories") {
						return errors.New("killed")
					}
					return nil
				})
				l.clean(t)
				l.disk = l.disk.Crash(rand.New(rand.NewPCG(seed, 1)))
				l.disk.Wait(t.Context(), time.Hour)
				l.change = func(a *port.Account) { a.Full = true }
				l.clean(t)
				l.clean(t)
				l.server.Change("INBOX", func(m *mem.Mailbox) {
					if msg := m.Find(1); c.name == "a flag of the server's" && (msg == nil || !msg.Flags[`\Flagged`]) {
						t.Errorf("power cut %d: the server's flag was undone", seed)
					}
				})
				if n := len(l.files(t)); n != len(l.onServer("INBOX")) || c.name == "a message that was fetched" && n != 2 {
					t.Errorf("power cut %d: on the server %q, here %q", seed, l.onServer("INBOX"), l.bodies(t))
				}
			}
		})
	}
}
