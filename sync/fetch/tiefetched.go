package fetch

import (
	"errors"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// tieFetched ties a body that was fetched to a spare with the same bytes: a file gets the
// message's identity and is not delivered again; what the user had removed stays so.
func (f *fetching) tieFetched(b *mailbox.Box, a *arrival) (d mailbox.Delivered, done bool, err error) {
	prior, rcv := b.Record(a.op.UID), a.received
	if a.op.Name != "" { // a file is there that this replaces
		return d, false, nil
	}
	s, file, err := f.tie.AlreadyHere(f.ctx, b, rcv)
	if s == nil || err != nil {
		return d, false, err
	}
	rec, _ := plan.Judge(prior, plan.Body{Octets: rcv.Bytes, Headed: rcv.Headed, Found: true})
	rec.Seen, rec.Date, rec.Variant = a.op.Flags, a.op.Date, max(1, rcv.Variant)
	if s.Fileless {
		rec.Status, rec.Tries, rec.Form, rec.Agreed = s.Rec.Status, 0, rcv.Form, rec.Seen
	} else {
		if s.Known {
			if err := f.UnsettleOlder(f.ctx, b); err != nil {
				return d, true, err
			}
		}
		if err := f.Step("give %s of %s the identity of uid %d", s.Name, b.Name, rcv.UID); err != nil {
			return d, true, err
		}
		flags := file.Flags
		file.Incoming, file.Vouched = rcv.Incoming, true
		file.Flags = flags
		placed, err := b.MD.Identify(s.Name, file, b.KW)
		if errors.Is(err, state.ErrOccupied) {
			return d, false, nil
		}
		if err != nil {
			return d, true, err
		}
		rec.Form, rec.Agreed = file.Form, plan.Agreement(rec.Seen&placed.Flags, rec.Seen, placed.Flags)
		d.Token, d.Was = s.Token, s.Rec
		b.Leave(mailbox.Unmerged) // what the file carries beyond the server's flags is merged in the next run
	}
	if s.Unclaimed != 0 && max(1, b.Record(s.Unclaimed).Variant) == s.Rec.Variant {
		d.Forget = s.Unclaimed
		b.Spoil(s.Unclaimed) // nothing else that was planned for it is to be done
	}
	s.Used = true
	b.MD.Discard(rcv)
	d.Record, d.Found = rec, true
	d.Proof = state.Proof{UID: rec.UID, Digest: rcv.Digest, Bytes: rcv.Bytes, ByServer: true}
	return d, true, nil
}
