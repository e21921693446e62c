package fetch

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// maxVariants bounds how many messages may claim one UID.
const maxVariants = 9

// deliver publishes what items brought, makes it durable, and commits it: in this
// order, so that a crash leaves complete, correctly named files that the next scan adopts.
func (f *fetching) deliver(b *mailbox.Box, all []*parcel) error {
	var here delivery
	var got []*arrival
	for _, p := range all {
		got = append(got, p.got...)
	}
	slices.SortFunc(got, func(x, y *arrival) int { return cmp.Compare(x.op.UID, y.op.UID) })
	for _, a := range got {
		if a.err != nil {
			continue
		}
		if err := f.Step("publish %s uid %d", b.Name, a.op.UID); err != nil {
			return err
		}
		d, err := f.publish(b, a)
		if err != nil {
			return err
		}
		b.Wrote = true
		here.take(b, a, d)
	}
	if len(here.commit.Put) == 0 {
		return nil
	}
	slices.Sort(here.commit.Forget)
	if err := f.SyncDirs(b); err != nil {
		return err
	}
	if err := f.DateProofs(f.ctx, b, here.commit.Proofs, here.found); err != nil {
		return err
	}
	if len(here.trash) > 0 {
		here.commit.Clean = new(bool) // a run that is interrupted here leaves them to be taken away
	}
	if err := f.Commit(f.ctx, b, here.commit); err != nil {
		return err
	}
	for _, p := range all {
		f.wrote(p)
	}
	if err := f.LeftOlder(f.ctx, b, here.tied); err != nil {
		return err
	}
	if err := f.tie.TrashReplaced(f.ctx, b, here.trash, here.commit.Intents); err != nil {
		return err
	}
	for i, rec := range here.commit.Put {
		f.Did(b, port.Fetched, rec.UID, here.sizes[i])
	}
	return nil
}

// delivery is what an item brought, once it is published.
type delivery struct {
	commit state.Commit
	sizes  []int64             // octets of what is put, one by one
	found  []state.UID         // whose bytes were here before
	trash  []string            // files that are replaced
	tied   []mailbox.Delivered // files of older generations
}

// take takes up what became of one body.
func (l *delivery) take(b *mailbox.Box, a *arrival, d mailbox.Delivered) {
	c, uid := &l.commit, a.op.UID
	if was := b.Record(uid); was.Tries > 0 && (was.Status != d.Record.Status || was.Variant != d.Record.Variant) {
		b.Spoil(uid) // its flags were planned for what it was
	}
	c.Put = append(c.Put, d.Record)
	if d.Proof.UID != 0 {
		c.Proofs = append(c.Proofs, d.Proof)
		if d.Found {
			l.found = append(l.found, uid)
		}
	}
	if _, awaited := b.Bodies.Arrived[uid]; awaited {
		b.Bodies.Arrived[uid] = d.Name
	}
	if d.Old != "" {
		l.trash = append(l.trash, d.Old)
		c.Intents = append(c.Intents, plan.Replaced(d.Old, uid, a.op.Disk))
	}
	if d.Token != "" {
		l.tied = append(l.tied, d)
	}
	if d.Forget != 0 {
		c.Forget = append(c.Forget, d.Forget)
	}
	l.sizes = append(l.sizes, a.received.Bytes)
}

// publish puts one body in its place and judges what it means. A file of the same
// identity that is there already is never overwritten: equal bytes are that file, other
// bytes are looked at.
func (f *fetching) publish(b *mailbox.Box, a *arrival) (mailbox.Delivered, error) {
	if d, done, err := f.tieFetched(b, a); done || err != nil {
		return d, err
	}
	prior, rcv := b.Record(a.op.UID), a.received
	placed, err := b.MD.Publish(rcv, b.KW)
	occupied := errors.Is(err, state.ErrOccupied)
	if err != nil && !occupied {
		return mailbox.Delivered{}, err
	}
	longer := false
	if occupied {
		if longer, err = f.longer(b, a); err != nil {
			return mailbox.Delivered{}, err
		}
	}
	what := plan.Body{Octets: rcv.Bytes, Headed: rcv.Headed, Found: placed.Found, Occupied: occupied}
	if occupied {
		if d, done, err := f.tieSent(b, a); done || err != nil {
			return d, err
		}
		if what.Rewrote, err = f.rewrote(b, a); err != nil {
			return mailbox.Delivered{}, err
		}
	}
	rec, other := plan.Judge(prior, what)
	d := mailbox.Delivered{Proof: state.Proof{UID: a.op.UID, Digest: rcv.Digest, Bytes: rcv.Bytes, ByServer: true}}
	rec.Variant, rec.Form = max(1, rcv.Variant), rcv.Form
	switch {
	case !occupied:
	case other, what.Rewrote, rec.Status == state.Live, longer:
		if other {
			rcv.Flags = f.firstFlags(b, a.op.Flags) // not those of the file that is not it
		}
		if rec.Variant, placed, err = f.beside(b, rcv); err != nil {
			return mailbox.Delivered{}, err
		}
		if !other {
			d.Old = a.op.Name
		}
	default:
		b.MD.Discard(rcv)
		rec.Variant, rec.Form = prior.Variant, prior.Form
		d.Proof = state.Proof{}
	}
	if old, err := f.mended(b, a); err != nil {
		return mailbox.Delivered{}, err
	} else if old != "" {
		d.Old = old
	}
	rec.Seen, rec.Date = a.op.Flags, a.op.Date
	if !(prior.Status.HasFile() && (placed.Found || placed.Name == "")) {
		rec.Agreed = agreed(rec, prior, placed, d.Old != "" && !other)
		if placed.Found {
			b.Leave(mailbox.Unmerged)
		}
	}
	d.Record, d.Found, d.Name = rec, placed.Found, placed.Name
	return d, nil
}

// agreed are the flags on which both sides agree once a file is placed. What it carries is agreed; the rest, and
// what a file that was found here carries beyond it, is merged in the next run. One that takes the place of its message's
// file has what the user did to that.
func agreed(rec, prior state.Record, placed state.Placed, replaces bool) state.Flags {
	if replaces && prior.Status.HasFile() {
		return plan.Agreement(prior.Agreed, rec.Seen, placed.Flags)
	}
	return plan.Agreement(rec.Seen&placed.Flags, rec.Seen, placed.Flags)
}

// longer reports whether a body is longer than the file that has its identity.
func (f *fetching) longer(b *mailbox.Box, a *arrival) (bool, error) {
	there, err := b.MD.Inspect(a.op.Name, nil)
	if err != nil && port.Ends(err) {
		return false, err
	}
	return err == nil && a.received.Bytes > there.Bytes, nil
}

// rewrote reports whether a body is the message that the file of its identity is, with the same date,
// Message-ID and text, in which the server changed header fields: X-UIDL, Status and the like, which
// some keep in there.
func (f *fetching) rewrote(b *mailbox.Box, a *arrival) (bool, error) {
	if a.op.Name == "" {
		return false, nil
	}
	was, err := b.MD.Ident(a.op.Name)
	same := err == nil && (a.op.Date == state.NoDate || a.op.Date == was.Date)
	if same {
		same, err = b.MD.SameText(a.op.Name, a.received, false)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return same, err
}

// tieFetched ties a body that was fetched to a candidate with the same bytes: a file gets the
// message's identity and is not delivered again; what the user had removed stays removed.
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
		file.Incoming, file.Confirmed = rcv.Incoming, true
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

// tieSent ties a body to the file that has its identity already, of which nothing is recorded (the state
// was lost), and whose name has no digest of what the server sent: it was appended. The server may have
// changed its header, Message-ID and date; the same text is the same message, and the file that
// was sent stays, as it did when it was appended.
func (f *fetching) tieSent(b *mailbox.Box, a *arrival) (d mailbox.Delivered, done bool, err error) {
	if a.op.Name == "" || b.Record(a.op.UID).Status.HasFile() {
		return d, false, nil
	}
	file, err := b.MD.Inspect(a.op.Name, nil)
	if err == nil && file.Token != "" && file.Hints.Hash == "" && file.Digest != a.received.Digest {
		done, err = b.MD.SameText(a.op.Name, a.received, true)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return d, false, nil
	}
	if !done || err != nil {
		return d, false, err
	}
	b.MD.Discard(a.received)
	rec := b.Record(a.op.UID)
	rec.Status, rec.Tries, rec.Variant, rec.Form = state.Live, 0, max(1, file.Variant), file.Form
	rec.Seen, rec.Date = a.op.Flags, a.op.Date
	rec.Agreed = plan.Agreement(rec.Seen&file.Flags, rec.Seen, file.Flags)
	b.Leave(mailbox.Unmerged) // its flags are merged in the next run
	d.Record, d.Found, d.Name = rec, true, a.op.Name
	d.Proof = state.Proof{UID: rec.UID, Digest: file.Digest, Bytes: file.Bytes}
	return d, true, nil
}

// beside publishes a body under another variant of its identity: one whose file has these bytes, for
// the server had this message before and has it again; else one that is free, the next first.
func (f *fetching) beside(b *mailbox.Box, rcv state.Received) (uint8, state.Placed, error) {
	mine := max(1, rcv.Variant)
	var variants []uint8
	for _, m := range plan.FilesOf(b.Disk, rcv.UID) {
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
		placed, err := b.MD.Publish(of, b.KW)
		if !errors.Is(err, state.ErrOccupied) {
			return v, placed, err
		}
	}
	b.MD.Discard(rcv)
	return 0, state.Placed{}, errors.New("the server sends other bytes for this message again and again")
}

// mended is the file that a body which was fetched to repair it replaces, "" for none.
func (f *fetching) mended(b *mailbox.Box, a *arrival) (old string, err error) {
	m, ok := b.Bodies.Repairs[a.op.UID]
	switch {
	case !ok:
		return "", nil
	case m.Want == nil || m.Want.Digest == a.received.Digest:
		return m.File, nil
	}
	return "", f.Problem(b.Name, a.op.UID, state.Faultf(state.Differs, "the server sends other bytes than it did when this message was first fetched; what is here stays beside them"))
}
