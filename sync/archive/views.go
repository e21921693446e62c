package archive

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// like gives the messages that views show, and those that they may be, a word in common.
func (r *Run) like(ctx context.Context) error {
	if r.Can.EmailIDs || !slices.ContainsFunc(r.Boxes, (*mailbox.Box).IsView) {
		return nil
	}
	mailboxes, views := make([][]state.Record, len(r.Boxes)), make([]bool, len(r.Boxes))
	for i, b := range r.Boxes {
		if views[i] = b.IsView(); !b.Failed && !b.Idle {
			mailboxes[i] = b.Records
		}
	}
	if err := r.holdOutside(ctx, mailboxes, views); err != nil {
		return err
	}
	ask := map[int][]state.UID{}
	for _, g := range match.Shown(mailboxes, views) {
		for i, uids := range g {
			if rec := r.Boxes[i].Record(uids[0]); r.Release.TooYoung(rec.Date, r.Now()) {
				break // all of them have one date
			}
			ask[i] = append(ask[i], uids...)
		}
	}
	for i, uids := range ask {
		b := r.Boxes[i]
		slices.Sort(uids)
		idents, err := r.sameAs(ctx, b, uids)
		if err != nil {
			return err
		}
		if b.Failed {
			continue
		}
		b.Leaving.Like = map[state.UID]string{}
		for _, id := range idents {
			rec := b.Record(id.UID)
			b.Leaving.Like[id.UID] = fmt.Sprintf("%d %d %s", rec.Size, rec.Date, id.MessageID)
		}
		for _, uid := range uids {
			if _, known := b.Leaving.Like[uid]; !known { // it may be a copy of one that is to be kept
				b.Leaving.Hold(uid)
			}
		}
	}
	return nil
}

// holdOutside keeps on the server what views show of mailboxes that the run is not about: e.g. drafts would be
// deleted with what the view shows of them.
func (r *Run) holdOutside(ctx context.Context, mailboxes [][]state.Record, views []bool) error {
	in := map[string]bool{}
	for _, b := range r.Boxes {
		in[state.RawKey(b.Listed.Raw)] = true
	}
	outside := map[match.Content]bool{}
	for i := range r.Rows {
		row := &r.Rows[i]
		g := row.Current()
		if in[state.RawKey(row.Raw)] || row.Role != state.RoleMailbox || g == nil || g.ID == 0 || plan.IsView(row.Use) {
			continue
		}
		records, err := r.RecordsOf(ctx, g)
		if err != nil {
			return err
		}
		for _, rec := range records {
			if rec.Status.OnServer() {
				outside[match.ContentOf(rec)] = true
			}
		}
	}
	for i, records := range mailboxes {
		if !views[i] || len(outside) == 0 {
			continue
		}
		b, stay := r.Boxes[i], 0
		for _, rec := range records {
			if !rec.Status.OnServer() || !outside[match.ContentOf(rec)] {
				continue
			}
			b.Leaving.Hold(rec.UID)
			if !r.Release.TooYoung(rec.Date, r.Now()) {
				stay++
			}
		}
		if stay > 0 {
			r.Note(b.Name, fmt.Sprintf("%d of its messages stay on the server: they are copies out of mailboxes that this run leaves out", stay),
				"they leave with their originals: name those mailboxes with --mailbox, too")
		}
	}
	return nil
}
