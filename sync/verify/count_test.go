package verify

import (
	"testing"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// A mailbox that a run made and was interrupted before it had scanned it is not known to be whole.
func TestCountOf(t *testing.T) {
	gen := func(compared int64) state.Generation {
		return state.Generation{ID: 1, Current: true, Compared: compared}
	}
	for _, c := range []struct {
		name       string
		gen        state.Generation
		records    []state.Record
		incomplete bool
	}{
		{"never scanned", gen(0), nil, true},
		{"scanned, and empty", gen(plan.InPart), nil, false},
		{"all here", gen(1e9), []state.Record{{UID: 1}, {UID: 2, Status: state.KeptAway}, {UID: 3, Status: state.OnlyHere}}, false},
		{"one outstanding", gen(1e9), []state.Record{{UID: 1}, {UID: 2, Status: state.Outstanding}}, true},
		{"one outstanding, of an earlier numbering", state.Generation{ID: 2}, []state.Record{{UID: 2, Status: state.Outstanding}}, false},
		{"known by its marker alone", state.Generation{Current: true}, nil, false},
	} {
		b := &mailbox.Box{Row: state.MailboxRow{Generations: []state.Generation{c.gen}}, States: mailbox.States{Records: c.records}}
		if got := (&verifying{Run: &mailbox.Run{}}).countOf(&survey{Box: b}); got.incomplete() != c.incomplete {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
