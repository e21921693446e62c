package plan

import (
	"testing"

	"pgregory.net/rapid"

	"mailsync/state"
)

func TestFit(t *testing.T) {
	const k64 = 64 << 10
	for _, c := range []struct {
		announced, came int64
		headed          bool
		want            state.Status
	}{
		{100, 100, true, state.Live},
		{100, 100, false, state.Live}, // there is nothing to go by
		{-1, 0, false, state.Live},
		{0, 0, false, state.Live},
		{100, 101, true, state.Longer},
		{0, 1, false, state.Longer},
		{1000, 999, true, state.Shorter},
		{1000, 900, true, state.Shorter},
		{1000, 899, true, state.Lacking},
		{1000, 950, false, state.Lacking},
		{32 << 10, 0, false, state.Lacking},
		{5, 0, true, state.Lacking},
		{1 << 20, 1<<20 - k64, true, state.Shorter},
		{1 << 20, 1<<20 - k64 - 1, true, state.Lacking},
		{9, 8, true, state.Lacking}, // a tenth of nine is nothing
	} {
		if got := fit(c.announced, c.came, c.headed); got != c.want {
			t.Errorf("%d of %d octets, headed %v: %v, want %v", c.came, c.announced, c.headed, got, c.want)
		}
	}
}

func TestLeavable(t *testing.T) {
	for _, c := range []struct {
		rec              state.Record
		exact, estimates bool
	}{
		{state.Record{Status: state.Live}, true, true},
		{state.Record{Status: state.Released}, true, true},
		{state.Record{Status: state.Longer, Tries: 1}, false, false},
		{state.Record{Status: state.Longer, Tries: 2}, true, true},
		{state.Record{Status: state.Shorter, Tries: 1}, false, false},
		{state.Record{Status: state.Shorter, Tries: 2}, false, true},
		{state.Record{Status: state.Lacking, Tries: 2}, false, false},
		{state.Record{Status: state.Unstable, Tries: 2}, false, false},
		{state.Record{Status: state.Doubtful}, false, false},
		{state.Record{Status: state.Outstanding}, false, false},
		{state.Record{Status: state.KeptAway}, false, false},
	} {
		if exact, est := Leavable(c.rec, false), Leavable(c.rec, true); exact != c.exact || est != c.estimates {
			t.Errorf("%v, %d tries: %v, and %v where sizes are estimates; want %v, %v", c.rec.Status, c.rec.Tries, exact, est, c.exact, c.estimates)
		}
	}
}

// Whatever is fetched, and how often: what may leave the server was as long as announced, or came twice
// alike and is longer, or a little shorter where sizes are estimates.
func TestWhatMayLeave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		announced := int64(rapid.IntRange(0, 300).Draw(t, "announced"))
		rec := state.Record{Status: state.Outstanding, Size: announced}
		here, same := int64(-1), 0 // what the file holds, and in how many sessions in a row that came
		for range rapid.IntRange(1, 6).Draw(t, "fetches") {
			came := int64(rapid.SampledFrom([]int{0, 150, 280, 290, 300, 310}).Draw(t, "came"))
			var other bool
			was := rec.Status
			rec, other = Judge(rec, Body{Octets: came, Headed: came > 0, Found: here == came, Occupied: here >= 0 && here != came})
			switch {
			case came == here:
				same++
			case here < 0 || other || rec.Status == state.Live || came > here:
				here, same = came, 1
			default:
				same = 1
			}
			if other && was != state.Live && was != state.Doubtful {
				t.Fatalf("%v: %d octets beside %d are taken for another message", was, came, here)
			}
		}
		for _, estimates := range []bool{false, true} {
			if !Leavable(rec, estimates) {
				continue
			}
			short := announced - here
			if short != 0 && (same < 2 || short > 0 && (!estimates || here == 0 || short > announced/10)) {
				t.Fatalf("%v leaves: %d of %d octets are here, which came %d times alike (estimates: %v)", rec.Status, here, announced, same, estimates)
			}
		}
	})
}

func TestEstimates(t *testing.T) {
	for _, c := range []struct {
		misfits, here, onlyHere int
		want                    bool
	}{{19, 19, 0, false}, {20, 20, 0, true}, {20, 200, 0, true}, {20, 201, 0, false}, {20, 300, 100, true}, {0, 0, 0, false}} {
		rows := []state.MailboxRow{{Generations: []state.Generation{{Tally: state.Tally{Misfits: c.misfits}}, {Tally: state.Tally{Here: c.here, OnlyHere: c.onlyHere}}}}}
		if got := Estimates(rows); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// A message that went and came again is not forgotten to be in doubt.
func TestDoubtOutlivesAnAbsence(t *testing.T) {
	for _, c := range []struct{ was, want state.Record }{
		{state.Record{UID: 1, Status: state.Lacking, Tries: 2, Size: 9}, state.Record{UID: 1, Status: state.Doubtful, Size: 9}},
		{state.Record{UID: 1, Status: state.Unstable, Tries: 2, Size: 9}, state.Record{UID: 1, Status: state.Doubtful, Size: 9}},
		{state.Record{UID: 1, Status: state.Live, Size: 9}, state.Record{UID: 1, Status: state.Live, Size: 9}},
		{state.Record{UID: 1, Status: state.Live, Tries: LengthAccepted, Size: 9}, state.Record{UID: 1, Status: state.Live, Tries: LengthAccepted, Size: 9}},
	} {
		away := &state.ServerSnapshot{All: true, Complete: true}
		gone := Learn(World{Base: []state.Record{c.was}, Server: away})
		there := &state.ServerSnapshot{All: true, Complete: true, Messages: []state.OnServer{{UID: 1, Size: 9}}}
		got := Learn(World{Base: gone, Server: there})
		if len(gone) != 1 || gone[0].Status != state.Gone || len(got) != 1 || got[0] != c.want {
			t.Errorf("%+v went as %+v and came as %+v, want %+v", c.was, gone, got, c.want)
		}
	}
}
