package imap

import (
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

// setDeleted sets \Deleted and returns the flags of those that have it now, as the server
// echoed them. What it returns holds also beside an error.
func (at *opened) setDeleted(ctx context.Context, uids []state.UID, kw *state.Keywords) (map[state.UID]state.Flags, error) {
	st := newStoring(kw, uids)
	var changes []state.FlagChange
	for _, uid := range uids {
		changes = append(changes, state.FlagChange{UID: uid, Add: state.Deleted})
	}
	err := st.run(ctx, at, changes)
	ignored := false // some servers say OK to what a user may not do
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
// which take what others have marked.
func (at *opened) expunge(ctx context.Context, uids []state.UID) error {
	sets, counts := splitSet(uids)
	for i, set := range sets {
		if err := at.s.w.Each(ctx, "UID EXPUNGE "+set, func(wire.Line) error { return nil }); err != nil {
			return fmt.Errorf("expunge %d messages: %w", counts[i], at.s.fault(ctx, err))
		}
	}
	return nil
}

// relocate moves messages, which are there, from the mailbox to another, and
// returns those that the server confirmed, sorted, with the new UIDs that it told. With UID MOVE (RFC 6851) that is
// one command; else they are copied, and those whose copies COPYUID told of are expunged
// here. doomed says that they are to be deleted anyhow: then those go as well of which the
// server only confirmed the copy, for they would be copied again and again. What it returns
// holds also beside an error.
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
	var told copies
	var err error
	sets, counts := splitSet(uids)
	for i, set := range sets {
		if err = told.send(ctx, at.s, verb+set+" "+quoteName(to), uids[:counts[i]]); err != nil {
			err = fmt.Errorf("%d messages to %s: %w", counts[i], reach.Quoted(to), err)
			break
		}
		uids = uids[counts[i]:]
	}
	if verb == "UID COPY " && !at.s.broken.Load() {
		err = errors.Join(err, at.dropCopied(ctx, told, doomed))
	}
	return told.list(), err
}

// dropCopied expunges what was copied. Where that is refused, \Deleted is taken back.
func (at *opened) dropCopied(ctx context.Context, told copies, doomed bool) error {
	var from []state.UID
	for _, m := range told.list() {
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

// takeBack takes \Deleted off messages that it was set on for nothing.
func (at *opened) takeBack(ctx context.Context, uids []state.UID, kw *state.Keywords) error {
	if len(uids) == 0 {
		return nil
	}
	if err := newStoring(kw, uids).send(ctx, at.s, "UID STORE ", uids, ` -FLAGS (\Deleted)`); err != nil {
		return fmt.Errorf("%d messages are still marked \\Deleted: %w", len(uids), err)
	}
	return nil
}

// copies are the messages of which a command ended in OK, by old UID; To is what COPYUID told.
type copies map[state.UID]state.Moved

// send sends a UID COPY or UID MOVE of uids. COPYUID comes with the tagged OK, or ahead of
// it (RFC 6851 section 4.3).
func (c *copies) send(ctx context.Context, s *session, line string, uids []state.UID) error {
	if *c == nil {
		*c = copies{}
	}
	ok, err := s.w.Do(ctx, line, func(l wire.Line) error {
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
		return s.fault(ctx, err)
	}
	c.add(ok.Code, uids)
	for _, uid := range uids {
		if _, told := (*c)[uid]; !told {
			(*c)[uid] = state.Moved{From: uid}
		}
	}
	return nil
}

// add takes COPYUID uidvalidity from to (RFC 4315 section 3). Sets that do not pair up, or
// name more than was asked for, tell nothing.
func (c *copies) add(code string, asked []state.UID) {
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
			(*c)[uid] = state.Moved{From: uid, To: to[i], UIDValidity: validity}
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
	out := make([]state.Moved, 0, len(c))
	for _, m := range c {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b state.Moved) int { return byFrom(a, b.From) })
	return out
}
