package imap

import (
	"errors"
	"os"
	"sync"

	"mailsync/state"
)

// How many connections in a row may break before they did anything (SPEC sections 3 and 5).
const (
	// maxBreaks are in all: where each of them ends at once, the bad one among many messages is
	// found by halves.
	maxBreaks = 16
	// maxBroken is for messages that were asked for alone, each counted once, and for silences,
	// for those cost a timeout each.
	maxBroken = 3
	// maxSilent is for silences at messages that were asked for alone.
	maxSilent = 2
)

// breaks counts connections in a row that broke before they did anything. It is safe for
// concurrent use.
type breaks struct {
	mu          sync.Mutex
	all         int
	silent      int // ended by the server's silence
	silentAlone int
	alone       map[object]bool // messages at which others broke that had been asked for alone
}

// object is one message.
type object struct {
	raw string
	uid state.UID
}

// at notes that a connection broke at an item, and reports whether that is one too many. An item
// of several messages is no object: its halves will tell.
func (b *breaks) at(item state.Item, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all++
	alone := len(item.UIDs) == 1
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.silent++
		if alone {
			b.silentAlone++
		}
	case alone:
		if b.alone == nil {
			b.alone = map[object]bool{}
		}
		b.alone[object{item.Raw, item.UIDs[0]}] = true
	}
	return b.all >= maxBreaks || b.silent+len(b.alone) >= maxBroken || b.silentAlone >= maxSilent
}

// clear notes that a connection did something.
func (b *breaks) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all, b.silent, b.silentAlone, b.alone = 0, 0, 0, nil
}
