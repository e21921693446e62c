package imap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/reach"
	"mailsync/state"
)

// Move moves messages to another mailbox: by UID MOVE, or by UID COPY and then UID EXPUNGE
// of those whose copy COPYUID told of. Messages that are not there are in no answer; one
// that went and whose new UID was not told has To 0; those that are in both mailboxes now
// are in a *state.CopiedError. Once a command that moves was sent, nothing is tried again: a
// second copy would be a double.
func (a *Account) Move(ctx context.Context, from string, uidValidity uint32, uids []state.UID, to string) ([]state.Moved, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	doing := "move to " + reach.Quoted(to) + " from"
	switch {
	case a.o.ReadOnly:
		return nil, inMailbox(from, doing, errors.New("this run must not change the server"))
	case from == to:
		return nil, inMailbox(from, doing, errors.New("it is the same mailbox"))
	}
	uids = slices.Clone(uids)
	slices.Sort(uids)
	m := &moving{to: to}
	err := a.do(ctx, from, func(s *session) error {
		at, err := s.openToChange(ctx, from, uidValidity)
		if err == nil {
			err = m.run(ctx, at, uids)
		}
		return err
	})
	if err != nil && len(m.sent) > 0 && !m.sure && ctx.Err() == nil {
		// The connection broke on the way. What went can be seen on another one.
		_ = a.do(ctx, from, func(s *session) error {
			at, err := s.open(ctx, from, true)
			if err == nil {
				err = at.same(uidValidity)
			}
			if err == nil {
				_, err = m.look(ctx, at)
			}
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
	to     string
	sent   []state.UID // those that a command was sent for
	told   []state.Moved
	moved  []state.Moved
	copied []state.Moved // what was confirmed and is still there
	sure   bool          // moved is what happened
}

// run moves those of the messages that are there. Once it has sent something, its error is
// final.
func (m *moving) run(ctx context.Context, at *opened, uids []state.UID) error {
	there, err := at.there(ctx, uids)
	if err != nil || len(there) == 0 {
		return err
	}
	m.sent = there
	m.told, err = at.relocate(ctx, there, m.to, false)
	whole := len(m.told) == len(there) && !slices.ContainsFunc(m.told, func(one state.Moved) bool { return one.To == 0 })
	if err == nil && whole && at.s.caps.Has(goimap.CapMove) {
		m.moved, m.sure = m.told, true
		return nil
	}
	if !at.s.broken.Load() {
		still, look := m.look(ctx, at)
		err = errors.Join(err, look)
		if err == nil && len(still) > 0 {
			err = fmt.Errorf("%d of %d messages are still there, the first is UID %d", len(still), len(there), still[0])
		}
	}
	if err != nil {
		return &final{err}
	}
	return nil
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
		i, confirmed := slices.BinarySearchFunc(m.told, uid, byFrom)
		if confirmed {
			one = m.told[i]
		}
		if _, there := slices.BinarySearch(still, uid); there {
			if !confirmed {
				continue
			}
			m.copied = append(m.copied, one)
			continue
		}
		m.moved = append(m.moved, one)
	}
	return still, nil
}

func byFrom(m state.Moved, uid state.UID) int { return cmp.Compare(m.From, uid) }
