package settle

import (
	"context"
	"fmt"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// maxDoubts is how many doubts a result names.
const maxDoubts = 1000

// Doubts names what a proof cannot vouch for.
func (r *Run) Doubts(ctx context.Context) error {
	if !r.Census {
		return nil
	}
	for _, b := range r.Boxes {
		g := b.Gen()
		if b.Standing(r.Row.EstimatedSizes).Doubtful == 0 || g == nil || g.ID == 0 {
			continue
		}
		records := b.Records
		if !b.Looked {
			var err error
			if records, err = r.RecordsOf(ctx, g); err != nil {
				return err
			}
		}
		var named []state.Record
		var uids []state.UID
		for _, rec := range records {
			if len(r.Result.Doubts)+len(named) < maxDoubts && plan.ListedApart(rec, r.Row.EstimatedSizes) {
				named, uids = append(named, rec), append(uids, rec.UID)
			}
		}
		if len(uids) == 0 { // as many are named as will be; without UIDs the base would load every proof
			continue
		}
		proofs, err := r.Base.Proofs(ctx, g.ID, uids)
		if err != nil {
			return fmt.Errorf("read state: %w", err)
		}
		for _, rec := range named {
			r.Result.Doubts = append(r.Result.Doubts, port.Doubt{Mailbox: b.Name, UID: rec.UID, Announced: rec.Size, Came: proofs[rec.UID].Bytes})
		}
	}
	return nil
}
