package imap

import (
	"context"
	"fmt"
	"math"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/reach"
	"mailsync/state"
)

const scanItems = "(UID FLAGS INTERNALDATE RFC822.SIZE)"

// Scan opens a mailbox read-only and looks at what changed since req.Since: with
// CONDSTORE only that, else everything. See openToScan for the one exception. Marks are returned as the
// server sent them, also where they are lower than before. A listing that does not add up is not Complete; a NO to
// EXAMINE, and a connection that broke twice, are errors; the latter is state.ErrBreaks.
func (a *Account) Scan(ctx context.Context, req state.ScanRequest) (*state.ServerSnapshot, error) {
	if req.Keywords == nil {
		req.Keywords = state.NewKeywords(nil)
	}
	if req.Anew {
		a.retire()
	}
	if snap := a.expected.answer(ctx, &req); snap != nil {
		a.patience.Worked()
		a.breaks.worked(req.Raw)
		return snap, nil
	}
	var out *state.ServerSnapshot
	err := a.do(ctx, req.Raw, func(s *session) (err error) {
		out, err = s.scan(ctx, &req)
		return err
	})
	return out, err
}

// scanTries is how often a mailbox is looked at because messages were removed meanwhile.
const scanTries = 3

func (s *session) scan(ctx context.Context, req *state.ScanRequest) (*state.ServerSnapshot, error) {
	for try := 1; ; try++ {
		at, err := s.openToScan(ctx, req)
		if err != nil {
			return nil, err
		}
		snap, expunged, err := scanning{at, req}.look(ctx)
		if err != nil {
			err = s.fault(ctx, err)
			return nil, s.tied(object{raw: req.Raw}, inMailbox(req.Raw, "scan", err))
		}
		if expunged && !snap.Complete && try < scanTries {
			continue
		}
		return at.described(snap, req), nil
	}
}

// described is a snapshot with what was sent when the mailbox was opened.
func (at *opened) described(snap *state.ServerSnapshot, req *state.ScanRequest) *state.ServerSnapshot {
	snap.Mark, snap.MailboxID = at.mark, at.id
	snap.Permanent, snap.NewWords = at.settable(req.Keywords)
	snap.ReadOnly, snap.Limit = at.readOnly, at.s.shown()
	return snap
}

// openToScan opens a mailbox read-only. One that has mail and another UIDVALIDITY than is
// known is opened for writing in between, unless this is a connection that must not: Courier
// writes its numbers down only then, and would have others in every run. The answer to SELECT does not
// matter: EXAMINE follows and shows the outcome. Where a connection broke at the mailbox in this run, SELECT
// is not sent.
func (s *session) openToScan(ctx context.Context, req *state.ScanRequest) (*opened, error) {
	if req.Writable && !s.a.o.ReadOnly {
		return s.open(ctx, req.Raw, false)
	}
	at, err := s.open(ctx, req.Raw, true)
	known := req.Since.UIDValidity
	if err != nil || s.a.o.ReadOnly || known == 0 || at.mark.UIDValidity == known || at.mark.Exists == 0 || s.a.breaks.once(req.Raw) {
		return at, err
	}
	if _, err := s.open(ctx, req.Raw, false); err != nil {
		s.a.o.Log.Debug("numbers cannot be settled", "mailbox", reach.Clean(req.Raw), "err", err)
	}
	return s.open(ctx, req.Raw, true)
}

// scanning is one look at the mailbox that is open.
type scanning struct {
	at  *opened
	req *state.ScanRequest
}

// look chooses how to scan. expunged reports that messages were removed meanwhile.
func (sc scanning) look(ctx context.Context) (snap *state.ServerSnapshot, expunged bool, err error) {
	if sc.canDelta() {
		snap, err = sc.delta(ctx)
		if snap != nil || err != nil {
			return snap, false, err
		}
	}
	return sc.full(ctx)
}

// full lists every message. The listing is complete (spec 5.3) if it holds as many
// UIDs as EXISTS announced, all valid and unique. Messages that arrived after EXAMINE are not
// counted: their UIDs are not below UIDNEXT.
func (sc scanning) full(ctx context.Context) (*state.ServerSnapshot, bool, error) {
	at := sc.at
	c := newCollector(sc.req.Keywords, at.mark.Exists)
	if at.mark.Exists > 0 || !at.hasExists {
		if err := at.listAll(ctx, c); err != nil {
			return nil, false, err
		}
	}
	snap, expunged := sc.whole(c)
	return snap, expunged, nil
}

// whole judges a listing of every message. expunged reports that messages were removed meanwhile.
func (sc scanning) whole(c *collector) (snap *state.ServerSnapshot, expunged bool) {
	at := sc.at
	c.finish()
	snap = &state.ServerSnapshot{All: true, Messages: c.messages, Trouble: c.trouble}
	if len(c.messages) > 0 {
		snap.Lowest = c.messages[0].UID
	}
	counted := c.below(at.mark.UIDNext) == int(at.mark.Exists)
	// Without UIDNEXT, those that arrived meanwhile cannot be told apart.
	counted = counted && (at.mark.UIDNext != 0 || c.exists == at.mark.Exists)
	snap.Complete = at.hasExists && counted && !c.flawed && c.expunged == 0
	if !snap.Complete {
		at.s.a.o.Log.Info(fmt.Sprintf("the server's listing is not complete: %d messages of %d", len(c.messages), at.mark.Exists), "mailbox", reach.Clean(at.raw))
	}
	return snap, c.expunged > 0 || at.mark.UIDNext == 0 && c.exists != at.mark.Exists
}

// listAll asks for every message of the mailbox. Those that the server refuses to
// list are noted as trouble, so that the listing does not count as complete. It is an error
// where it lists none.
func (at *opened) listAll(ctx context.Context, c *collector) error {
	_, refused := at.s.run(ctx, "UID FETCH "+at.s.everyUID()+" "+scanItems, c.take)
	if refused == nil || !declined(refused) || at.mark.Exists == 0 {
		return refused
	}
	r, _ := asRefusal(refused)
	ofSome := r.lasting() // whatever its code is: others are listed
	if c.expunged > 0 {   // of those removed (RFC 2180 section 4.1.2); the numbers mean others by now
		c.fault(0, fmt.Errorf("the server interrupted its listing, for messages were removed meanwhile: %w; what it lists is fetched, nothing counts as gone", ofSome))
		return nil
	}
	q := question{"FETCH ", scanItems, c.take, c.listedNumbers}
	left := ranges{{First: 1, Last: at.mark.Exists}}
	if at.s.uidOnly {
		var err error
		q.verb = "UID FETCH " // the numbers of what was listed are UIDs
		if left, _, err = at.search(ctx, at.searchAll(), c.take); err != nil {
			return err
		}
	}
	left = left.without(c.listedNumbers())
	holes, early, err := q.narrower(ctx, at.s, left, len(c.messages) > 0)
	switch {
	case err != nil:
		return err
	case len(c.messages) == 0:
		return refused
	case len(holes) == 0 && early: // only what is listed ahead of an OK makes a listing complete
		c.fault(0, fmt.Errorf("the server interrupted its listing and had to be asked in parts: %w; what it lists is fetched, nothing counts as gone", ofSome))
		return nil
	case len(holes) == 0:
		return nil
	}
	uids, err := at.uidsAt(ctx, holes)
	if err != nil {
		return err
	}
	which := ""
	if len(uids) > 0 {
		which = " (UID " + rangesOf(uids[:min(len(uids), 5)]).String() + ")"
	}
	c.fault(0, fmt.Errorf("the server does not list %d of %d messages%s: %w; what it lists is fetched, nothing counts as gone",
		holes.count(), at.mark.Exists, which, ofSome))
	return nil
}

// uidsAt returns the UIDs of messages of which the server lists nothing else, none where it refuses
// those, too.
func (at *opened) uidsAt(ctx context.Context, numbers ranges) ([]state.UID, error) {
	if numbers.count() > maxNarrower {
		return nil, nil
	}
	if at.s.uidOnly {
		return numbers.uids(), nil
	}
	c := newCollector(nil, uint32(numbers.count()))
	if _, err := at.s.run(ctx, "FETCH "+numbers.String()+" (UID)", c.take); err != nil && !declined(err) {
		return nil, err
	}
	c.finish()
	return uidsOf(c.messages), nil
}

// canDelta reports whether asking for changes alone is possible: CONDSTORE, in a mailbox that goes on.
func (sc scanning) canDelta() bool {
	at, req := sc.at, sc.req
	return !req.Full && at.s.caps.Has(goimap.CapCondStore) && at.hasExists && goesOn(req.Since, at.mark) && len(req.KnownUID) == req.Known
}

// goesOn reports whether a mailbox still counts as it did: the same generation, and nothing lower than before.
func goesOn(old, now state.Mark) bool {
	return old.ModSeq != 0 && now.ModSeq >= old.ModSeq &&
		old.UIDValidity != 0 && now.UIDValidity == old.UIDValidity &&
		now.UIDNext != 0 && now.UIDNext >= old.UIDNext
}

// delta asks for what changed since req.Since (RFC 7162 section 3.1.4.1) and finds out
// what was removed. It returns nil without an error where known − removed + new is not EXISTS:
// then only a full listing is right.
func (sc scanning) delta(ctx context.Context) (*state.ServerSnapshot, error) {
	at, req := sc.at, sc.req
	if at.mark == req.Since && req.Known == int(at.mark.Exists) {
		return &state.ServerSnapshot{Complete: true}, nil
	}
	c := newCollector(req.Keywords, at.mark.Exists)
	if at.mark.Exists > 0 && at.mark.ModSeq != req.Since.ModSeq {
		cmd := fmt.Sprintf("UID FETCH %s %s (CHANGEDSINCE %d)", at.s.everyUID(), scanItems, req.Since.ModSeq)
		if _, err := at.s.run(ctx, cmd, c.take); err != nil {
			if declined(err) {
				return nil, nil
			}
			return nil, err
		}
	}
	snap, addsUp := sc.changes(c)
	if snap == nil || addsUp {
		return snap, nil
	}
	return sc.withGone(ctx, c, snap)
}

// changes judges a listing of what changed, nil where that cannot be used. Where it does not add up, messages were removed.
func (sc scanning) changes(c *collector) (snap *state.ServerSnapshot, addsUp bool) {
	if c.finish(); c.flawed {
		return nil, false
	}
	snap = &state.ServerSnapshot{Complete: true, Messages: c.messages}
	return snap, c.expunged == 0 && sc.req.Known+len(sc.newcomers(c)) == int(sc.at.mark.Exists)
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

// longestSearch is how many UIDs a SEARCH without ranges may list.
const longestSearch = 400_000

// searchAll is the command that asks for all UIDs.
func (at *opened) searchAll() string {
	if at.s.caps.Has(goimap.CapESearch) {
		return "UID SEARCH RETURN (ALL) ALL" // RFC 4731
	}
	return "UID SEARCH ALL"
}

// withGone asks which UIDs there are, and so learns which of the known ones were removed.
func (sc scanning) withGone(ctx context.Context, c *collector, snap *state.ServerSnapshot) (*state.ServerSnapshot, error) {
	at := sc.at
	if at.mark.Exists > longestSearch && !at.s.caps.Has(goimap.CapESearch) {
		return nil, nil // the answer would be a line longer than wire takes
	}
	// Ranges are never expanded: a server can claim four thousand million messages in twelve bytes.
	all, _, err := at.search(ctx, at.searchAll(), c.take)
	if err != nil {
		if declined(err) {
			return nil, nil
		}
		return nil, err
	}
	return sc.without(all, c, snap), nil
}

// without adds to what changed which of the known messages were removed, given the UIDs that there are. It returns nil
// where that does not add up.
func (sc scanning) without(all ranges, c *collector, snap *state.ServerSnapshot) *state.ServerSnapshot {
	at := sc.at
	there := all.without(ranges{{First: at.mark.UIDNext, Last: math.MaxUint32}})
	if len(there) > 0 {
		snap.Lowest = state.UID(there[0].First)
	}
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
		return nil
	}
	// What changed and then was removed meanwhile is gone.
	snap.Messages = slices.DeleteFunc(snap.Messages, func(m state.OnServer) bool {
		return uint32(m.UID) < at.mark.UIDNext && !there.has(m.UID)
	})
	return snap
}
