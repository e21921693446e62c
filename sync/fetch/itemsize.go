package fetch

import (
	"time"

	"mailsync/sync/port"
)

// itemSize is how many octets are asked for at once. What a run that is interrupted has not asked for to the end has to
// be fetched again: on a slow line an item is small, so that a run of a minute leaves something behind.
type itemSize struct{ most int64 }

const (
	smallestItem = 128 << 10
	quickItem    = time.Second     // an item that took less may be larger the next time
	slowItem     = 4 * time.Second // one that took more is to be smaller
)

func newItemSize() itemSize { return itemSize{smallestItem} }

// took notes how long an item took from its beginning, others before it on its connection included.
func (s *itemSize) took(d time.Duration) {
	switch {
	case d < quickItem:
		s.most = min(s.most*2, port.ItemBytes)
	case d > slowItem:
		s.most = max(s.most/2, smallestItem)
	}
}
