package sync_test

import (
	"errors"
	"slices"
	"testing"

	"mailsync/internal/testkit/mem"
)

// A file that was moved between Maildirs of which one cannot be looked at in this run: once it
// can, the move is carried out.
func TestMoveWhereOneMailboxFails(t *testing.T) {
	for _, failing := range []string{"Archive", "INBOX"} {
		t.Run(failing, func(t *testing.T) {
			l := filled()
			mirror(&l.policy)
			l.policy.Append = true
			l.clean(t)
			l.clean(t)
			l.carry(t, "long", "INBOX", "S")
			for _, raw := range []string{"Archive", "INBOX"} {
				l.server.Change(raw, func(m *mem.Mailbox) { m.Add(body(80), 1700000080) })
			}
			l.server.Command = func(name, raw string) error {
				if name == "SCAN" && raw == failing {
					return errors.New("not now")
				}
				return nil
			}
			l.failing(t)
			l.server.Command = nil
			l.clean(t)
			l.clean(t) // of what the move did to MODSEQ
			l.clean(t)
			l.idle(t)
			server, disk := l.onServer("INBOX", "Archive", "Lists/Go"), l.bodies(t)
			slices.Sort(server)
			if !slices.Equal(server, disk) {
				t.Errorf("%d on the server, %d here, or in other mailboxes", len(server), len(disk))
			}
			if n := l.count("INBOX"); n != 11 {
				t.Errorf("%d in INBOX on the server, want 11", n)
			}
		})
	}
}
