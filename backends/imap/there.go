package imap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// there returns those of some UIDs that are in the mailbox, which stays open in the way it is. It
// is asked after what was deleted or moved, and what it does not return counts as gone.
func (at *opened) there(ctx context.Context, uids []state.UID) ([]state.UID, error) {
	var out []state.UID
	sets, counts := splitSet(uids)
	for i, set := range sets {
		has, err := at.whichOf(ctx, set, counts[i])
		if err != nil {
			return nil, err
		}
		for _, uid := range uids[:counts[i]] {
			if has(uid) {
				out = append(out, uid)
			}
		}
		uids = uids[counts[i]:]
	}
	return out, nil
}

// whichOf tells which UIDs of a set of n are there. A SEARCH that finds nothing should be
// answered with "* SEARCH" (RFC 9051 section 7.3.4); some servers send only their OK, or NO
// where the mailbox is empty by now, and are asked in another way.
func (at *opened) whichOf(ctx context.Context, set string, n int) (has func(state.UID) bool, err error) {
	found, answered, err := at.search(ctx, "UID SEARCH UID "+set, func(wire.Line) error { return nil })
	var odd oddAnswer
	switch {
	case errors.As(err, &odd):
		return nil, err
	case err != nil && !declined(err):
		return nil, at.s.fault(ctx, err)
	case err != nil || !answered:
		return at.whichListed(ctx, set, n)
	}
	return found.has, nil
}

// whichListed is whichOf of a server whose SEARCH said nothing. Silence about a UID says that
// it is not there only together with EXISTS or with a message that is (spec 5.8). So
// the mailbox is opened anew, and is empty, or its last message is asked for as well.
func (at *opened) whichListed(ctx context.Context, set string, n int) (has func(state.UID) bool, err error) {
	anew, err := at.s.open(ctx, at.raw, at.readOnly)
	if err != nil {
		return nil, err
	}
	if err := anew.same(at.mark.UIDValidity); err != nil {
		return nil, err
	}
	if anew.toldSize && anew.mark.Exists == 0 {
		return func(state.UID) bool { return false }, nil
	}
	c := newCollector(nil, anew.mark.Exists)
	if err := at.s.w.Each(ctx, "UID FETCH "+set+",* (UID)", c.take); err != nil {
		return nil, at.s.fault(ctx, err)
	}
	c.finish()
	switch {
	case c.flawed:
		return nil, c.trouble[0].Err
	case len(c.messages) == 0:
		return nil, fmt.Errorf("the server does not say which of %d messages are there", n)
	}
	return func(uid state.UID) bool {
		_, listed := slices.BinarySearchFunc(c.messages, uid, byUID)
		return listed
	}, nil
}
