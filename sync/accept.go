package sync

import (
	"context"
	"fmt"
	"strings"

	"mailsync/state"
)

// Message names one message of an account.
type Message struct {
	Mailbox string // decoded name, levels joined by "/"
	UID     state.UID
}

func (m Message) String() string { return fmt.Sprintf("%s:%d", m.Mailbox, m.UID) }

// accept turns the fetches of messages that the user has accepted into agreements that
// they cannot be had: an outstanding message then counts as no failure any more.
func (r *run) accept(b *box) {
	for i, o := range b.ops {
		if o.Kind != OpFetch || !r.accepts(b, o.UID) {
			continue
		}
		if rec := b.record(o.UID); rec.Status == state.Outstanding {
			b.ops[i] = Op{Kind: OpAgree, UID: o.UID, Variant: o.Variant, Status: state.Accepted, Flags: o.Flags}
		}
	}
	sortOps(b.ops)
}

func (r *run) accepts(b *box, uid state.UID) bool {
	for _, m := range r.Accept {
		if m.UID == uid && sameName(m.Mailbox, b.name) {
			return true
		}
	}
	return false
}

// sameName compares decoded names. INBOX is INBOX in any case (RFC 9051 section 5.1).
func sameName(a, b string) bool {
	return a == b || strings.EqualFold(a, "INBOX") && strings.EqualFold(b, "INBOX")
}

// unaccepted complains of messages that were to be accepted and are not outstanding:
// the user has mistaken one for another.
func (r *run) unaccepted(ctx context.Context) error {
	for _, m := range r.Accept {
		why := "no such mailbox is included in this run"
		for _, b := range r.boxes {
			if !sameName(m.Mailbox, b.name) {
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
			WithHint("only a message that is outstanding can be accepted; the name is the mailbox's as it is told, and the number its uid")
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
			if o.UID == uid && o.Kind == OpAgree && o.Status == state.Accepted {
				return "", nil
			}
		}
		if rec.Status == state.Accepted {
			return "", nil
		}
		return fmt.Sprintf("it is not outstanding (%v)", rec.Status), nil
	}
	return "the server has no message of that uid", nil
}
