package sync_test

import (
	"testing"
	"time"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
)

// proof is what the base can prove of a message.
func (l *lab) proof(t testing.TB, raw string, uid state.UID) state.Proof {
	t.Helper()
	rows, err := l.base.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Raw == raw {
			proofs, err := l.base.Proofs(t.Context(), row.Current().ID, nil)
			if err != nil {
				t.Fatal(err)
			}
			return proofs[uid]
		}
	}
	return state.Proof{}
}

// A proof says since when the bytes are durable here. Fetching the same bytes once more
// makes them no younger; adopting a file, when nothing is known of it, dates it anew.
func TestProofsSaySinceWhen(t *testing.T) {
	l := newLab()
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Add(body(1), 1700000001)
		m.Add(body(2), 1700000002)
		m.Find(2).Size = 7 // doubtful: fetched once more in the next run
	})
	hour := func() { l.disk.Wait(t.Context(), time.Hour) }
	hour()
	first := l.disk.Now().Unix()
	l.clean(t)
	if got := l.proof(t, "INBOX", 1); !got.ByServer || got.Fetched < first || got.Fetched > first+1 {
		t.Fatalf("fetched at %d, the proof says %+v", first, got)
	}
	doubtful := l.proof(t, "INBOX", 2)
	hour()
	l.clean(t)
	if got := l.record(t, "INBOX", 2); got.Status != state.Longer || got.Tries != 2 {
		t.Fatalf("the second fetch left %v", got.Status)
	}
	if got := l.proof(t, "INBOX", 2); got != doubtful {
		t.Errorf("the same bytes again made %+v of %+v", got, doubtful)
	}
	hour()
	l.base = mem.NewBase()
	adopted := l.disk.Now().Unix()
	l.clean(t)
	if got := l.proof(t, "INBOX", 1); got.Fetched < adopted || got.Fetched > adopted+1 {
		t.Errorf("adopted at %d, the proof says %+v", adopted, got)
	}
}
