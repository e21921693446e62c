package sync

import (
	"errors"

	"mailsync/state"
)

// tieFetched ties a body that was fetched to a spare with the same bytes: a file gets the
// message's identity and is not delivered again; what the user had removed stays so.
func (f *fetching) tieFetched(b *box, a *arrival) (d delivered, done bool, err error) {
	prior, rcv := b.record(a.op.UID), a.received
	if a.op.Name != "" { // a file is there that this replaces
		return d, false, nil
	}
	s, file, err := f.alreadyHere(f.ctx, b, rcv)
	if s == nil || err != nil {
		return d, false, err
	}
	rec, _ := judge(prior, body{octets: rcv.Bytes, headed: rcv.Headed, found: true})
	rec.Seen, rec.Date, rec.Variant = a.op.Flags, a.op.Date, max(1, rcv.Variant)
	if s.Fileless {
		rec.Status, rec.Tries, rec.Form, rec.Agreed = s.rec.Status, 0, rcv.Form, rec.Seen
	} else {
		if s.known {
			if err := f.unsettleOlder(f.ctx, b); err != nil {
				return d, true, err
			}
		}
		if err := f.step("link %s of %s to uid %d", s.name, b.name, rcv.UID); err != nil {
			return d, true, err
		}
		flags := file.Flags
		file.Incoming, file.Vouched = rcv.Incoming, true
		file.Flags = flags
		placed, err := b.md.Link(b.row.Path, s.name, file, b.kw)
		if errors.Is(err, state.ErrOccupied) {
			return d, false, nil
		}
		if err != nil {
			return d, true, err
		}
		rec.Form, rec.Agreed = file.Form, agreement(rec.Seen&placed.Flags, rec.Seen, placed.Flags)
		d.second, d.kept = s.name, placed.Name
		d.token, d.was = s.token, s.rec
		b.undone = true // what the file carries beyond the server's flags is merged in the next run
	}
	if s.stray != 0 && max(1, b.record(s.stray).Variant) == s.rec.Variant {
		d.forget = s.stray
		b.spoil(s.stray) // nothing else that was planned for it is to be done
	}
	b.use(s)
	b.md.Discard(rcv)
	d.record, d.found = rec, true
	d.proof = state.Proof{UID: rec.UID, Digest: rcv.Digest, Bytes: rcv.Bytes, ByServer: true}
	return d, true, nil
}

// unlinkSeconds takes away the names that files had before they were tied.
func (f *fetching) unlinkSeconds(b *box, tied []delivered) error {
	for _, d := range tied {
		if err := f.step("unlink %s in %s", d.second, b.name); err != nil {
			return err
		}
		if err := b.md.Unlink(d.second, b.row.Path, d.kept); err != nil {
			return err
		}
	}
	return f.leftOlder(f.ctx, b, tied)
}
