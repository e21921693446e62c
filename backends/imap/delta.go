package imap

import (
	"context"
	"fmt"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/state"
)

// delta asks for what changed since req.Since (RFC 7162 section 3.1.4.1) and finds out
// what went. It returns nil without an error where known − vanished + new is not EXISTS:
// then only a full listing tells the truth.
func (sc scanning) delta(ctx context.Context) (*state.ServerSnapshot, error) {
	at, req := sc.at, sc.req
	snap := &state.ServerSnapshot{Complete: true}
	if at.mark == req.Since && req.Known == int(at.mark.Exists) {
		return snap, nil
	}
	c := newCollector(req.Keywords, at.mark.Exists)
	if at.mark.Exists > 0 && at.mark.ModSeq != req.Since.ModSeq {
		cmd := fmt.Sprintf("UID FETCH 1:* %s (CHANGEDSINCE %d)", scanItems, req.Since.ModSeq)
		if err := at.s.w.Each(ctx, cmd, c.take); err != nil {
			if declined(err) {
				return nil, nil
			}
			return nil, err
		}
	}
	c.finish()
	if c.flawed {
		return nil, nil
	}
	snap.Messages = c.messages
	if c.expunged == 0 && req.Known+len(sc.newcomers(c)) == int(at.mark.Exists) {
		return snap, nil
	}
	return sc.withGone(ctx, c, snap)
}

// newcomers are the listed UIDs that the base does not know and that EXISTS counted.
func (sc scanning) newcomers(c *collector) []state.UID {
	var fresh []state.UID
	for _, m := range c.messages[:c.below(sc.at.mark.UIDNext)] {
		if _, known := slices.BinarySearch(sc.req.KnownUID, m.UID); !known {
			fresh = append(fresh, m.UID)
		}
	}
	return fresh
}

// longestSearch is how many UIDs a SEARCH without ranges may tell.
const longestSearch = 400_000

// withGone asks which UIDs there are and takes from it which of the known ones went.
func (sc scanning) withGone(ctx context.Context, c *collector, snap *state.ServerSnapshot) (*state.ServerSnapshot, error) {
	at := sc.at
	if at.mark.Exists > longestSearch && !at.s.caps.Has(goimap.CapESearch) {
		return nil, nil // the answer would be a line longer than wire takes
	}
	there, err := at.searchAll(ctx, c)
	if err != nil {
		if declined(err) {
			return nil, nil
		}
		return nil, err
	}
	there = there.below(at.mark.UIDNext)
	fresh := sc.newcomers(c)
	stay := 0
	for _, uid := range sc.req.KnownUID {
		if there.has(uid) {
			stay++
		} else {
			snap.Gone = append(snap.Gone, uid)
		}
	}
	for _, uid := range fresh {
		if there.has(uid) {
			stay++
		}
	}
	now := int64(at.mark.Exists) - int64(c.expunged)
	if int64(stay) != now || there.count() != uint64(stay) {
		return nil, nil
	}
	// What changed and then went while we looked is gone.
	snap.Messages = slices.DeleteFunc(snap.Messages, func(m state.OnServer) bool {
		return uint32(m.UID) < at.mark.UIDNext && !there.has(m.UID)
	})
	return snap, nil
}

// searchAll returns the UIDs of all messages. Ranges are never expanded: a server can
// claim four thousand million messages in twelve bytes.
func (at *opened) searchAll(ctx context.Context, c *collector) (ranges, error) {
	cmd := "UID SEARCH ALL"
	if at.s.caps.Has(goimap.CapESearch) {
		cmd = "UID SEARCH RETURN (ALL) ALL" // RFC 4731
	}
	all, _, err := at.search(ctx, cmd, c.take)
	return all, err
}
