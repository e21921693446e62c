package state

import "testing"

func TestUIDSet(t *testing.T) {
	all := UIDSet{}
	in := []UID{1, 63, 64, 511, 512, 513, 100_000, ^UID(0)}
	for _, uid := range in {
		if all.Has(uid) {
			t.Errorf("%d is there before it was added", uid)
		}
		all.Add(uid)
		all.Add(uid)
	}
	for _, uid := range in {
		if !all.Has(uid) {
			t.Errorf("%d is not there", uid)
		}
	}
	for _, uid := range []UID{2, 62, 65, 510, 514, 99_999, ^UID(0) - 1} {
		if all.Has(uid) {
			t.Errorf("%d is there", uid)
		}
	}
	if UIDSet(nil).Has(1) {
		t.Error("a nil set has UID 1")
	}
}
