package sync

import (
	"context"
	"fmt"

	"mailsync/state"
)

// Doubt is a message that is here with another length than the server announces: what is here may not
// be all of it.
type Doubt struct {
	Mailbox         string
	UID             state.UID
	Announced, Came int64 // octets
}

// maxDoubts is how many doubts a result names.
const maxDoubts = 1000

// doubts names what a proof cannot vouch for.
func (r *run) doubts(ctx context.Context) error {
	if !r.Census {
		return nil
	}
	for _, b := range r.boxes {
		g := b.gen()
		if b.standing(r.row.EstimatedSizes).doubtful == 0 || g == nil || g.ID == 0 {
			continue
		}
		records := b.records
		if !b.looked {
			var err error
			if records, err = r.recordsOf(ctx, g); err != nil {
				return err
			}
		}
		var named []state.Record
		var uids []state.UID
		for _, rec := range records {
			if len(r.result.Doubts)+len(named) < maxDoubts && listedApart(rec, r.row.EstimatedSizes) {
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
			r.result.Doubts = append(r.result.Doubts, Doubt{b.name, rec.UID, rec.Size, proofs[rec.UID].Bytes})
		}
	}
	return nil
}
