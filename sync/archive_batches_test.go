package sync_test

import (
	"context"
	"testing"
	"time"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
)

// departedBase counts how often all that ever left a mailbox is read.
type departedBase struct {
	port.Base
	asked int
}

func (b *departedBase) Departures(ctx context.Context, gen state.GenID) ([]state.Departure, error) {
	b.asked++
	return b.Base.Departures(ctx, gen)
}

// An archive run takes its messages in batches. What left before is not read again for each of them, or the time
// would grow with the square of the messages.
func TestArchiveReadsDeparturesOnce(t *testing.T) {
	asked := func(messages int) int {
		l := newLab()
		l.disk.Wait(t.Context(), time.Unix(1_900_000_000, 0).Sub(l.disk.Now()))
		l.server.Change("INBOX", func(m *mem.Mailbox) {
			for i := range messages {
				m.Add(body(i), 1_500_000_000+int64(i), `\Seen`)
			}
		})
		l.clean(t)
		base := &departedBase{}
		l.archived(t, func(a *port.Account) {
			inPlace(a)
			base.Base, a.Base = a.Base, base
		})
		if left := l.onServer("INBOX"); len(left) > 0 {
			t.Errorf("%d messages are left", len(left))
		}
		return base.asked
	}
	if few, many := asked(10), asked(650); many > few {
		t.Errorf("they are read %d times for 650 messages, and %d times for 10", many, few)
	}
}
