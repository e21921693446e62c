package fetch

import (
	"context"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// PutOff finds the messages to be fetched that may be here already, or will be once another
// mailbox has fetched them, and has their mailboxes link them in place of that.
func (r *Run) PutOff(ctx context.Context) error {
	if !r.Can.EmailIDs || r.Row.EstimatedSizes {
		return nil // nothing would prove that they are the same
	}
	var wanted, files []match.Alike
	for i, b := range r.Boxes {
		for o := range b.Ops.Of(plan.OpFetch) {
			if mayLink(b, o) {
				wanted = append(wanted, match.Alike{Size: o.Size, Date: o.Date, Box: i, UID: o.UID, Status: state.Outstanding, Late: b.Listed.Role != "all"})
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	slices.SortFunc(wanted, func(x, y match.Alike) int { return x.Content().Compare(y.Content()) })
	for i, b := range r.Boxes {
		files = append(files, filesAlike(i, b.Records, wanted)...)
	}
	r.groups = match.Likeness(wanted, files)
	if slices.ContainsFunc(wanted, func(a match.Alike) bool { return len(match.AlikeTo(r.groups, a.Content())) == 0 }) {
		old, err := r.unloadedAlike(ctx, wanted)
		if err != nil {
			return err
		}
		r.groups = match.Likeness(wanted, files, old)
	}
	for i, b := range r.Boxes {
		var links []plan.Op
		b.Ops.Without(func(o plan.Op) bool {
			content := match.BySizeAndDate(o.Size, o.Date, "")
			if o.Kind != plan.OpFetch || !mayLink(b, o) || !match.Waits(r.groups, i, content) {
				return false
			}
			o.Kind, o.From = plan.OpLink, r.Boxes[match.AlikeTo(r.groups, content)[0].Box].Name
			links = append(links, o)
			return true
		})
		b.Ops.Add(links...)
		b.Ops.Sort()
	}
	for _, a := range r.groups {
		b := r.Boxes[a.Box]
		if b.Bodies.Arrived == nil {
			b.Bodies.Arrived = map[state.UID]string{}
		}
		if !a.Status.HasFile() {
			b.Bodies.Arrived[a.UID] = ""
		}
	}
	return nil
}

// mayLink reports whether a message may get a file that is here instead of being fetched. One
// that leaves the server may not: its own bytes have to be seen first.
func mayLink(b *mailbox.Box, o plan.Op) bool {
	_, leaves := b.Leaving.UIDs[o.UID]
	return o.Name == "" && o.Size > 0 && o.Date != state.NoDate && !leaves &&
		b.Record(o.UID).Status == state.Outstanding
}

// filesAlike are the messages of a mailbox that have a file, and size and date of one that is
// wanted. Those are sorted by that.
func filesAlike(box int, records []state.Record, wanted []match.Alike) (alike []match.Alike) {
	for _, rec := range records {
		if rec.Status.HasFile() && len(match.AlikeTo(wanted, match.ContentOf(rec))) > 0 {
			alike = append(alike, match.Alike{Size: rec.Size, Date: rec.Date, Box: box, UID: rec.UID, Variant: max(1, rec.Variant), Status: rec.Status})
		}
	}
	return alike
}

// unloadedAlike looks into the mailboxes in which nothing changed, and whose records were not
// loaded for that.
func (r *Run) unloadedAlike(ctx context.Context, wanted []match.Alike) (alike []match.Alike, err error) {
	for i, b := range r.Boxes {
		g := b.Gen()
		if b.Records != nil || b.Failed || g == nil || g.Tally.Here == 0 {
			continue
		}
		records, err := r.RecordsOf(ctx, g)
		if err != nil {
			return nil, err
		}
		alike = append(alike, filesAlike(i, records, wanted)...)
	}
	return alike, nil
}
