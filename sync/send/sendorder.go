package send

import (
	"mailsync/state"
)

// A message at which a connection breaks must not keep the others from the server, in this run or in
// any other. So it is sent after all of them, and alone. What is as long, or longer than most messages
// are, comes before it and after the rest, for a limit that the server does not announce may break the connection
// there, too.

// longSend is the length from which on messages wait for the others once a connection broke at one.
const longSend = 1 << 20

// SendOrder is the order in which what is left for a mailbox is sent.
type SendOrder[T any] struct {
	Ready  []T
	longer []T   // that wait for those that are shorter
	last   []T   // at which a connection broke
	bound  int64 // what is of so many octets waits; 0 nothing
	alone  bool  // ready is one of last
	late   bool  // all that did not wait were sent
}

// OrderToSend puts what an earlier run sent without an answer last: a connection broke at one of those.
func OrderToSend[T any](all []T, unanswered func(T) bool) *SendOrder[T] {
	o := &SendOrder[T]{}
	for _, x := range all {
		if unanswered(x) {
			o.last = append(o.last, x)
		} else {
			o.Ready = append(o.Ready, x)
		}
	}
	return o
}

// More makes the next ones ready, and reports whether there are any.
func (o *SendOrder[T]) More() bool {
	o.alone = false
	if len(o.Ready) == 0 {
		o.Ready, o.longer, o.bound, o.late = o.longer, nil, 0, true
	}
	if len(o.Ready) == 0 && len(o.last) > 0 {
		o.Ready, o.last, o.alone = o.last[:1], o.last[1:], true
	}
	return len(o.Ready) > 0
}

// Postpones reports whether one that is ready waits, for it is long and a connection broke.
func (o *SendOrder[T]) Postpones(x T, octets int64) bool {
	if o.alone || o.bound == 0 || octets < o.bound {
		return false
	}
	o.longer = append(o.longer, x)
	return true
}

// Broke notes that a connection broke at one, and reports whether that is tried once more in this run.
func (o *SendOrder[T]) Broke(x T, octets int64) bool {
	if o.alone {
		return false
	}
	o.last = append(o.last, x)
	o.Wait(octets)
	return true
}

// Wait has what is long wait, for a connection broke at a message of so many octets.
func (o *SendOrder[T]) Wait(octets int64) { o.bound = max(1, min(octets, longSend)) }

// Failure is what the server's failure comes to. Among those that had to wait a broken connection is theirs,
// and no reason to leave the other mailboxes.
func (o *SendOrder[T]) Failure(failed error) error {
	if failed == nil || !o.late || state.KindOf(failed) != state.Unreachable {
		return failed
	}
	return state.Faultf(state.Other, "the connection broke at one message after the other: %v", failed).
		WithHint("the server may take no message this large, or not these; all others were sent")
}

// Left returns what was not tried, or is to be tried again.
func (o *SendOrder[T]) Left() []T {
	return append(append(append([]T(nil), o.Ready...), o.longer...), o.last...)
}
