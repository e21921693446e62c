package send

import (
	"math/rand/v2"
	"slices"

	"mailsync/state"
)

// A message at which a connection breaks must not keep the others from the server, in this run or in
// any other. So it is sent after all of them, and alone. What is as long, or longer than most messages
// are, is sent before it and after the rest, for a limit that the server does not announce may break the connection
// there, too.

// longSend is the length from which on messages wait for the others once a connection broke at one.
const longSend = 1 << 20

// sendOrder is the order in which what is left for a mailbox is sent.
type sendOrder struct {
	ready  []*Outgoing
	longer []*Outgoing // that wait for those that are shorter
	last   []*Outgoing // at which a connection broke
	bound  int64       // messages of so many octets wait; 0: none does
	alone  bool        // ready is one of last
	late   bool        // all that did not wait were sent
	mixed  bool        // what was ready is in another order in every run
}

// orderToSend puts what an earlier run sent without an answer last: a connection broke at one of those.
func orderToSend(all []*Outgoing) *sendOrder {
	o := &sendOrder{}
	for _, f := range all {
		if f.Unanswered {
			o.last = append(o.last, f)
		} else {
			o.ready = append(o.ready, f)
		}
	}
	return o
}

// more makes the next ones ready, and reports whether there are any.
func (o *sendOrder) more() bool {
	o.alone = false
	if len(o.ready) == 0 {
		o.ready, o.longer, o.bound, o.late = o.longer, nil, 0, true
	}
	if len(o.ready) == 0 && len(o.last) > 0 {
		o.ready, o.last, o.alone = o.last[:1:1], o.last[1:], true
	}
	return len(o.ready) > 0
}

// postpones reports whether one that is ready waits, for it is long and a connection broke.
func (o *sendOrder) postpones(f *Outgoing) bool {
	if o.alone || o.bound == 0 || f.Got.Bytes < o.bound {
		return false
	}
	o.longer = append(o.longer, f)
	return true
}

// broke notes that a connection broke at one, and reports whether that is tried once more in this run.
func (o *sendOrder) broke(f *Outgoing) bool {
	if o.alone {
		return false
	}
	o.last = append(o.last, f)
	o.wait(f.Got.Bytes)
	return true
}

// mix puts what is ready into another order in every run, so that many refused messages keep no other back for long.
func (o *sendOrder) mix() {
	o.mixed = true
	rand.Shuffle(len(o.ready), func(i, j int) { o.ready[i], o.ready[j] = o.ready[j], o.ready[i] })
}

// wait makes long messages wait, for a connection broke at a message of so many octets.
func (o *sendOrder) wait(octets int64) { o.bound = max(1, min(octets, longSend)) }

// failure is what the server's failure means for the rest. Among those that had to wait a broken connection is theirs,
// and no reason to leave the other mailboxes.
func (o *sendOrder) failure(failed error) error {
	if failed == nil || !o.late || state.KindOf(failed) != state.Unreachable {
		return failed
	}
	return state.Faultf(state.Other, "the connection broke at one message after the other: %v", failed).
		WithHint("the server may take no message this large, or not these; all others were sent")
}

// left returns what was not tried, or is to be tried again.
func (o *sendOrder) left() []*Outgoing { return slices.Concat(o.ready, o.longer, o.last) }
