package restore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"mailsync/state"
	"mailsync/sync/match"
)

// record is what was sent to one mailbox of another server, as intents of that account which are of no generation. It is
// not known what became of an intent without a UID. One with a UID remains, so that a later run knows that its message is there.
type record struct {
	raw  string
	sent map[state.IntentKey]state.Intent
	last int64 // number of an intent; none has a higher one
}

// readRecords sorts intents by the mailboxes that they are about.
func readRecords(all []state.Intent) map[string]*record {
	records := map[string]*record{}
	for _, in := range all {
		_, n, raw := keyParts(in.Key)
		r := records[raw]
		if r == nil {
			r = &record{raw, map[state.IntentKey]state.Intent{}, 0}
			records[raw] = r
		}
		r.sent[in.Key], r.last = in, max(r.last, n)
	}
	return records
}

// nextKey names the next intent to send a message to the mailbox, with that UIDVALIDITY.
func (r *record) nextKey(uidValidity uint32) state.IntentKey {
	r.last++
	return state.IntentKey{Kind: state.Restoring, Name: fmt.Sprintf("%010d %012d %s", uidValidity, r.last, r.raw)}
}

func keyParts(key state.IntentKey) (uidValidity uint32, n int64, raw string) {
	numbering, rest, _ := strings.Cut(key.Name, " ")
	number, raw, _ := strings.Cut(rest, " ")
	validity, _ := strconv.ParseUint(numbering, 10, 32) // no key of ours is another
	n, _ = strconv.ParseInt(number, 10, 64)
	return uint32(validity), n, raw
}

// under returns what was sent to the mailbox while it had that UIDVALIDITY, in order.
// It also returns what was sent while the mailbox had another one and never a message, for some servers
// number it anew once something is in it (GNU imap4d, and Courier where it was not opened for
// writing). It may be another mailbox: so it is not known what became of such a message, and its
// bytes decide.
func (r *record) under(uidValidity uint32) (sent []state.Intent) {
	for _, key := range slices.SortedFunc(maps.Keys(r.sent), state.IntentKey.Compare) {
		in := r.sent[key]
		if then, _, _ := keyParts(key); then != uidValidity {
			if in.UID != 0 || in.UIDNext != 1 {
				continue
			}
			in.Confirmed = false
		}
		sent = append(sent, in)
	}
	return sent
}

// note makes a change of the record durable.
func (t *transfer) note(ctx context.Context, c state.Commit) error {
	if c.Empty() {
		return nil
	}
	if err := t.CommitTo(ctx, c, "note %d of %s in restore's record", len(c.Intents)+len(c.Settle), t.done.To); err != nil {
		return err
	}
	for _, key := range c.Settle {
		delete(t.record.sent, key)
	}
	for _, in := range c.Intents {
		t.record.sent[in.Key] = in
	}
	return nil
}

// remember notes which messages are there. The intents of messages that are not there any more are removed, and those of
// messages that were not found, unless these may still arrive.
func (t *transfer) remember(ctx context.Context, mayArrive bool) error {
	open := map[state.IntentKey]bool{}
	if mayArrive {
		for _, in := range t.m.missed() {
			open[in.Key] = true
		}
	}
	known := map[state.UID]bool{}
	var c state.Commit
	for key, in := range t.record.sent {
		if then, _, _ := keyParts(key); then == t.m.mark.UIDValidity && t.m.byUID[in.UID] != nil {
			known[in.UID] = true
		} else if !open[key] && (in.UID == 0 || !mayArrive) {
			c.Settle = append(c.Settle, key)
		}
	}
	for _, l := range t.m.local {
		if l.there == nil || known[l.there.UID] {
			continue
		}
		digest, err := l.digest()
		if err != nil {
			return err
		}
		c.Intents = append(c.Intents, state.Intent{Key: t.record.nextKey(t.m.mark.UIDValidity), UIDNext: uint32(l.there.UID),
			UID: l.there.UID, Bytes: l.ident.Size, Digest: digest})
	}
	return t.note(ctx, c)
}

// remembered pairs what an earlier run put there and is still there.
func (m *matching) remembered() error {
	sizes := map[int64]bool{}
	there := map[[state.DigestSize]byte][]*offered{}
	for _, in := range m.sent {
		sizes[in.Bytes] = true
		if in.UID == 0 {
			continue
		}
		if o := m.byUID[in.UID]; o != nil && !o.taken {
			o.taken = true
			there[in.Digest] = append(there[in.Digest], o)
		}
	}
	for _, c := range m.local {
		if !sizes[c.ident.Size] {
			continue
		}
		d, err := c.digest()
		if err != nil {
			return err
		}
		if own := there[d]; len(own) > 0 {
			c.there, there[d] = own[0], own[1:]
		}
	}
	for _, own := range there {
		for _, o := range own {
			o.taken = false // no local message has its bytes: it may be a match for another one
		}
	}
	return nil
}

// open are the intents of which it is not known what became of them.
func (m *matching) open() []state.Intent {
	return slices.DeleteFunc(slices.Clone(m.sent), func(in state.Intent) bool { return in.UID != 0 })
}

// missed are the open intents whose message was not found.
func (m *matching) missed() (missed []state.Intent) {
	found := map[[state.DigestSize]byte]int{}
	known := map[state.UID]bool{}
	for _, in := range m.sent {
		known[in.UID] = true
	}
	for _, c := range m.local {
		if c.there != nil && !known[c.there.UID] {
			if d, err := c.digest(); err == nil {
				found[d]++
			}
		}
	}
	for _, in := range m.open() {
		if found[in.Digest]--; found[in.Digest] < 0 {
			missed = append(missed, in)
		}
	}
	return missed
}

// wasUnanswered reports of a message that is not there whether an earlier run sent it and got no answer.
func (m *matching) wasUnanswered() func(*message) bool {
	open, sizes := map[[state.DigestSize]byte]bool{}, map[int64]bool{}
	for _, in := range m.open() {
		if !in.Confirmed {
			open[in.Digest], sizes[in.Bytes] = true, true
		}
	}
	return func(c *message) bool {
		if !sizes[c.ident.Size] {
			return false
		}
		d, err := c.digest()
		return err == nil && open[d]
	}
}

// awaited finds what an earlier run sent without getting a UID, whatever the server made
// of it. A confirmed message is there as long as anything is that can be it.
func (m *matching) awaited(ctx context.Context) error {
	known, sizes := map[state.UID]bool{}, map[int64]bool{}
	for _, in := range m.sent {
		known[in.UID] = true
		sizes[in.Bytes] = sizes[in.Bytes] || in.UID == 0
	}
	of := map[[state.DigestSize]byte][]*message{}
	for _, c := range m.local {
		if c.there != nil || !sizes[c.ident.Size] {
			continue
		}
		d, err := c.digest()
		if err != nil {
			return err
		}
		of[d] = append(of[d], c)
	}
	var files []*message
	var sent []match.Dispatched
	lowest := ^uint32(0)
	for _, in := range m.open() {
		if left := of[in.Digest]; len(left) > 0 {
			c := left[0]
			files, of[in.Digest] = append(files, c), left[1:]
			sent = append(sent, match.Dispatched{Next: in.UIDNext, Bytes: in.Bytes, Date: c.ident.Date, MessageID: c.ident.MessageID, Confirmed: in.Confirmed})
			lowest = min(lowest, in.UIDNext)
		}
	}
	free := slices.DeleteFunc(m.free(), func(o *offered) bool { return known[o.UID] || uint32(o.UID) < lowest })
	if len(files) == 0 || len(free) == 0 {
		return nil
	}
	ids, err := m.messageIDs(ctx, free)
	if err != nil {
		return err
	}
	arrived := make([]match.Newcomer, len(free))
	for k, o := range free {
		arrived[k] = match.Newcomer{UID: o.UID, Size: o.Size, Date: o.Date, MessageID: ids[o.UID], Sums: o.sum}
	}
	to, err := match.PairSent(ctx, m.server, m.raw, m.mark, sent, arrived, m.least, func(i int) (*match.Sums, error) { return files[i].sums() })
	for k := range arrived {
		free[k].sum = arrived[k].Sums
	}
	for i, k := range to {
		if k >= 0 {
			files[i].pair(free[k])
		}
	}
	return err
}
