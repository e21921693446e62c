package sync

import (
	"testing"

	"mailsync/state"
)

// Where the messages of a mailbox are adds up to what the server counted of it.
func TestStandingOf(t *testing.T) {
	var records []state.Record
	for i, status := range []state.Status{state.Live, state.OnlyHere, state.KeptAway, state.Skipped, state.Accepted,
		state.Outstanding, state.Gone, state.Doubtful, state.Unstable, state.Released, state.Archived} {
		records = append(records, state.Record{UID: state.UID(i + 1), Status: status})
	}
	saw := func(exists uint32, all, complete bool, uids ...state.UID) *state.ServerSnapshot {
		s := &state.ServerSnapshot{Mark: state.Mark{Exists: exists}, All: all, Complete: complete}
		for _, uid := range uids {
			s.Messages = append(s.Messages, state.OnServer{UID: uid})
		}
		return s
	}
	whole := standing{onServer: 8, here: 4, outstanding: 1, keptAway: 1, skipped: 1, doubtful: 2} // and one accepted
	for _, c := range []struct {
		name   string
		server *state.ServerSnapshot
		left   Waiting
		want   standing
	}{
		{"STATUS says that nothing changed", nil, Waiting{}, whole},
		{"a complete delta", saw(8, false, true, 1), Waiting{}, whole},
		{"the user removed one, and a backup carries no deletion over", nil, Waiting{Here: 1, There: 1},
			standing{onServer: 8, here: 3, outstanding: 1, keptAway: 2, skipped: 1, doubtful: 2}},
		{"a listing of which a part came", saw(8, true, false, 1, 6), Waiting{},
			standing{onServer: 8, here: 1, outstanding: 1, unseen: 6}},
		{"and that has more than is known", saw(11, true, false, 1, 6), Waiting{},
			standing{onServer: 11, here: 1, outstanding: 4, unseen: 6}},
		{"and that has fewer", saw(3, true, false, 1, 6), Waiting{},
			standing{onServer: 3, here: 1, outstanding: 1, unseen: 1}},
		{"nothing of it came", saw(5, true, false), Waiting{}, standing{onServer: 5, unseen: 5}},
	} {
		if got := standingOf(records, c.server, c.left, false); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// A mailbox that a run made and broke off before it had scanned it is not known to be whole.
func TestCountOf(t *testing.T) {
	gen := func(compared int64) state.Generation {
		return state.Generation{ID: 1, Current: true, Compared: compared}
	}
	for _, c := range []struct {
		name       string
		book       book
		incomplete bool
	}{
		{"never scanned", book{gen: gen(0)}, true},
		{"scanned, and empty", book{gen: gen(inPart)}, false},
		{"all here", book{gen: gen(1e9), records: []state.Record{{UID: 1}, {UID: 2, Status: state.KeptAway}, {UID: 3, Status: state.OnlyHere}}}, false},
		{"one outstanding", book{gen: gen(1e9), records: []state.Record{{UID: 1}, {UID: 2, Status: state.Outstanding}}}, true},
		{"one outstanding, of an earlier numbering", book{gen: state.Generation{ID: 2}, records: []state.Record{{UID: 2, Status: state.Outstanding}}}, false},
		{"known by its marker alone", book{gen: state.Generation{Current: true}}, false},
	} {
		if got := (&verifying{Verify: &Verify{}}).countOf(&survey{books: []book{c.book}}); got.incomplete() != c.incomplete {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
