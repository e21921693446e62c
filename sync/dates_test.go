package sync_test

import (
	"slices"
	"testing"
	"time"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
	"mailsync/sync/restore"
)

// An earlier version took a server's zero for a date, and recorded it. Now that the server tells
// none, the record does not say so either: nothing is in doubt, and the message is not old.
func TestArchiveWithADateOfAnEarlierVersion(t *testing.T) {
	l := newLab()
	l.disk.Wait(t.Context(), time.Unix(1_900_000_000, 0).Sub(l.disk.Now()))
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Add(body(1), state.NoDate, `\Seen`)
		m.Add(body(2), 1_500_000_000, `\Seen`)
		m.Add(body(3), state.NoDate, `\Seen`)
	})
	l.clean(t)
	rows, err := l.base.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gen := rows[0].Current().ID
	records, err := l.base.Records(t.Context(), gen)
	if err != nil {
		t.Fatal(err)
	}
	for i, date := range []int64{-2_209_181_400, records[1].Date, 0} {
		records[i].Date = date
	}
	if err := l.base.Commit(t.Context(), state.Commit{Gen: gen, Put: records}); err != nil {
		t.Fatal(err)
	}
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(4), 1_899_999_000, `\Seen`) })
	if r := l.clean(t); r.Fetched != 1 {
		t.Errorf("%d were fetched", r.Fetched)
	}
	r := l.archived(t, func(a *port.Account) { inPlace(a); a.Full = true })
	if r.Released.Gone != 1 || r.Fetched != 0 {
		t.Errorf("%d went, %d were fetched", r.Released.Gone, r.Fetched)
	}
	if got := l.onServer("INBOX"); !slices.Equal(sorted(got), sorted([]string{"INBOX " + body(1), "INBOX " + body(3), "INBOX " + body(4)})) {
		t.Errorf("on the server are %q", got)
	}
}

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
