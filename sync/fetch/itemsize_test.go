package fetch

import (
	"testing"
	"time"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// A line of 100 KB/s, over which an item of several megabytes takes a minute and more, has items of seconds.
func TestItemsAreSmallOnASlowLine(t *testing.T) {
	s := newItemSize()
	for range 20 {
		if s.took(time.Duration(s.most) * time.Second / 100_000); s.most > 512<<10 {
			t.Fatalf("%d octets", s.most)
		}
	}
	for range 20 {
		s.took(50 * time.Millisecond)
	}
	if s.most != port.ItemBytes {
		t.Errorf("%d octets on a fast line", s.most)
	}
	for range 20 {
		s.took(time.Minute)
	}
	if s.most != smallestItem {
		t.Errorf("%d octets on a line that became slow", s.most)
	}
}

func TestAnItemHasAMessageAtLeast(t *testing.T) {
	var ops []plan.Op
	for i, size := range []int64{1 << 30, 60 << 10, 60 << 10, 60 << 10} {
		ops = append(ops, plan.Op{UID: state.UID(i + 1), Size: size})
	}
	q := &queue{ops: plan.OpsOf(ops...)}
	for _, want := range []int{1, 2, 1} {
		if got := q.cut(smallestItem); len(got) != want {
			t.Errorf("%d messages, want %d", len(got), want)
		}
	}
}
