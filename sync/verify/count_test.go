package verify

import (
	"testing"

	"mailsync/state"
	"mailsync/sync/plan"
)

// A mailbox that a run made and was interrupted before it had scanned it is not known to be whole.
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
		{"scanned, and empty", book{gen: gen(plan.InPart)}, false},
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
