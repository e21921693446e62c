package sync

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
)

// Message names one message of an account.
type Message struct {
	Mailbox string // decoded name, levels joined by "/"
	UID     state.UID
}

func (m Message) String() string { return fmt.Sprintf("%s:%d", m.Mailbox, m.UID) }

// accept turns the fetches of messages that the user has accepted into agreements: that an
// outstanding message cannot be had, which counts as no failure any more; that one which is here, and
// of another length than the server announces, is all there is of it.
func (r *run) accept(b *box) {
	for _, m := range r.Accept {
		if !state.SameName(m.Mailbox, b.name) {
			continue
		}
		rec := b.record(m.UID)
		o := Op{Kind: OpAgree, UID: m.UID, Variant: max(1, rec.Variant), Status: state.Live, Flags: rec.Agreed}
		planned := func(p Op) bool { return p.UID == m.UID && (p.Kind == OpFetch || p.Kind == OpAgree) }
		switch i := slices.IndexFunc(b.ops, planned); {
		case rec.Status == state.Outstanding && i >= 0 && b.ops[i].Kind == OpFetch:
			o.Status, o.Flags = state.Accepted, b.ops[i].Flags
		case !inDoubt(rec):
			continue
		case i >= 0 && b.ops[i].Kind == OpAgree:
			o.Flags = b.ops[i].Flags
		}
		b.ops = append(slices.DeleteFunc(b.ops, planned), o)
	}
	sortOps(b.ops)
}

func (r *run) accepts(b *box, uid state.UID) bool {
	return slices.ContainsFunc(r.Accept, func(m Message) bool { return m.UID == uid && state.SameName(m.Mailbox, b.name) })
}

// acceptsIn reports whether a message of a mailbox is to be accepted.
func (r *run) acceptsIn(b *box) bool {
	return slices.ContainsFunc(r.Accept, func(m Message) bool { return state.SameName(m.Mailbox, b.name) })
}

// unaccepted complains of messages that were to be accepted and are not outstanding:
// the user has mistaken one for another.
func (r *run) unaccepted(ctx context.Context) error {
	for _, m := range r.Accept {
		why := "no such mailbox is included in this run"
		for _, b := range r.boxes {
			if !state.SameName(m.Mailbox, b.name) {
				continue
			}
			var err error
			if why, err = r.whyNot(ctx, b, m.UID); err != nil {
				return err
			}
		}
		if why == "" {
			continue
		}
		err := state.Faultf(state.Other, "cannot accept %v: %s", m, why).
			WithHint("only a message that is outstanding, or in doubt for its length, can be accepted; the name is the mailbox's as it is told, and the number its uid")
		if err := r.problem(m.Mailbox, m.UID, err); err != nil {
			return err
		}
	}
	return nil
}

// whyNot says why a message of a mailbox is not accepted by this run, "" if it is.
func (r *run) whyNot(ctx context.Context, b *box, uid state.UID) (string, error) {
	if b.failed {
		return "", nil // told already, and what it is about cannot be known
	}
	records := b.records
	if g := b.gen(); records == nil && g != nil && g.ID != 0 {
		var err error
		if records, err = r.Base.Records(ctx, g.ID); err != nil {
			return "", fmt.Errorf("read state: %w", err)
		}
	}
	for _, rec := range records {
		if rec.UID != uid {
			continue
		}
		for _, o := range b.ops {
			if o.UID == uid && o.Kind == OpAgree && (o.Status == state.Accepted || inDoubt(rec)) {
				return "", nil
			}
		}
		if rec.Status == state.Accepted || rec.Status == state.Live && rec.Tries == lengthAccepted {
			return "", nil
		}
		return fmt.Sprintf("it is neither outstanding nor in doubt (%v)", rec.Status), nil
	}
	return "the server has no message of that uid", nil
}
