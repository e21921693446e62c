package sync

import (
	"errors"
	"io/fs"
	"slices"

	"mailsync/state"
)

// maxVariants bounds how many messages may claim one UID.
const maxVariants = 9

// unstableAfter is how often a server may send other bytes for one message before the
// longest stays.
const unstableAfter = 3

// deliver publishes what an item brought, makes it durable, and commits it: in this
// order, so that a crash leaves whole, correctly named files that the next scan adopts.
func (f *fetching) deliver(b *box, p *parcel) error {
	var c state.Commit
	var bytes int64
	var trash []string
	var seconds []delivered
	var found []state.UID
	slices.SortFunc(p.got, func(x, y *arrival) int { return int(int64(x.op.UID) - int64(y.op.UID)) })
	for _, a := range p.got {
		if a.err != nil {
			continue
		}
		if err := f.step("publish %s uid %d", b.name, a.op.UID); err != nil {
			return err
		}
		d, err := f.publish(b, a)
		if err != nil {
			return err
		}
		b.wrote = true
		if was := b.record(a.op.UID); was.Tries > 0 && (was.Status != d.record.Status || was.Variant != d.record.Variant) {
			b.spoil(a.op.UID) // its flags were planned for what it was
		}
		c.Put = append(c.Put, d.record)
		if d.proof.UID != 0 {
			c.Proofs = append(c.Proofs, d.proof)
			if d.found {
				found = append(found, a.op.UID)
			}
		}
		if _, awaited := b.arrived[a.op.UID]; awaited {
			b.arrived[a.op.UID] = d.name
		}
		if d.old != "" {
			trash = append(trash, d.old)
			c.Intents = append(c.Intents, replaced(d.old, a.op.UID, a.op.Disk))
		}
		if d.second != "" {
			seconds = append(seconds, d)
		}
		if d.forget != 0 {
			c.Forget = append(c.Forget, d.forget)
		}
		bytes += a.received.Bytes
	}
	if len(c.Put) == 0 {
		return nil
	}
	slices.Sort(c.Forget)
	if err := f.step("sync directories of %s", b.name); err != nil {
		return err
	}
	if err := b.md.Sync(); err != nil {
		return err
	}
	if err := f.since(f.ctx, b, c.Proofs, found); err != nil {
		return err
	}
	if len(trash) > 0 {
		c.Clean = new(bool) // a run that breaks off here leaves them to be taken away
	}
	if err := f.commit(f.ctx, b, c); err != nil {
		return err
	}
	if err := f.unlinkSeconds(b, seconds); err != nil {
		return err
	}
	if err := f.trashReplaced(f.ctx, b, trash, c.Intents); err != nil {
		return err
	}
	f.run.turn.take()
	f.result.Fetched += len(c.Put)
	f.result.FetchedBytes += bytes
	f.run.turn.give()
	if f.Watch != nil {
		f.Watch.Fetched(len(c.Put), bytes)
	}
	return nil
}

// delivered is what the base records of a body that is in its place.
type delivered struct {
	record state.Record
	proof  state.Proof
	name   string // its file
	old    string // a file that the new one replaces
	second string // a name of the same file that it has no more, now that it has kept
	kept   string
	found  bool      // the bytes were here before
	forget state.UID // the message that its file was before, 0: none
	token  string    // of the older generation that its file was of, "": of none
	was    state.Record
}

// publish puts one body in its place and judges what it means. A file of the same
// identity that is there already is never overwritten: equal bytes are that file, other
// bytes are looked at.
func (f *fetching) publish(b *box, a *arrival) (delivered, error) {
	if d, done, err := f.tieFetched(b, a); done || err != nil {
		return d, err
	}
	prior, rcv := b.record(a.op.UID), a.received
	placed, err := b.md.Publish(rcv, b.kw)
	occupied := errors.Is(err, state.ErrOccupied)
	if err != nil && !occupied {
		return delivered{}, err
	}
	what := body{octets: rcv.Bytes, headed: rcv.Headed, found: placed.Found, occupied: occupied}
	if occupied {
		if d, done, err := f.tieSent(b, a); done || err != nil {
			return d, err
		}
		if what.rewrote, err = f.rewrote(b, a); err != nil {
			return delivered{}, err
		}
	}
	rec, other := judge(prior, what)
	d := delivered{proof: state.Proof{UID: a.op.UID, Digest: rcv.Digest, Bytes: rcv.Bytes, ByServer: true}}
	rec.Variant, rec.Form = max(1, rcv.Variant), rcv.Form
	switch {
	case !occupied:
	case other, what.rewrote, rec.Status == state.Live, f.longer(b, a):
		if other {
			rcv.Flags = f.firstFlags(b, a.op.Flags) // not those of the file that is not it
		}
		if rec.Variant, placed, err = f.beside(b, rcv); err != nil {
			return delivered{}, err
		}
		if !other {
			d.old = a.op.Name
		}
	default:
		b.md.Discard(rcv)
		rec.Variant, rec.Form = prior.Variant, prior.Form
		d.proof = state.Proof{}
	}
	if old, err := f.mended(b, a); err != nil {
		return delivered{}, err
	} else if old != "" {
		d.old = old
	}
	rec.Seen, rec.Date = a.op.Flags, a.op.Date
	if !(prior.Status.HasFile() && (placed.Found || placed.Name == "")) {
		// What the file carries is agreed; the rest, and what a file that was found here
		// carries beyond it, is merged in the next run.
		agreed := rec.Seen & placed.Flags
		if d.old != "" && !other && prior.Status.HasFile() {
			agreed = prior.Agreed // it has what the user did to the file whose place it takes
		}
		rec.Agreed = agreement(agreed, rec.Seen, placed.Flags)
		b.undone = b.undone || placed.Found
	}
	d.record, d.found, d.name = rec, placed.Found, placed.Name
	return d, nil
}

// longer reports whether a body is longer than the file that has its identity.
func (f *fetching) longer(b *box, a *arrival) bool {
	there, err := b.md.Inspect(a.op.Name, nil)
	return err == nil && a.received.Bytes > there.Bytes
}

// rewrote reports whether a body is the message that the file of its identity is, with the same date,
// Message-ID and text, in which the server changed header fields: X-UIDL, Status and the like, which
// some keep in there.
func (f *fetching) rewrote(b *box, a *arrival) (bool, error) {
	if a.op.Name == "" {
		return false, nil
	}
	was, err := b.md.Ident(a.op.Name)
	same := err == nil && (a.op.Date == state.NoDate || a.op.Date == was.Date)
	if same {
		same, err = b.md.SameText(a.op.Name, a.received, false)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return same, err
}

// tieSent ties a body to the file that has its identity already, of which nothing is recorded (the state
// was lost), and whose name tells no digest of what the server sent: it was appended. What the server made
// of it may have another header, Message-ID and date; the same text is the same message, and the file that
// was sent stays, as it did when it was appended.
func (f *fetching) tieSent(b *box, a *arrival) (d delivered, done bool, err error) {
	if a.op.Name == "" || b.record(a.op.UID).Status.HasFile() {
		return d, false, nil
	}
	file, err := b.md.Inspect(a.op.Name, nil)
	if err == nil && file.Token != "" && file.Hints.Hash == "" && file.Digest != a.received.Digest {
		done, err = b.md.SameText(a.op.Name, a.received, true)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return d, false, nil
	}
	if !done || err != nil {
		return d, false, err
	}
	b.md.Discard(a.received)
	rec := b.record(a.op.UID)
	rec.Status, rec.Tries, rec.Variant, rec.Form = state.Live, 0, max(1, file.Variant), file.Form
	rec.Seen, rec.Date = a.op.Flags, a.op.Date
	rec.Agreed = agreement(rec.Seen&file.Flags, rec.Seen, file.Flags)
	b.undone = true // its flags are merged in the next run
	d.record, d.found, d.name = rec, true, a.op.Name
	d.proof = state.Proof{UID: rec.UID, Digest: file.Digest, Bytes: file.Bytes}
	return d, true, nil
}

// beside publishes a body under another variant of its identity: one whose file has these bytes, for
// the server had this message before and has it again; else one that is free, the next first.
func (f *fetching) beside(b *box, rcv state.Received) (uint8, state.Placed, error) {
	mine := max(1, rcv.Variant)
	var variants []uint8
	for _, m := range filesOf(b.disk, rcv.UID) {
		if m.Variant <= maxVariants {
			variants = append(variants, m.Variant)
		}
	}
	for n := uint8(1); n < maxVariants; n++ {
		variants = append(variants, (mine-1+n)%maxVariants+1)
	}
	for _, v := range variants {
		if v == mine {
			continue
		}
		of := rcv
		of.Variant = v
		placed, err := b.md.Publish(of, b.kw)
		if !errors.Is(err, state.ErrOccupied) {
			return v, placed, err
		}
	}
	b.md.Discard(rcv)
	return 0, state.Placed{}, errors.New("the server sends other bytes for this message again and again")
}
