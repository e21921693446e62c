package sync

import "mailsync/state"

// A message at which a connection breaks must not keep the others from the server, in this run or in
// any other. So it is sent after all of them, and alone. What is as long, or longer than most messages
// are, comes before it and after the rest, for a limit that the server does not announce may break the connection
// there, too.

// longSend is the length from which on messages wait for the others once a connection broke at one.
const longSend = 1 << 20

// sendOrder is the order in which what is left for a mailbox is sent.
type sendOrder[T any] struct {
	ready  []T
	longer []T   // that wait for those that are shorter
	last   []T   // at which a connection broke
	bound  int64 // what is of so many octets waits; 0 nothing
	alone  bool  // ready is one of last
	late   bool  // all that did not wait were sent
}

// orderToSend puts what an earlier run sent without an answer last: a connection broke at one of those.
func orderToSend[T any](all []T, unanswered func(T) bool) *sendOrder[T] {
	o := &sendOrder[T]{}
	for _, x := range all {
		if unanswered(x) {
			o.last = append(o.last, x)
		} else {
			o.ready = append(o.ready, x)
		}
	}
	return o
}

// more makes the next ones ready, and reports whether there are any.
func (o *sendOrder[T]) more() bool {
	o.alone = false
	if len(o.ready) == 0 {
		o.ready, o.longer, o.bound, o.late = o.longer, nil, 0, true
	}
	if len(o.ready) == 0 && len(o.last) > 0 {
		o.ready, o.last, o.alone = o.last[:1], o.last[1:], true
	}
	return len(o.ready) > 0
}

// postpones reports whether one that is ready waits, for it is long and a connection broke.
func (o *sendOrder[T]) postpones(x T, octets int64) bool {
	if o.alone || o.bound == 0 || octets < o.bound {
		return false
	}
	o.longer = append(o.longer, x)
	return true
}

// broke notes that a connection broke at one, and reports whether that is tried once more in this run.
func (o *sendOrder[T]) broke(x T, octets int64) bool {
	if o.alone {
		return false
	}
	o.last = append(o.last, x)
	o.wait(octets)
	return true
}

// wait has what is long wait, for a connection broke at a message of so many octets.
func (o *sendOrder[T]) wait(octets int64) { o.bound = max(1, min(octets, longSend)) }

// failure is what the server's failure comes to. Among those that had to wait a broken connection is theirs,
// and no reason to leave the other mailboxes.
func (o *sendOrder[T]) failure(failed error) error {
	if failed == nil || !o.late || state.KindOf(failed) != state.Unreachable {
		return failed
	}
	return state.Faultf(state.Other, "the connection broke at one message after the other: %v", failed).
		WithHint("the server may take no message this large, or not these; all others were sent")
}

// left returns what was not tried, or is to be tried again.
func (o *sendOrder[T]) left() []T {
	return append(append(append([]T(nil), o.ready...), o.longer...), o.last...)
}
