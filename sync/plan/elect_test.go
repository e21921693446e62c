package plan

import (
	"testing"

	"mailsync/state"
)

func TestElect(t *testing.T) {
	const size = 10
	rec := func(uids ...state.UID) (records []state.Record) {
		for _, uid := range uids {
			records = append(records, state.Record{UID: uid, Status: state.Live, Size: size})
		}
		return records
	}
	server := func(validity, next uint32, uids ...state.UID) *state.ServerSnapshot {
		sn := &state.ServerSnapshot{All: true, Complete: true, Mark: state.Mark{UIDValidity: validity, UIDNext: next, Exists: uint32(len(uids))}}
		for _, uid := range uids {
			sn.Messages = append(sn.Messages, state.OnServer{UID: uid, Size: size})
		}
		return sn
	}
	gen := func(token string, validity uint32, compared int64) state.Generation {
		return state.Generation{Token: token, Mark: state.Mark{UIDValidity: validity, UIDNext: 5}, Compared: compared}
	}
	// Two generations: "old" with UIDVALIDITY 1, and the current "now" with 2.
	for _, c := range []struct {
		name             string
		lost, unlearned  bool // the base does not know the mailbox; nothing was learned of either
		other, notAsked  bool
		base, marker     string // "now" where empty
		server           *state.ServerSnapshot
		old, now         []state.Record
		want             int
		enters, contends bool
	}{
		{name: "nothing changed there", notAsked: true, want: 1},
		{name: "the same numbers", server: server(2, 5, 4), now: rec(4), want: 1},
		{name: "the marker is ahead of the base: an interrupted run entered it", base: "old", server: server(2, 5), want: 1, enters: true},
		{name: "the marker is of another generation", marker: "old", server: server(2, 5), want: 1, enters: true},
		{name: "another mailbox of the name, with the same numbers", other: true, server: server(2, 5, 4), now: rec(4), want: 1, enters: true, contends: true},
		{name: "another mailbox of the name", other: true, server: server(2, 5, 4), now: []state.Record{{UID: 4, Status: state.Live, Size: 11}}, want: -1, enters: true, contends: true},
		{name: "new numbers", server: server(3, 5, 4), now: rec(4), want: -1, enters: true, contends: true},
		{name: "new numbers of no message, and none is known", server: server(3, 1), want: 1, contends: true},
		{name: "new numbers of no message, and some are known", server: server(3, 1), now: rec(4), want: -1, enters: true, contends: true},
		{name: "earlier numbers", server: server(1, 5, 3, 4), old: rec(2, 3), want: 0, enters: true, contends: true},
		{name: "earlier numbers, and no message of then", server: server(1, 5, 3, 4), old: rec(1, 2), want: -1, enters: true, contends: true},
		{name: "numbers that went back, and no message is another", server: server(2, 4, 3), now: rec(3), want: -1, enters: true, contends: true},
		{name: "the base is lost", lost: true, unlearned: true, server: server(2, 5, 4), now: rec(4), want: 1},
		{name: "the base is lost, and files have UIDs to come", lost: true, unlearned: true, server: server(2, 5, 4), now: rec(5), want: -1, enters: true},
		{name: "the base is lost, earlier numbers, by the names of files", lost: true, unlearned: true, server: server(1, 5, 4), old: rec(4), want: 0, enters: true, contends: true},
		{name: "the base is lost, earlier numbers, no files", lost: true, unlearned: true, server: server(1, 5, 4), want: -1, enters: true, contends: true},
		{name: "the base is lost, earlier numbers, UIDs to come", lost: true, unlearned: true, server: server(1, 5, 4), old: rec(4, 7), want: -1, enters: true, contends: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			compared := int64(InPart + 1)
			if c.unlearned {
				compared = 0
			}
			n := &Numbered{Known: !c.lost, Other: c.other, Base: "now", Marker: "now", Server: c.server,
				Generations: []state.Generation{gen("old", 1, compared), gen("now", 2, compared)}}
			n.Generations[1].Current = true
			if c.base != "" {
				n.Base = c.base
			}
			if c.marker != "" {
				n.Marker = c.marker
			}
			n.Contradicted = !n.GoesOn()
			if n.Contradicted != c.contends {
				t.Errorf("contradicted %v", n.Contradicted)
			}
			n.Records = make([][]state.Record, 2)
			for i, records := range [][]state.Record{c.old, c.now} {
				if n.Asks(i) {
					n.Records[i] = records
				} else if records != nil && !c.lost && n.Contradicted {
					t.Errorf("the records of generation %d are not asked for", i)
				}
			}
			if index, enters := n.Elect(); index != c.want || enters != c.enters {
				t.Errorf("got %d, enters %v", index, enters)
			}
		})
	}
}
