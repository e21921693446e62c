package imap

import (
	"context"
	"fmt"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/reach"
	"mailsync/state"
)

const scanItems = "(UID FLAGS INTERNALDATE RFC822.SIZE)"

// Scan opens a mailbox read-only and looks at what changed since req.Since: with
// CONDSTORE only that, else everything. See openToScan for the one exception. Marks are told as the server told them, also
// where they went backwards. A listing that does not add up is not Complete; a NO to
// EXAMINE, and a connection that broke twice, are errors; the latter is state.ErrBreaks.
func (a *Account) Scan(ctx context.Context, req state.ScanRequest) (*state.ServerSnapshot, error) {
	if req.Keywords == nil {
		req.Keywords = state.NewKeywords(nil)
	}
	if req.Anew {
		a.retire()
	}
	var out *state.ServerSnapshot
	err := a.do(ctx, req.Raw, func(s *session) (err error) {
		out, err = s.scan(ctx, &req)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// scanTries is how often a mailbox is looked at again because messages went meanwhile.
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
		snap.Mark, snap.MailboxID = at.mark, at.id
		snap.Permanent, snap.NewWords = at.settable(req.Keywords)
		snap.ReadOnly = at.readOnly
		return snap, nil
	}
}

// openToScan opens a mailbox read-only. One that has mail and another UIDVALIDITY than is
// known is opened for writing in between, unless this is a connection that must not: Courier
// writes its numbers down only then, and would have others in every run. What SELECT
// answers is of no interest; EXAMINE is asked what came of it. Where a connection broke at the
// mailbox in this run it is done without.
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

// look chooses how to scan. expunged tells that messages went while it looked.
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
// UIDs as EXISTS said, all valid and unique. Messages that came after EXAMINE are not
// counted: their UIDs are not below UIDNEXT.
func (sc scanning) full(ctx context.Context) (*state.ServerSnapshot, bool, error) {
	at := sc.at
	c := newCollector(sc.req.Keywords, at.mark.Exists)
	if at.mark.Exists > 0 || !at.toldSize {
		if err := at.listAll(ctx, c); err != nil {
			return nil, false, err
		}
	}
	c.finish()
	snap := &state.ServerSnapshot{All: true, Messages: c.messages, Trouble: c.trouble}
	counted := c.below(at.mark.UIDNext) == int(at.mark.Exists)
	// Without UIDNEXT, nothing tells those that came meanwhile from the others.
	counted = counted && (at.mark.UIDNext != 0 || c.exists == at.mark.Exists)
	snap.Complete = at.toldSize && counted && !c.flawed && c.expunged == 0
	if !snap.Complete {
		at.s.a.o.Log.Info("listing is not complete", "mailbox", reach.Clean(at.raw), "count", len(c.messages),
			"err", fmt.Errorf("%d messages announced", at.mark.Exists))
	}
	return snap, c.expunged > 0 || at.mark.UIDNext == 0 && c.exists != at.mark.Exists, nil
}

// listAll asks for every message of the mailbox. Those that the server refuses to
// tell of are noted as trouble, so that the listing counts as no complete one. It is an error
// where it tells of none.
func (at *opened) listAll(ctx context.Context, c *collector) error {
	refused := at.s.w.Each(ctx, "UID FETCH 1:* "+scanItems, c.take)
	if refused == nil || !declined(refused) || at.mark.Exists == 0 {
		return refused
	}
	r, _ := asRefusal(refused)
	ofSome := r.lasting() // whatever its code says: others are told of
	if c.expunged > 0 {   // of those that went (RFC 2180 section 4.1.2); the numbers mean others by now
		c.fault(0, fmt.Errorf("the server's listing broke off, for messages went meanwhile: %w; what it lists is fetched, nothing counts as gone", ofSome))
		return nil
	}
	left := ranges{{First: 1, Last: at.mark.Exists}}.without(c.told())
	holes, early, err := question{"FETCH ", scanItems, c.take, c.told}.narrower(ctx, at.s, left, len(c.messages) > 0)
	switch {
	case err != nil:
		return err
	case len(c.messages) == 0:
		return refused
	case len(holes) == 0 && early: // only what came ahead of an OK makes a listing complete
		c.fault(0, fmt.Errorf("the server's listing broke off and had to be asked for in parts: %w; what it lists is fetched, nothing counts as gone", ofSome))
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

// uidsAt returns the UIDs of messages of which the server tells no more, none where it does not
// tell those.
func (at *opened) uidsAt(ctx context.Context, numbers ranges) ([]state.UID, error) {
	c := newCollector(nil, uint32(numbers.count()))
	if numbers.count() > maxNarrower {
		return nil, nil
	}
	if err := at.s.w.Each(ctx, "FETCH "+numbers.String()+" (UID)", c.take); err != nil && !declined(err) {
		return nil, err
	}
	c.finish()
	return uidsOf(c.messages), nil
}

// canDelta reports whether asking for changes alone is possible: CONDSTORE, the same
// generation, and nothing that went backwards.
func (sc scanning) canDelta() bool {
	at, req := sc.at, sc.req
	old, now := req.Since, at.mark
	return !req.Full && at.s.caps.Has(goimap.CapCondStore) && at.toldSize &&
		old.ModSeq != 0 && now.ModSeq >= old.ModSeq &&
		old.UIDValidity != 0 && now.UIDValidity == old.UIDValidity &&
		now.UIDNext != 0 && now.UIDNext >= old.UIDNext &&
		len(req.KnownUID) == req.Known
}
