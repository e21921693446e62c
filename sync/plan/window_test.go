package plan

import (
	"slices"
	"testing"

	"mailsync/state"
)

// What is older than all that the server shows does not count as gone where it shows as many messages
// as a window would; what is missing between the others does, and so does everything where it shows another number.
func TestNarrow(t *testing.T) {
	base := func(uids ...state.UID) (all []state.Record) {
		for _, uid := range uids {
			all = append(all, state.Record{UID: uid, Variant: 1, Status: state.Live, Size: -1, Date: state.NoDate})
		}
		return all
	}
	seq := func(from, to state.UID) (all []state.UID) {
		for uid := from; uid <= to; uid++ {
			all = append(all, uid)
		}
		return all
	}
	shown := func(uids []state.UID) (all []state.OnServer) {
		for _, uid := range uids {
			all = append(all, state.OnServer{UID: uid, Size: -1, Date: state.NoDate})
		}
		return all
	}
	without := func(all []state.UID, uid state.UID) []state.UID {
		return slices.DeleteFunc(all, func(u state.UID) bool { return u == uid })
	}
	for _, c := range []struct {
		name   string
		base   []state.Record
		listed []state.UID
		limit  uint32
		hidden int
		gone   []state.UID // what is carried over, as operations say
	}{
		{"two came, the two oldest left", base(seq(1, 1000)...), seq(3, 1002), 0, 2, nil},
		{"one of the others was deleted as well", base(seq(1, 1000)...), without(seq(2, 1002), 500), 0, 1, []state.UID{500}},
		{"known from before the window", base(seq(1, 1400)...), seq(401, 1400), 0, 400, nil},
		{"announced", base(seq(1, 3)...), seq(2, 4), 3, 1, nil},
		{"announced, another number", base(seq(1, 3)...), seq(2, 3), 3, 0, []state.UID{1}},
		{"not a round number", base(seq(1, 1000)...), seq(3, 1001), 0, 0, []state.UID{1, 2}},
		{"a round number, nothing is missing", base(seq(1, 999)...), seq(1, 1000), 0, 0, nil},
		{"a round number, missing in between", base(seq(1, 1001)...), without(seq(1, 1001), 7), 0, 0, []state.UID{7}},
		{"the window shrinks", base(seq(1, 1000)...), seq(501, 1000), 0, 0, seq(1, 500)},
		{"empty", base(1, 2, 3), nil, 3, 0, seq(1, 3)},
	} {
		for _, delta := range []bool{false, true} {
			sn := &state.ServerSnapshot{All: true, Complete: true, Messages: shown(c.listed), Limit: c.limit, Mark: state.Mark{Exists: uint32(len(c.listed))}}
			if len(c.listed) > 0 {
				sn.Lowest = c.listed[0]
			}
			if delta {
				sn.All, sn.Messages = false, nil
				for _, rec := range c.base {
					if !slices.Contains(c.listed, rec.UID) {
						sn.Gone = append(sn.Gone, rec.UID)
					}
				}
			}
			if got := Narrow(sn, c.base); got != c.hidden {
				t.Errorf("%s, delta %v: %d hidden, want %d", c.name, delta, got, c.hidden)
			}
			w := World{Base: c.base, Server: sn}
			var gone []state.UID
			for _, rec := range Learn(w) {
				if rec.Status == state.Gone {
					gone = append(gone, rec.UID)
				}
			}
			if !slices.Equal(gone, c.gone) {
				t.Errorf("%s, delta %v: %d gone, want %d", c.name, delta, len(gone), len(c.gone))
			}
		}
	}
}

// What was not complete says nothing anyway, and messages that the server never had are not hidden by it.
func TestNarrowOfOthers(t *testing.T) {
	sn := &state.ServerSnapshot{All: true, Lowest: 5, Mark: state.Mark{Exists: 1000}}
	if n := Narrow(sn, []state.Record{{UID: 1, Status: state.Live}}); n != 0 || !sn.All {
		t.Error("of a listing that is not complete")
	}
	sn.Complete = true
	if n := Narrow(sn, []state.Record{{UID: 1, Status: state.OnlyHere}, {UID: 2, Status: state.Archived}}); n != 0 || !sn.All {
		t.Error("of messages that only this side has")
	}
}
