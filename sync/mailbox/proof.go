package mailbox

import (
	"context"
	"fmt"
	"time"

	"mailsync/state"
)

// Now is the time by the account's clock.
func (r *Run) Now() time.Time {
	if r.Account.Now != nil {
		return r.Account.Now()
	}
	return time.Now()
}

// Since dates proofs of files that are durable by now. Where a file was here before and the
// base has a proof of the very same bytes, what that says still holds: how long they are
// here, that they came from the server, and what the server calls them.
func (r *Run) Since(ctx context.Context, b *Box, proofs []state.Proof, here []state.UID) error {
	earlier := map[state.UID]state.Proof{}
	if len(here) > 0 {
		var err error
		if earlier, err = r.Base.Proofs(ctx, b.Gen().ID, here); err != nil {
			return fmt.Errorf("read state: %w", err)
		}
	}
	now := r.Now().Unix()
	for i := range proofs {
		p := &proofs[i]
		p.Fetched = now
		old, known := earlier[p.UID]
		if !known || old.Digest != p.Digest || old.Bytes != p.Bytes {
			continue
		}
		p.ByServer = p.ByServer || old.ByServer
		if old.Fetched != 0 {
			p.Fetched = old.Fetched
		}
		if p.EmailID == "" {
			p.EmailID = old.EmailID
		}
	}
	return nil
}

// Proven are the UIDs that proofs are about.
func Proven(proofs []state.Proof) []state.UID {
	uids := make([]state.UID, len(proofs))
	for i, p := range proofs {
		uids[i] = p.UID
	}
	return uids
}
