package imap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/reach"
	"mailsync/state"
)

// Expunge deletes messages permanently. In one session it opens the mailbox, checks that
// UIDVALIDITY, sizes and dates are what they should be and asks Confirm, sets \Deleted,
// asks Confirm again with the flags that were echoed, expunges by UID those whose
// \Deleted was echoed and nothing else, and looks which are gone. With Trash they are
// moved there first and expunged there; without UIDPLUS they stay there. A \Deleted that
// was set here and that UID EXPUNGE could not follow is removed again.
func (a *Account) Expunge(ctx context.Context, req state.ExpungeRequest) (state.Expunged, error) {
	if len(req.Messages) == 0 {
		return state.Expunged{}, nil
	}
	if req.Keywords == nil {
		req.Keywords = state.NewKeywords(nil)
	}
	if req.Trash == req.Raw {
		req.Trash = ""
	}
	req.Messages = slices.Clone(req.Messages)
	slices.SortFunc(req.Messages, func(a, b state.Doomed) int { return cmp.Compare(a.UID, b.UID) })
	x := &expunging{req: req, had: map[state.UID]state.Flags{}, kept: map[state.UID]bool{}}
	err := a.change(ctx, req.Raw, func(s *session) error { return x.run(ctx, s) })
	return state.Expunged{Gone: x.gone, Kept: slices.Sorted(maps.Keys(x.kept)), Trashed: x.trashed}, inMailbox(req.Raw, "expunge from", err)
}

// expunging is an Expunge under way.
type expunging struct {
	req     state.ExpungeRequest
	gone    []state.UID
	kept    map[state.UID]bool
	trashed []state.UID               // of gone: they are in the trash
	had     map[state.UID]state.Flags // as they were at first
	passed  []state.UID               // that the server left, and answered OK
}

// run does it on one session. It may be run again until something was moved.
func (x *expunging) run(ctx context.Context, s *session) error {
	if err := canExpunge(s.caps, x.req.Trash); err != nil {
		return err
	}
	at, err := s.openToChange(ctx, x.req.Raw, x.req.UIDValidity)
	if err != nil {
		return err
	}
	doomed, err := x.judge(ctx, at, x.left())
	if err != nil {
		return err
	}
	if x.req.Trash != "" && len(doomed) > 0 {
		return finally(x.byTrash(ctx, at, doomed))
	}
	trouble := x.inPlace(ctx, at, doomed)
	if s.broken.Load() {
		return trouble
	}
	err = x.look(ctx, at, trouble)
	switch {
	case len(x.gone) == len(x.req.Messages):
		return nil // all of it is done, whatever was answered
	case trouble == nil && err != nil && !s.broken.Load(): // what the server left must not look deleted
		err = errors.Join(err, at.takeBack(ctx, x.unmarked(x.passed), x.req.Keywords))
	}
	return err
}

// byTrash moves the messages to the trash mailbox, and expunges them there where the
// server can.
func (x *expunging) byTrash(ctx context.Context, at *opened, doomed []state.OnServer) error {
	moved, err := at.relocate(ctx, uidsOf(doomed), x.req.Trash, true)
	if at.s.broken.Load() {
		return err
	}
	moved = slices.DeleteFunc(moved, func(m state.Moved) bool { return m.To == 0 })
	err = x.look(ctx, at, err)
	for _, m := range doomed {
		if _, gone := slices.BinarySearch(x.gone, m.UID); gone {
			x.trashed = append(x.trashed, m.UID)
		}
	}
	if err != nil || !at.s.caps.Has(goimap.CapUIDPlus) {
		return err
	}
	purged, err := purge(ctx, at.s, x.req.Trash, moved, doomed)
	x.trashed = slices.DeleteFunc(x.trashed, func(uid state.UID) bool { return purged[uid] })
	if err == nil && len(moved) < len(doomed) {
		err = errors.New("the server did not report their new UIDs")
	}
	if err != nil {
		return fmt.Errorf("of %d messages moved to %s, not all are expunged there: %w", len(doomed), reach.Quoted(x.req.Trash), err)
	}
	return nil
}

// canExpunge refuses what the server has no safe command for.
func canExpunge(caps goimap.CapSet, trash string) error {
	move := caps.Has(goimap.CapMove)
	switch {
	case caps.Has(goimap.CapUIDPlus), trash != "" && move:
		return nil
	case move:
		return state.Faultf(state.Other, "the server cannot expunge single messages (it has no UIDPLUS)").
			WithHint("where there is a trash mailbox (role:trash), messages can be moved there instead")
	}
	return state.Faultf(state.Other, "the server can neither expunge single messages (UIDPLUS) nor move them (MOVE)").
		WithHint("nothing can be deleted there safely: set on_disk_delete = \"keep\", and delete with a mail program")
}

// left are the UIDs about which nothing is decided yet.
func (x *expunging) left() []state.UID {
	var out []state.UID
	for _, m := range x.req.Messages {
		if !x.kept[m.UID] {
			out = append(out, m.UID)
		}
	}
	return out
}

// judge looks at the messages, keeps those that are not what they should be, and returns
// the others. Those that are not there are in neither.
func (x *expunging) judge(ctx context.Context, at *opened, uids []state.UID) ([]state.OnServer, error) {
	shown, err := at.show(ctx, uids, x.req.Keywords)
	if err != nil {
		return nil, err
	}
	var doomed []state.OnServer
	i := 0
	for _, m := range shown {
		for x.req.Messages[i].UID != m.UID {
			i++
		}
		if _, again := x.had[m.UID]; !again {
			x.had[m.UID] = m.Flags
		}
		if !isSame(x.req.Messages[i], m) || !x.confirmed(m) {
			x.kept[m.UID] = true
			continue
		}
		doomed = append(doomed, m)
	}
	return doomed, nil
}

// isSame reports whether a message is the one that is meant.
func isSame(d state.Doomed, m state.OnServer) bool {
	return (d.Size < 0 || d.Size == m.Size) && (d.Date == state.NoDate || d.Date == m.Date)
}

// confirmed asks Confirm, which is not to see a \Deleted that was set here.
func (x *expunging) confirmed(m state.OnServer) bool {
	m.Flags = state.Pick(state.Deleted, x.had[m.UID], m.Flags)
	return x.req.Confirm == nil || x.req.Confirm(m)
}

// inPlace expunges in the mailbox that is open.
func (x *expunging) inPlace(ctx context.Context, at *opened, doomed []state.OnServer) error {
	if len(doomed) == 0 {
		return nil
	}
	marked, err := at.setDeleted(ctx, uidsOf(doomed), x.req.Keywords)
	if at.s.broken.Load() {
		return err
	}
	var sure, back []state.UID
	for _, m := range doomed {
		flags, ok := marked[m.UID]
		switch m.Flags = flags; {
		case !ok:
		case x.confirmed(m):
			sure = append(sure, m.UID)
		default: // it changed in these last moments
			x.kept[m.UID] = true
			back = append(back, m.UID)
		}
	}
	if expunge := at.expunge(ctx, sure); expunge != nil {
		err = errors.Join(err, expunge)
		back = append(back, sure...)
	}
	if !at.s.broken.Load() {
		err = errors.Join(err, at.takeBack(ctx, x.unmarked(back), x.req.Keywords))
	}
	return err
}

// unmarked are those that are known to have had no \Deleted before it was set here.
func (x *expunging) unmarked(uids []state.UID) []state.UID {
	return slices.DeleteFunc(uids, func(uid state.UID) bool {
		had, shown := x.had[uid]
		return !shown || had&state.Deleted != 0
	})
}

// look finds out which are gone, and returns trouble, or that some are not.
func (x *expunging) look(ctx context.Context, at *opened, trouble error) error {
	left := x.left()
	still, err := at.there(ctx, left)
	if err != nil {
		return errors.Join(trouble, err)
	}
	x.gone = nil
	for _, uid := range left {
		if _, there := slices.BinarySearch(still, uid); !there {
			x.gone = append(x.gone, uid)
		}
	}
	if trouble == nil && len(still) > 0 {
		x.passed = still
		return state.Faultf(state.Other, "%d of %d messages are still there, the first is UID %d", len(still), len(left), still[0]).
			WithHint("the server refused nothing, and did not do it; see the mailbox's access rights; what an archive run let go there, \"mailsync archive --undo\" leaves there")
	}
	return trouble
}

// purge expunges, in the trash mailbox, what was just moved there; were are the messages
// as they were before. One that is not of the same size is another message and stays. It returns,
// by the UIDs that they had, those that are expunged; that is right also beside an error.
func purge(ctx context.Context, s *session, trash string, moved []state.Moved, were []state.OnServer) (purged map[state.UID]bool, err error) {
	if len(moved) == 0 {
		return nil, nil
	}
	at, err := s.openToChange(ctx, trash, moved[0].UIDValidity)
	if err != nil {
		return nil, err
	}
	before := map[state.UID]int64{} // sizes
	for _, m := range were {
		before[m.UID] = m.Size
	}
	now := map[state.UID]int64{}
	for _, m := range moved {
		if m.UIDValidity == at.mark.UIDValidity {
			now[m.To] = before[m.From]
		}
	}
	uids := slices.Sorted(maps.Keys(now))
	kw := state.NewKeywords(nil)
	shown, err := at.show(ctx, uids, kw)
	if err != nil {
		return nil, err
	}
	shown = slices.DeleteFunc(shown, func(m state.OnServer) bool { return m.Size != now[m.UID] })
	if len(shown) == 0 {
		return nil, fmt.Errorf("none of %d is there", len(uids))
	}
	marked, err := at.setDeleted(ctx, uidsOf(shown), kw)
	if err != nil {
		return nil, err
	}
	trouble := at.expunge(ctx, slices.Sorted(maps.Keys(marked)))
	if s.broken.Load() {
		return nil, trouble
	}
	still, err := at.there(ctx, uids)
	if err != nil {
		return nil, errors.Join(trouble, err)
	}
	purged = map[state.UID]bool{}
	for _, m := range moved {
		_, left := slices.BinarySearch(still, m.To)
		if _, was := marked[m.To]; was && !left {
			purged[m.From] = true
		}
	}
	if trouble == nil && len(still) > 0 {
		trouble = fmt.Errorf("%d of %d are still there", len(still), len(uids))
	}
	return purged, trouble
}

// setDeleted sets \Deleted and returns the flags of those that have it now, as the server
// echoed them. What it returns is right also beside an error.
func (at *opened) setDeleted(ctx context.Context, uids []state.UID, kw *state.Keywords) (map[state.UID]state.Flags, error) {
	st := newStoring(kw, uids)
	var changes []state.FlagChange
	for _, uid := range uids {
		changes = append(changes, state.FlagChange{UID: uid, Add: state.Deleted})
	}
	err := st.run(ctx, at, changes)
	ignored := false // some servers answer OK to what a user may not do
	for uid, f := range st.echo {
		if f&state.Deleted == 0 {
			delete(st.echo, uid)
			ignored = true
		}
	}
	if err == nil && (st.denied != 0 || ignored && len(st.echo) == 0) {
		what := `the mailbox keeps no \Deleted`
		if st.why != nil {
			what = fmt.Sprintf(`\Deleted cannot be set here, %v`, st.why)
		}
		err = state.Faultf(state.Other, "%s (%w)", what, state.ErrNotPermitted).
			WithHint(seeRights)
	}
	return st.echo, err
}

// expunge sends UID EXPUNGE for these UIDs (RFC 4315 section 2.1), never EXPUNGE or CLOSE,
// which delete what others have marked.
func (at *opened) expunge(ctx context.Context, uids []state.UID) error {
	for set, part := range at.s.pieces(uids) {
		if _, err := at.s.run(ctx, "UID EXPUNGE "+set, nil); err != nil {
			return fmt.Errorf("expunge %d messages: %w", len(part), err)
		}
	}
	return nil
}

// takeBack removes \Deleted from messages on which it was set in vain.
func (at *opened) takeBack(ctx context.Context, uids []state.UID, kw *state.Keywords) error {
	if len(uids) == 0 {
		return nil
	}
	if err := newStoring(kw, uids).send(ctx, at.s, "UID STORE ", uids, ` -FLAGS (\Deleted)`); err != nil {
		return fmt.Errorf("%d messages are still marked \\Deleted: %w", len(uids), err)
	}
	return nil
}
