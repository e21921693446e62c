package restore

import (
	"slices"
	"testing"

	"mailsync/state"
)

// What was sent to a mailbox in which there never was a message is known under its next UIDVALIDITY too,
// as something that nobody confirmed; what was sent to any other one is not.
func TestRecordOfAnEmptyMailbox(t *testing.T) {
	a, b := &record{raw: "a b"}, &record{raw: "b"}
	of := func(r *record, bytes int64, next uint32) state.Intent {
		return state.Intent{Key: r.nextKey(7), UIDNext: next, Bytes: bytes}
	}
	sent := []state.Intent{of(a, 1, 1), of(a, 2, 1), of(a, 3, 2), of(a, 4, 0), of(b, 5, 1), of(a, 6, 1)}
	sent[1].Confirmed, sent[5].UID = true, 4
	records := readRecords(sent)
	got := records["a b"].under(8)
	if len(got) != 2 || got[0].Bytes != 1 || got[1].Bytes != 2 || got[1].Confirmed {
		t.Errorf("%+v", got)
	}
	own := []state.Intent{sent[0], sent[1], sent[2], sent[3], sent[5]}
	if got := records["a b"].under(7); !slices.Equal(got, own) {
		t.Errorf("%+v", got)
	}
	if next := records["a b"].nextKey(7); next.Compare(sent[5].Key) <= 0 {
		t.Errorf("the next one is %q", next.Name)
	}
}
