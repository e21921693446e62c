package imap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/wire"
	"mailsync/backends/reach"
	"mailsync/state"
)

// Move moves messages to another mailbox: by UID MOVE, or by UID COPY and then UID EXPUNGE
// of those whose copy COPYUID named. Messages that are not there are not returned; one
// that was moved and whose new UID is unknown has To 0; those that are in both mailboxes now
// are in a *state.CopiedError. Once a command that moves was sent, nothing is tried again: that could make
// a second copy.
func (a *Account) Move(ctx context.Context, from string, uidValidity uint32, uids []state.UID, to string) ([]state.Moved, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	doing := "move to " + reach.Quoted(to) + " from"
	if from == to {
		return nil, inMailbox(from, doing, errors.New("it is the same mailbox"))
	}
	uids = slices.Clone(uids)
	slices.Sort(uids)
	m := &moving{to: to}
	err := a.change(ctx, from, func(s *session) error {
		at, err := s.openToChange(ctx, from, uidValidity)
		if err != nil {
			return err
		}
		return m.run(ctx, at, uids)
	})
	if err != nil && len(m.sent) > 0 && !m.sure && ctx.Err() == nil {
		// The connection broke on the way. What was moved can be seen on another one.
		_ = a.do(ctx, from, func(s *session) error {
			at, err := s.openAs(ctx, from, uidValidity, true)
			if err != nil {
				return err
			}
			_, err = m.look(ctx, at)
			return err
		})
	}
	if err != nil && len(m.copied) > 0 {
		err = &state.CopiedError{Messages: m.copied, Err: err}
	}
	return m.moved, inMailbox(from, doing, err)
}

// moving is a Move under way.
type moving struct {
	to        string
	sent      []state.UID   // those that a command was sent for
	confirmed []state.Moved // by the server
	moved     []state.Moved
	copied    []state.Moved // what was confirmed and is still there
	sure      bool          // moved is what happened
}

// run moves those of the messages that are there. Once it has sent something, its error is
// final.
func (m *moving) run(ctx context.Context, at *opened, uids []state.UID) error {
	there, err := at.there(ctx, uids)
	if err != nil || len(there) == 0 {
		return err
	}
	m.sent = there
	m.confirmed, err = at.relocate(ctx, there, m.to, false)
	all := len(m.confirmed) == len(there) && !slices.ContainsFunc(m.confirmed, func(one state.Moved) bool { return one.To == 0 })
	if err == nil && all && at.s.caps.Has(goimap.CapMove) {
		m.moved, m.sure = m.confirmed, true
		return nil
	}
	if !at.s.broken.Load() {
		still, look := m.look(ctx, at)
		err = errors.Join(err, look)
		if err == nil && len(still) > 0 {
			err = fmt.Errorf("%d of %d messages are still there, the first is UID %d", len(still), len(there), still[0])
		}
	}
	return finally(err)
}

// look finds out which are gone, and returns those that are not. What was confirmed is in the
// other mailbox by now, gone or not.
func (m *moving) look(ctx context.Context, at *opened) (still []state.UID, err error) {
	if still, err = at.there(ctx, m.sent); err != nil {
		return nil, err
	}
	m.moved, m.copied, m.sure = nil, nil, true
	for _, uid := range m.sent {
		one := state.Moved{From: uid}
		i, confirmed := slices.BinarySearchFunc(m.confirmed, uid, byFrom)
		if confirmed {
			one = m.confirmed[i]
		}
		_, there := slices.BinarySearch(still, uid)
		switch {
		case !there:
			m.moved = append(m.moved, one)
		case confirmed:
			m.copied = append(m.copied, one)
		}
	}
	return still, nil
}

func byFrom(m state.Moved, uid state.UID) int { return cmp.Compare(m.From, uid) }

// relocate moves messages, which are there, from the mailbox to another, and
// returns those that the server confirmed, sorted, with the new UIDs that it named. With UID MOVE (RFC 6851) that is
// one command; else they are copied, and those whose copies COPYUID named are expunged
// here. doomed means that they are to be deleted anyhow: then also those are expunged whose copy the
// server only confirmed, for they would be copied again and again. What it returns
// is right also beside an error.
func (at *opened) relocate(ctx context.Context, uids []state.UID, to string, doomed bool) ([]state.Moved, error) {
	verb := "UID MOVE "
	switch {
	case at.s.caps.Has(goimap.CapMove):
	case at.s.caps.Has(goimap.CapUIDPlus):
		verb = "UID COPY "
	default:
		return nil, state.Faultf(state.Other, "the server can neither move messages (MOVE) nor expunge single ones (UIDPLUS)").
			WithHint("move them with a mail program; mailsync follows")
	}
	made := copies{}
	var err error
	for set, part := range at.s.pieces(uids) {
		if err = made.send(ctx, at.s, verb+set+" "+quoteName(to), part); err != nil {
			err = fmt.Errorf("%d messages to %s: %w", len(part), reach.Quoted(to), err)
			break
		}
	}
	if verb == "UID COPY " && !at.s.broken.Load() {
		err = errors.Join(err, at.dropCopied(ctx, made, doomed))
	}
	return made.list(), err
}

// dropCopied expunges what was copied. Where that is refused, \Deleted is removed again.
func (at *opened) dropCopied(ctx context.Context, made copies, doomed bool) error {
	var from []state.UID
	for _, m := range made.list() {
		if m.To != 0 || doomed {
			from = append(from, m.From)
		}
	}
	if len(from) == 0 {
		return nil
	}
	kw := state.NewKeywords(nil)
	before, err := at.show(ctx, from, kw)
	if err != nil {
		return err
	}
	marked, err := at.setDeleted(ctx, uidsOf(before), kw)
	if at.s.broken.Load() {
		return err
	}
	if err == nil {
		err = at.expunge(ctx, slices.Sorted(maps.Keys(marked)))
	}
	if err == nil || at.s.broken.Load() {
		return err
	}
	before = slices.DeleteFunc(before, func(m state.OnServer) bool { return m.Flags&state.Deleted != 0 })
	return errors.Join(err, at.takeBack(ctx, uidsOf(before), kw))
}

// copies are the messages whose command ended in OK, by old UID; To is what COPYUID named.
type copies map[state.UID]state.Moved

// send sends a UID COPY or UID MOVE of uids. COPYUID is sent with the tagged OK, or ahead of
// it (RFC 6851 section 4.3).
func (c copies) send(ctx context.Context, s *session, line string, uids []state.UID) error {
	ok, err := s.run(ctx, line, func(l wire.Line) error {
		sc := l.Scan()
		if strings.EqualFold(sc.Atom(), "OK") {
			if sc.SP(); sc.Eat('[') {
				if code := sc.Until("]"); sc.Peek() == ']' {
					c.add(code, uids)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.add(ok.Code, uids)
	for _, uid := range uids {
		if _, named := c[uid]; !named {
			c[uid] = state.Moved{From: uid}
		}
	}
	return nil
}

// add takes COPYUID uidvalidity from to (RFC 4315 section 3). Sets that do not pair up, or
// name more than was asked for, are not taken.
func (c copies) add(code string, asked []state.UID) {
	f := strings.Fields(code)
	if len(f) != 4 || !strings.EqualFold(f[0], "COPYUID") {
		return
	}
	validity, ok := uid32(f[1])
	from, also := spelled(f[2], len(asked))
	to, too := spelled(f[3], len(asked))
	if !ok || !also || !too || len(from) != len(to) {
		return
	}
	for i, uid := range from {
		if _, mine := slices.BinarySearch(asked, uid); mine {
			c[uid] = state.Moved{From: uid, To: to[i], UIDValidity: validity}
		}
	}
}

// spelled returns the UIDs of a set in its order, false where there are more than most.
func spelled(set string, most int) ([]state.UID, bool) {
	var out []state.UID
	for part := range strings.SplitSeq(set, ",") {
		var r ranges
		if !r.add(part) || r.count() > uint64(most-len(out)) {
			return nil, false
		}
		for n := uint64(r[0].First); n <= uint64(r[0].Last); n++ {
			out = append(out, state.UID(n))
		}
	}
	return out, true
}

func (c copies) list() []state.Moved {
	return slices.SortedFunc(maps.Values(c), func(a, b state.Moved) int { return byFrom(a, b.From) })
}
