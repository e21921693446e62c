package sync

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
)

// putOff finds the messages to be fetched that may be here already, or will be once another
// mailbox has fetched them, and puts them at the end of what their mailboxes fetch.
func (r *run) putOff(ctx context.Context) error {
	if !r.emailIDs || r.row.EstimatedSizes {
		return nil // nobody could say whether they are the same
	}
	var wanted, files []Alike
	for i, b := range r.boxes {
		for _, o := range b.fetches() {
			if b.mayLink(o) {
				wanted = append(wanted, Alike{Size: o.Size, Date: o.Date, Box: i, UID: o.UID, Status: state.Outstanding, Late: b.listed.Role != "all"})
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	slices.SortFunc(wanted, func(x, y Alike) int { return x.content().compare(y.content()) })
	for i, b := range r.boxes {
		files = append(files, filesAlike(i, b.records, wanted)...)
	}
	r.groups = Likeness(wanted, files)
	if slices.ContainsFunc(wanted, func(a Alike) bool { return len(alikeTo(r.groups, a.content())) == 0 }) {
		old, err := r.unloadedAlike(ctx, wanted)
		if err != nil {
			return err
		}
		r.groups = Likeness(wanted, files, old)
	}
	for i, b := range r.boxes {
		b.waiting = waitLast(b.fetches(), func(o Op) bool {
			return b.mayLink(o) && waits(r.groups, i, bySizeAndDate(o.Size, o.Date, ""))
		})
	}
	for _, a := range r.groups {
		b := r.boxes[a.Box]
		if b.arrived == nil {
			b.arrived = map[state.UID]string{}
		}
		if !a.Status.HasFile() {
			b.arrived[a.UID] = ""
		}
	}
	return nil
}

// mayLink reports whether a message may get a file that is here instead of being fetched. One
// that leaves the server may not: its own bytes have to be seen first.
func (b *box) mayLink(o Op) bool {
	_, leaves := b.leaving.uids[o.UID]
	return o.Name == "" && o.Size > 0 && o.Date != state.NoDate && !leaves &&
		b.record(o.UID).Status == state.Outstanding
}

// waitLast puts those that wait behind the others, and returns how many they are.
func waitLast(ops []Op, waits func(Op) bool) (n int) {
	var waiting []state.UID // sorted, as ops are
	for _, o := range ops {
		if waits(o) {
			waiting = append(waiting, o.UID)
		}
	}
	late := func(o Op) bool { _, is := slices.BinarySearch(waiting, o.UID); return is }
	if len(waiting) > 0 {
		slices.SortStableFunc(ops, func(x, y Op) int { return compareBools(late(x), late(y)) })
	}
	return len(waiting)
}

// filesAlike are the messages of a mailbox that have a file, and size and date of one that is
// wanted. Those are sorted by that.
func filesAlike(box int, records []state.Record, wanted []Alike) (alike []Alike) {
	for _, rec := range records {
		if rec.Status.HasFile() && len(alikeTo(wanted, contentOf(rec))) > 0 {
			alike = append(alike, Alike{Size: rec.Size, Date: rec.Date, Box: box, UID: rec.UID, Variant: max(1, rec.Variant), Status: rec.Status})
		}
	}
	return alike
}

// unloadedAlike looks into the mailboxes in which nothing changed, and whose records were not
// loaded for that.
func (r *run) unloadedAlike(ctx context.Context, wanted []Alike) (alike []Alike, err error) {
	for i, b := range r.boxes {
		g := b.gen()
		if b.records != nil || b.failed || g == nil || g.ID == 0 || g.Tally.Here == 0 {
			continue
		}
		records, err := r.Base.Records(ctx, g.ID)
		if err != nil {
			return nil, fmt.Errorf("read state: %w", err)
		}
		alike = append(alike, filesAlike(i, records, wanted)...)
	}
	return alike, nil
}

// lead is the mailbox that a message waits for.
func (r *run) lead(o Op) *box {
	return r.boxes[alikeTo(r.groups, bySizeAndDate(o.Size, o.Date, ""))[0].Box]
}

// waiting reports whether there is anything to share.
func (r *run) waiting() bool {
	return slices.ContainsFunc(r.boxes, func(b *box) bool { return b.waiting > 0 })
}
