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
	whole := standing{onServer: 8, here: 4, outstanding: 1, keptAway: 1, skipped: 1} // and one accepted
	for _, c := range []struct {
		name   string
		server *state.ServerSnapshot
		left   Waiting
		want   standing
	}{
		{"STATUS says that nothing changed", nil, Waiting{}, whole},
		{"a complete delta", saw(8, false, true, 1), Waiting{}, whole},
		{"the user removed one, and a backup carries no deletion over", nil, Waiting{Here: 1, There: 1},
			standing{onServer: 8, here: 3, outstanding: 1, keptAway: 2, skipped: 1}},
		{"a listing of which a part came", saw(8, true, false, 1, 6), Waiting{},
			standing{onServer: 8, here: 1, outstanding: 1, unseen: 6}},
		{"and that has more than is known", saw(11, true, false, 1, 6), Waiting{},
			standing{onServer: 11, here: 1, outstanding: 4, unseen: 6}},
		{"and that has fewer", saw(3, true, false, 1, 6), Waiting{},
			standing{onServer: 3, here: 1, outstanding: 1, unseen: 1}},
		{"nothing of it came", saw(5, true, false), Waiting{}, standing{onServer: 5, unseen: 5}},
	} {
		if got := standingOf(records, c.server, c.left); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
