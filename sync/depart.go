package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"mailsync/state"
)

// departBatch is how many messages are read, let go and recorded at once: little enough
// that what was read is what is there when the server's copy goes.
const departBatch = 200

// copyOf is one of several copies of a message.
type copyOf struct {
	box *box
	uid state.UID
}

// copyTable has the copies of each message that leave together.
type copyTable map[string][]copyOf

func (t *copyTable) add(same string, c copyOf) {
	if *t == nil {
		*t = copyTable{}
	}
	(*t)[same] = append((*t)[same], c)
}

// departing is one message on its way off the server.
type departing struct {
	op    Op
	rec   state.Record
	proof state.Proof
	file  state.Received  // as it was read in this run
	name  string          // of the file
	to    state.Departure // where its file goes
	shelf Maildir         // that it lies in by now; nil where the file stays
	there state.Placed    // its place in there
}

// release lets messages go, a batch at a time: each file is read again, that it may go is
// committed, it is filed away if it has to, and then the server's copy is expunged.
func (r *run) release(ctx context.Context, b *box, ops []Op) error {
	if r.Release == nil {
		b.undone = true
		return nil
	}
	if _, err := r.wayOut(b); err != nil {
		return errors.Join(err, r.stay(ctx, b)) // what an earlier run let go
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
		if r.stopped() {
			b.undone = true
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
func (r *run) withdraw(ctx context.Context, b *box, all []*departing) error {
	var c state.Commit
	for _, d := range all {
		rec := b.record(d.op.UID)
		if rec.Status != state.Released {
			continue
		}
		rec.Status = state.Live
		c.Put, c.Stay = append(c.Put, rec), append(c.Stay, rec.UID)
		if d.shelf == nil || d.there.Found {
			continue
		}
		if err := r.step("take %s uid %d out of its archive", b.name, rec.UID); err != nil {
			return err
		}
		if err := errors.Join(d.shelf.Drop(d.there.Name, &d.proof), d.shelf.Sync()); err != nil {
			return err
		}
	}
	return r.commit(ctx, b, c)
}

// depart takes messages whose files were read off the server.
func (r *run) depart(ctx context.Context, b *box, all []*departing) error {
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
	byUID := map[state.UID]*departing{}
	var uids []state.UID
	for _, d := range all {
		byUID[d.op.UID] = d
		uids = append(uids, d.op.UID)
	}
	refused := map[state.UID]bool{}
	done, err := r.letGo(ctx, b, uids, route, func(m state.OnServer) bool {
		d := byUID[m.UID]
		refused[m.UID] = d == nil || !r.mayGo(d.rec, m)
		return !refused[m.UID]
	})
	if err := r.gone(ctx, b, byUID, done); err != nil {
		return err
	}
	if errors.Is(err, state.ErrNotPermitted) && len(done.Gone) == 0 { // nothing changed there, and no later run will be let
		return errors.Join(wrap("expunge", err), r.withdraw(ctx, b, all))
	}
	for _, uid := range done.Kept {
		if err := r.kept(ctx, b, byUID[uid], refused[uid]); err != nil {
			return err
		}
	}
	r.addN(&r.result.Undeletable, len(done.Refused))
	b.undone = b.undone || len(done.Gone)+len(done.Kept) < len(all)
	return wrap("expunge", err)
}

// viaTrash reports whether the server's copies go by its trash mailbox.
func (r *run) viaTrash() bool {
	return r.Release.Via == ViaTrash || r.Release.Via == ViaAuto && r.labels
}

// permit commits that messages may go, and where.
func (r *run) permit(ctx context.Context, b *box, all []*departing) error {
	if err := r.destine(ctx, b, all); err != nil {
		return err
	}
	c := state.Commit{Clean: new(bool)} // a run that breaks off here leaves something to do
	for _, d := range all {
		if d.rec.Status != state.Released {
			rec := d.rec
			rec.Status = state.Released
			c.Put = append(c.Put, rec)
			if d.to.UID != 0 {
				c.Leave = append(c.Leave, d.to)
			}
		}
	}
	return r.commit(ctx, b, c)
}

// mayGo reports whether a message is, right before it goes, as it was when that was
// decided: a flag that somebody changed meanwhile would be lost, or keeps it.
func (r *run) mayGo(rec state.Record, now state.OnServer) bool {
	c := r.Release.Cutoff
	switch {
	case (now.Flags^rec.Seen)&^state.Deleted != 0:
		return false
	case c.KeepFlagged && now.Flags&state.Flagged != 0, c.KeepUnread && now.Flags&state.Seen == 0:
		return false
	}
	return true
}

// gone records what is not in the mailbox on the server any more, after the files that lie in
// an archive have left their mailbox. What lies in the server's trash freed nothing.
func (r *run) gone(ctx context.Context, b *box, byUID map[state.UID]*departing, done state.Expunged) error {
	uids := done.Gone
	var c state.Commit
	for _, uid := range uids {
		d := byUID[uid]
		rec := b.record(uid)
		rec.Status = state.OnlyHere
		if d.shelf != nil {
			rec.Status, rec.Agreed = state.Archived, rec.Seen
		}
		c.Put = append(c.Put, rec)
	}
	if r.Release.Cutoff.Collected {
		c.Leave = collected(uids)
	}
	// Should this run break off before the files went, the next one finds them archived and
	// still here, and ends it.
	if err := r.commit(ctx, b, c); err != nil {
		return err
	}
	r.addN(&r.result.DeletedOnServer, len(uids)-len(done.Trashed))
	r.addN(&r.result.MovedToTrash, len(done.Trashed))
	for _, uid := range uids {
		d := byUID[uid]
		if _, trashed := slices.BinarySearch(done.Trashed, uid); trashed {
			r.trashed()
		} else {
			r.departed(b, d)
		}
		if d.shelf == nil {
			continue
		}
		if err := r.step("take %s uid %d out of its mailbox", b.name, uid); err != nil {
			return err
		}
		b.wrote = true
		if err := b.md.Drop(d.name, &d.proof); err != nil {
			return err
		}
	}
	if len(uids) == 0 {
		return nil
	}
	return r.syncDirs(b)
}

// trashed counts a message that lies in the server's trash.
func (r *run) trashed() {
	if rel := r.result.Released; rel != nil {
		rel.Trashed++
	}
}

// departed counts a message that went; of copies what they take together.
func (r *run) departed(b *box, d *departing) {
	rel := r.result.Released
	if rel == nil {
		return
	}
	rel.went++
	uid := d.op.UID
	m := Resident{Box: slices.Index(r.boxes, b), View: b.isView(), Like: b.leaving.like[uid],
		Same: cmp.Or(d.proof.EmailID, b.leaving.proofs[uid].EmailID, b.leaving.idents[uid])}
	n, octets := 1, d.proof.Bytes
	if word := m.word(); word != "" {
		if r.went == nil {
			r.went = map[string]*lot{}
		}
		if r.went[word] == nil {
			r.went[word] = &lot{}
		}
		n, octets = r.went[word].add(m, octets)
	}
	rel.Gone += n
	rel.Freed += octets
}

// kept takes the release of a message back that the server kept.
func (r *run) kept(ctx context.Context, b *box, d *departing, changed bool) error {
	b.undone = true
	if err := r.withdraw(ctx, b, []*departing{d}); err != nil {
		return err
	}
	if changed {
		r.note(b.name, fmt.Sprintf("uid %d stays on the server: its flags were changed meanwhile", d.op.UID), "")
		return nil
	}
	return r.problem(b.name, d.op.UID, errors.New("the server shows another size or date for this message than before; it stays on the server"))
}
