package sync_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
)

// marker is a server that marks what is fetched and, as a backup's backend, only says so.
type marker struct {
	*mem.Server
	undone bool
	unseen []state.UID
}

func (m *marker) Fetch(ctx context.Context, work state.Work) error {
	err := m.Server.Fetch(ctx, unseenOf{work, m})
	if err == nil && len(m.unseen) > 0 {
		work.(state.SeenWork).Marked("INBOX", m.unseen, m.undone)
	}
	return err
}

// unseenOf hears what is said to be unseen.
type unseenOf struct {
	state.Work
	m *marker
}

func (u unseenOf) Next(selected string) (state.Item, bool) {
	it, ok := u.Work.Next(selected)
	u.m.unseen = append(u.m.unseen, it.Unseen...)
	return it, ok
}

// The user hears of a server that marks what is fetched, unless that was taken back; and
// only what the scan saw unseen is spoken of.
func TestAServerThatMarksWhatIsFetched(t *testing.T) {
	for _, undone := range []bool{false, true} {
		l := newLab()
		l.server.Change("INBOX", func(m *mem.Mailbox) {
			m.Add("Subject: 1\r\n\r\nx\r\n", 1700000000)
			m.Add("Subject: 2\r\n\r\nx\r\n", 1700000000, `\Seen`)
			m.Add("Subject: 3\r\n\r\nx\r\n", 1700000000)
		})
		m := &marker{Server: l.server, undone: undone}
		heard := &notes{}
		l.change = func(a *port.Account) { a.Server, a.Watch = m, heard }
		l.clean(t)
		if !slices.Equal(m.unseen, []state.UID{1, 3}) {
			t.Errorf("unseen are %v", m.unseen)
		}
		told := slices.ContainsFunc(heard.said, func(s string) bool { return strings.Contains(s, "marked 2 messages as read") })
		if told == undone {
			t.Errorf("undone %v: said %q", undone, heard.said)
		}
	}
}
