package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// departBatch is how many messages are read, released and recorded at once: few enough
// that the files are still what was read when the server's copies are deleted.
const departBatch = 200

// ReleaseBatch takes messages off the server, a batch at a time: each file is read again, its release is
// committed, it is filed away if it has to be, and then the server's copy is expunged.
func (r *Run) ReleaseBatch(ctx context.Context, b *mailbox.Box, ops []plan.Op) error {
	if r.Release == nil {
		b.Leave(mailbox.PutOff)
		return nil
	}
	if _, err := r.wayOut(b); err != nil {
		return errors.Join(err, r.WithdrawAll(ctx, b)) // what an earlier run released
	}
	most := departBatch
	if r.Release.Cutoff.Collected {
		var err error
		if ops, err = r.unchosen(ctx, b, ops); err != nil {
			return err
		}
		most = max(1, len(ops)) // a POP3 session ends with what it deletes
	}
	for batch := range slices.Chunk(ops, most) {
		if r.Stopped() {
			b.Leave(mailbox.Stopped)
			return nil
		}
		passed, err := r.readAgain(ctx, b, batch)
		if err != nil {
			return err
		}
		if err := r.depart(ctx, b, passed); err != nil {
			return err
		}
	}
	return nil
}

// withdraw takes releases back: the messages stay where they are on both sides.
func (r *Run) withdraw(ctx context.Context, b *mailbox.Box, all []*mailbox.Departing) error {
	var c state.Commit
	for _, d := range all {
		rec := b.Record(d.Op.UID)
		if rec.Status != state.Released {
			continue
		}
		rec.Status = state.Live
		c.Put, c.Stay = append(c.Put, rec), append(c.Stay, rec.UID)
		if d.Folder == nil || d.There.Found {
			continue
		}
		if err := r.Step("take %s uid %d out of its archive", b.Name, rec.UID); err != nil {
			return err
		}
		if err := errors.Join(d.Folder.Drop(d.There.Name, &d.Proof), d.Folder.Sync()); err != nil {
			return err
		}
	}
	return r.Commit(ctx, b, c)
}

// depart takes messages off the server whose files were read again.
func (r *Run) depart(ctx context.Context, b *mailbox.Box, all []*mailbox.Departing) error {
	if len(all) == 0 {
		return nil
	}
	route, err := r.wayOut(b)
	if err != nil {
		return err
	}
	if err := r.permit(ctx, b, all); err != nil {
		return err
	}
	all, err = r.fileAway(ctx, b, all)
	if err != nil || len(all) == 0 {
		return err
	}
	byUID := map[state.UID]*mailbox.Departing{}
	var uids []state.UID
	for _, d := range all {
		byUID[d.Op.UID] = d
		uids = append(uids, d.Op.UID)
	}
	deleted := false
	err = r.destroy.ExpungeUIDs(ctx, b, uids, route, func(m state.OnServer) bool {
		d := byUID[m.UID]
		return d != nil && r.mayGo(d.Rec, m)
	}, func(done state.Expunged) error {
		deleted = len(done.Gone) > 0
		if err := r.gone(ctx, b, byUID, done); err != nil {
			return err
		}
		r.Add(&r.Result.Undeletable, len(done.Refused))
		if len(done.Gone)+len(done.Kept) < len(all) {
			b.Leave(mailbox.Refused)
		}
		var kept []*mailbox.Departing
		for _, uid := range done.Kept {
			kept = append(kept, byUID[uid])
		}
		return r.withdraw(ctx, b, kept)
	})
	if errors.Is(err, state.ErrNotPermitted) && !deleted { // nothing changed there, and no later run will be permitted
		return errors.Join(err, r.withdraw(ctx, b, all))
	}
	return err
}

// permit commits that messages may leave, and where their files are moved.
func (r *Run) permit(ctx context.Context, b *mailbox.Box, all []*mailbox.Departing) error {
	if err := r.folder.Assign(ctx, b, all); err != nil {
		return err
	}
	c := state.Commit{Change: state.Unclean()} // a run that is interrupted here leaves something to do
	for _, d := range all {
		if d.Rec.Status != state.Released {
			rec := d.Rec
			rec.Status = state.Released
			c.Put = append(c.Put, rec)
			if d.To.UID != 0 {
				c.Leave = append(c.Leave, d.To)
			}
		}
	}
	return r.Commit(ctx, b, c)
}

// mayGo reports whether a message is, right before it is deleted, as it was when that was
// decided: a flag that somebody changed meanwhile would be lost, or keeps it.
func (r *Run) mayGo(rec state.Record, now state.OnServer) bool {
	c := r.Release.Cutoff
	switch {
	case (now.Flags^rec.Seen)&^state.Deleted != 0:
		return false
	case c.KeepFlagged && now.Flags&state.Flagged != 0, c.KeepUnread && now.Flags&state.Seen == 0:
		return false
	}
	return true
}

// gone records what is not in the mailbox on the server any more, and then takes files that are in an
// archive out of their mailbox. What is in the server's trash freed nothing.
func (r *Run) gone(ctx context.Context, b *mailbox.Box, byUID map[state.UID]*mailbox.Departing, done state.Expunged) error {
	uids := done.Gone
	var c state.Commit
	for _, uid := range uids {
		d := byUID[uid]
		rec := b.Record(uid)
		rec.Status = state.OnlyHere
		if d.Folder != nil {
			rec.Status, rec.Agreed = state.Archived, rec.Seen
		}
		c.Put = append(c.Put, rec)
	}
	if r.Release.Cutoff.Collected { // should the server show them again, a later run knows them
		for _, uid := range uids {
			c.Leave = append(c.Leave, state.Departure{UID: uid})
		}
	}
	// Should this run be interrupted before the files are removed, the next one finds them archived and
	// still here, and removes them.
	if err := r.Commit(ctx, b, c); err != nil {
		return err
	}
	for _, uid := range uids {
		d := byUID[uid]
		_, trashed := slices.BinarySearch(done.Trashed, uid)
		switch rel := r.Result.Released; {
		case rel == nil:
		case trashed:
			rel.Trashed++
		default:
			r.departed(rel, b, d)
		}
		if d.Folder == nil {
			continue
		}
		if err := r.Step("take %s uid %d out of its mailbox", b.Name, uid); err != nil {
			return err
		}
		b.Wrote = true
		if err := b.MD.Drop(d.Name, &d.Proof); err != nil {
			return err
		}
	}
	if len(uids) == 0 {
		return nil
	}
	return r.SyncDirs(b)
}

// departed counts a message that left the server; of copies, the room that they take together.
func (r *Run) departed(rel *port.Released, b *mailbox.Box, d *mailbox.Departing) {
	rel.Left++
	uid := d.Op.UID
	m := plan.Resident{Box: slices.Index(r.Boxes, b), View: b.IsView(), Like: b.Leaving.Like[uid],
		Same: cmp.Or(d.Proof.EmailID, b.Leaving.Proofs[uid].EmailID, b.Leaving.Idents[uid])}
	n, octets := 1, d.Proof.Bytes
	if word := m.CopyKey(); word != "" {
		if r.went[word] == nil {
			r.went[word] = &plan.Lot{}
		}
		n, octets = r.went[word].Add(m, octets)
	}
	rel.Deleted += n
	rel.Freed += octets
}

// WithdrawAll withdraws the releases of a mailbox: what an archive run released and did not take stays on
// the server, and its copy, where there is one by now, leaves the archive. This is done only for messages
// that the server has, by a complete listing or because it reports no change, and whose file is
// here; the next run finds out about the others.
func (r *Run) WithdrawAll(ctx context.Context, b *mailbox.Box) error {
	if b.Server != nil && !b.Server.Complete {
		return nil
	}
	var stay []*mailbox.Departing
	var meant map[state.UID]state.Departure
	for _, rec := range b.Records {
		name, here := plan.NameIn(b.Disk, rec.UID, max(1, rec.Variant))
		if rec.Status != state.Released || !here {
			continue
		}
		if meant == nil {
			var err error
			if meant, err = r.folder.Departures(ctx, b); err != nil {
				return err
			}
		}
		d := &mailbox.Departing{Op: plan.Op{UID: rec.UID}, Rec: rec, Name: name, To: meant[rec.UID]}
		if err := r.filedAhead(ctx, b, d); err != nil {
			if err := r.Problem(b.Name, rec.UID, fmt.Errorf("withdraw its release: %w", err)); err != nil {
				return err
			}
			continue
		}
		stay = append(stay, d)
	}
	if err := r.withdraw(ctx, b, stay); err != nil || len(stay) == 0 {
		return err
	}
	r.Note(b.Name, fmt.Sprintf("of its messages, %d that an archive run released and did not take stay on the server", len(stay)), "")
	return nil
}

// filedAhead finds the copy in its archive of a message that is to stay, where it has one. The
// file in the mailbox has to have the same bytes.
func (r *Run) filedAhead(ctx context.Context, b *mailbox.Box, d *mailbox.Departing) error {
	if d.To.Root == "" {
		return nil
	}
	md, err := r.folder.Open(ctx, b, d.To, false)
	if err != nil {
		return port.Ignore(err)
	}
	name, there := plan.NameIn(md.Disk, d.Op.UID, max(1, d.Rec.Variant))
	if !there {
		return nil
	}
	got, err := b.MD.Inspect(d.Name, nil)
	if err != nil {
		return err
	}
	d.Folder, d.There = md, state.Placed{Name: name}
	d.Proof = state.Proof{UID: d.Op.UID, Digest: got.Digest, Bytes: got.Bytes}
	return nil
}
