package plan

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
	whole := Standing{OnServer: 8, Here: 4, Outstanding: 1, KeptAway: 1, Skipped: 1, Doubtful: 2} // and one accepted
	for _, c := range []struct {
		name   string
		server *state.ServerSnapshot
		left   Waiting
		want   Standing
	}{
		{"STATUS says that nothing changed", nil, Waiting{}, whole},
		{"a complete delta", saw(8, false, true, 1), Waiting{}, whole},
		{"the user removed one, and a backup carries no deletion over", nil, Waiting{Here: 1, There: 1},
			Standing{OnServer: 8, Here: 3, Outstanding: 1, KeptAway: 2, Skipped: 1, Doubtful: 2}},
		{"a listing of which a part came", saw(8, true, false, 1, 6), Waiting{},
			Standing{OnServer: 8, Here: 1, Outstanding: 1, Unseen: 6}},
		{"and that has more than is known", saw(11, true, false, 1, 6), Waiting{},
			Standing{OnServer: 11, Here: 1, Outstanding: 4, Unseen: 6}},
		{"and that has fewer", saw(3, true, false, 1, 6), Waiting{},
			Standing{OnServer: 3, Here: 1, Outstanding: 1, Unseen: 1}},
		{"nothing of it came", saw(5, true, false), Waiting{}, Standing{OnServer: 5, Unseen: 5}},
	} {
		c.want.OnlyHere = 1 // in each: what the server lacks it cannot have counted
		if got := StandingOf(records, c.server, c.left, false); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
