package sync_test

import (
	"slices"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/restore"
)

// Mail without a date is not older than anything: it is restored whatever --since says, and
// without a date, for the time in its file's name is when it came.
func TestRestoreWithoutDates(t *testing.T) {
	l := newLab()
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Add(body(1), state.NoDate, `\Seen`)
		m.Add(body(2), 1_500_000_000, `\Seen`)
		m.Add(body(3), 1_700_000_001, `\Seen`)
	})
	l.clean(t)
	p := newPort(l)
	p.change = func(r *restore.Restore) { r.Since = 1_700_000_000 }
	ok(t, p.restore(t, nil), 2, 0)
	sn, err := p.server.Scan(t.Context(), state.ScanRequest{Raw: "INBOX", Full: true})
	if err != nil {
		t.Fatal(err)
	}
	var dates []int64
	for _, m := range sn.Messages {
		dates = append(dates, m.Date)
	}
	slices.Sort(dates)
	if !slices.Equal(dates, []int64{state.NoDate, 1_700_000_001}) {
		t.Errorf("dates are %d", dates)
	}
}
