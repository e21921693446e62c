package sync

import (
	"errors"
	"slices"

	"mailsync/state"
)

// maxVariants bounds how many messages may claim one UID.
const maxVariants = 9

// wrongSizesInARow is how many sizes a server has to have wrong before none is believed.
const wrongSizesInARow = 20

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
		c.Put = append(c.Put, d.record)
		if d.proof.UID != 0 {
			c.Proofs = append(c.Proofs, d.proof)
			if d.found {
				b.leaving.compare(a.op.UID)
				found = append(found, a.op.UID)
			}
		}
		if _, awaited := b.arrived[a.op.UID]; awaited {
			b.arrived[a.op.UID] = d.name
		}
		if d.old != "" {
			trash = append(trash, d.old)
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
	if err := f.commit(f.ctx, b, c); err != nil {
		return err
	}
	if err := f.unlinkSeconds(b, seconds); err != nil {
		return err
	}
	for _, old := range trash {
		if err := f.step("trash %s", old); err != nil {
			return err
		}
		if err := b.md.Trash(old); err != nil {
			return err
		}
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
	right := prior.Size < 0 || rcv.Bytes == prior.Size || f.row.EstimatedSizes
	rec, other := judge(prior, right, occupied, placed.Found)
	d := delivered{proof: state.Proof{UID: a.op.UID, Digest: rcv.Digest, Bytes: rcv.Bytes, ByServer: true}}
	rec.Variant, rec.Form = max(1, rcv.Variant), rcv.Form
	switch {
	case !occupied:
	case other, right, f.longer(b, a):
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
		rec.Agreed = agreement(rec.Seen&placed.Flags, rec.Seen, placed.Flags)
		b.undone = b.undone || placed.Found
	}
	d.record, d.found, d.name = rec, placed.Found, placed.Name
	return d, f.sizeError(prior, rec, right)
}

// judge decides what a fetched body is. right says that it has the size the server
// announced, occupied that a file with other bytes has its identity, which may be
// another message's (then both stay) or a copy of this one that was in doubt; found that
// the file has these very bytes.
func judge(prior state.Record, right, occupied, found bool) (rec state.Record, other bool) {
	rec = prior
	again := prior.Status == state.Doubtful && (prior.Tries > 0 || found)
	switch {
	case right, again && !occupied:
		// The size agrees, or the same bytes came twice: then the size is the server's error.
		rec.Status, rec.Tries = state.Live, 0
	case rec.Tries+1 >= unstableAfter:
		rec.Status = state.Unstable
	default:
		rec.Status = state.Doubtful
		rec.Tries++
	}
	return rec, occupied && !again
}

// sizeError counts sizes that the server had wrong, in a row. After twenty its sizes are
// taken for estimates.
func (f *fetching) sizeError(prior, rec state.Record, right bool) error {
	f.run.turn.take()
	defer f.run.turn.give()
	switch {
	case right:
		f.wrongSizes = 0
	case prior.Status == state.Doubtful && rec.Status == state.Live:
		f.wrongSizes++
	}
	if f.wrongSizes < wrongSizesInARow || f.row.EstimatedSizes {
		return nil
	}
	f.row.EstimatedSizes = true
	return f.saveAccount(f.ctx)
}

// longer reports whether a body is longer than the file that has its identity.
func (f *fetching) longer(b *box, a *arrival) bool {
	there, err := b.md.Inspect(a.op.Name, nil)
	return err == nil && a.received.Bytes > there.Bytes
}

// beside publishes a body under the next variant of its identity that is free.
func (f *fetching) beside(b *box, rcv state.Received) (uint8, state.Placed, error) {
	for v := max(1, rcv.Variant) + 1; v <= maxVariants; v++ {
		rcv.Variant = v
		placed, err := b.md.Publish(rcv, b.kw)
		if !errors.Is(err, state.ErrOccupied) {
			return v, placed, err
		}
	}
	b.md.Discard(rcv)
	return 0, state.Placed{}, errors.New("the server sends other bytes for this message again and again")
}
