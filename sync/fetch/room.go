package fetch

import (
	"errors"
	"fmt"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

const (
	besideMessage = 2 << 10 // about what a message takes on a disk beside its octets: block, names, record
	leftFree      = 1 << 20 // for the state and for others
)

// hintRoom is what helps where there is no room.
const hintRoom = "make room there, or fetch less: exclude mailboxes, skip large messages with max_size, or take one --mailbox after the other"

// left counts what queues hold, and the octets announced of that.
func left(queues []*queue) (messages int, octets int64) {
	for _, q := range queues {
		messages += q.ops.Len()
		octets += q.bytes
	}
	return messages, octets
}

// need is how much room so many messages take.
func need(messages int, octets int64) int64 {
	return octets + int64(messages)*besideMessage + leftFree
}

// room compares the free disk with the announced sizes before the first body is fetched, and with what the other accounts
// of this run will write to it. Where it is not known how much is free, it is tried. A message that has no room even
// alone fails alone, for its size may be nonsense.
func (f *fetching) room() error {
	if len(f.queues) == 0 {
		return nil
	}
	free, known := f.free()
	if !known {
		return nil
	}
	if err := f.fits(f.queues, free); err != nil {
		f.Claim(0)
		return err.OfAllOfDisk()
	}
	f.claimed = need(left(f.queues))
	for _, q := range f.queues {
		out := q.leaveOut(func(o plan.Op) bool { return o.Size > free })
		if len(out) == 0 {
			continue
		}
		q.box.Leave(mailbox.PutOff)
		err := state.Faultf(state.Storage, "%d messages are not fetched: the server announces %s for this one, and %s are free%s",
			len(out), state.Size(out[0].Size), state.Size(free), f.at()).WithHint(hintRoom)
		if err := f.Problem(q.box.Name, out[0].UID, err); err != nil {
			return err
		}
	}
	return nil
}

// RoomAhead reports, in a dry run, that what would be fetched has no room on the disk.
func (r *Run) RoomAhead() error {
	queues := r.queues()
	free, known := r.free()
	if len(queues) == 0 || !known {
		return nil
	}
	if err := r.fits(queues, free); err != nil {
		return r.Problem("", 0, err)
	}
	return nil
}

// fits compares what is to be fetched with the room that is left, and claims it.
func (r *Run) fits(queues []*queue, free int64) *state.Fault {
	all, octets := left(queues)
	messages, had := all, octets
	for _, q := range queues {
		for o := range q.ops.All() {
			if o.Size > free {
				messages--
				had -= o.Size
			}
		}
	}
	others := r.Claim(need(messages, had))
	if need(messages, had) <= free-others {
		return nil
	}
	besides := ""
	if others > 0 {
		besides = fmt.Sprintf(", of which other accounts of this run need %s", state.Size(others))
	}
	return state.Faultf(state.Storage, "%s of disk space are needed for %d messages, and %s are free%s%s; none was fetched",
		state.Size(need(all, octets)), all, state.Size(free), r.at(), besides).WithHint(hintRoom)
}

// free is how much can still be written, where that is known.
func (r *Run) free() (octets int64, known bool) {
	free, err := r.Tree.Free()
	if err != nil && r.Log != nil {
		r.Log.Debug("free disk space is not known", "account", r.Name, "err", err)
	}
	return free, err == nil
}

// at says where the Maildirs are.
func (r *Run) at() string {
	if r.Root == "" {
		return " on the disk"
	}
	return " at " + r.Root
}

// wrote gives back what was claimed for an item, now that it is on the disk.
func (f *fetching) wrote(p *parcel) {
	written := announced(p.ops) + int64(len(p.ops))*besideMessage
	f.mu.Lock()
	f.claimed = max(0, f.claimed-written)
	claimed := f.claimed
	f.mu.Unlock()
	f.Claim(claimed)
}

// full is the error of a disk that takes no more, in the middle of the fetching. Which file it was is of no interest.
func (f *fetching) full(outstanding int, err error) error {
	cause := err
	for next := errors.Unwrap(cause); next != nil; next = errors.Unwrap(cause) {
		cause = next
	}
	return state.Faultf(state.Storage, "nothing more can be written%s, %d messages are outstanding: %w", f.at(), outstanding, cause).
		OfAllOfDisk().WithHint("%s", state.HintOf(err))
}
