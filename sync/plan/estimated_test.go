package plan

import (
	"testing"

	"mailsync/state"
)

// Another size says nothing about a message where sizes are estimates, and it is not fetched for it; but
// nothing of it is proven any more that would let it leave the server.
func TestEstimatedAnew(t *testing.T) {
	for _, c := range []struct {
		was, want state.Status
		tries     uint8
	}{
		{state.Live, state.Longer, 1},
		{state.Longer, state.Longer, 1},
		{state.Lacking, state.Lacking, 1},
		{state.KeptAway, state.KeptAway, 0},
		{state.Skipped, state.Skipped, 0},
		{state.Released, state.Doubtful, 0},
		{state.Doubtful, state.Doubtful, 0},
	} {
		rec := state.Record{UID: 1, Status: c.was, Size: 100, Date: 5}
		if c.was.Misfit() {
			rec.Tries = 2
		}
		got := relearn(rec, view{server: yes, size: 90, date: 5}, true)
		if got.Status != c.want || got.Tries != c.tries || got.Size != 90 {
			t.Errorf("%v is %v after %d tries, of %d octets", c.was, got.Status, got.Tries, got.Size)
		}
		if Leavable(got, true) {
			t.Errorf("%v may leave", c.was)
		}
		if Again(got, false) != (got.Status == state.Doubtful) {
			t.Errorf("%v is fetched again: %v", c.was, Again(got, false))
		}
		if other := relearn(rec, view{server: yes, size: 90, date: 6}, true); other.Status == c.was && c.was != state.Doubtful {
			t.Errorf("%v with another date is %v", c.was, other.Status)
		}
	}
}
