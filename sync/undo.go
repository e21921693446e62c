package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailsync/state"
)

// Undo puts back on the server what the last archive run took that took anything: files that
// went into an archive come back to their mailboxes first, then each is appended with its
// flags, keywords and date, and recorded under its new UID. What a run let go and did not come
// to take stays where it is. It can be broken off and run again; what was put back is not put
// back twice. The Result is never nil.
func (a *Account) Undo(ctx context.Context) *Result {
	r := newRun(a)
	r.undoing = true
	r.result.Began = time.Now()
	for _, phase := range []func(context.Context) error{r.identify, r.listDeparted, r.scan, r.findLast, r.undo, r.settle} {
		if err := phase(ctx); err != nil {
			r.result.Fatal = err
			break
		}
	}
	r.count()
	r.result.Stopped = r.result.Fatal == nil && r.stopped() && r.unfinished()
	r.result.Ended = time.Now()
	return &r.result
}

// undo puts back what is not back yet, a mailbox at a time.
func (r *run) undo(ctx context.Context) error {
	r.holdBeside()
	for _, b := range r.viewsLast() {
		b.undone = true // nothing else of it is looked at in this run
		if b.failed || r.stopped() || ctx.Err() != nil {
			continue
		}
		if err := r.undoBox(ctx, b); err != nil {
			if err := r.problem(b.name, 0, err); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (r *run) undoBox(ctx context.Context, b *box) error {
	if err := r.beyondUndo(ctx, b); err != nil {
		return err
	}
	list, err := r.Base.Departures(ctx, b.gen().ID)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	var proofs map[state.UID]state.Proof
	if r.beside != nil {
		if proofs, err = r.Base.Proofs(ctx, b.gen().ID, nil); err != nil {
			return fmt.Errorf("read state: %w", err)
		}
	}
	r.holdsProven(b, proofs)
	var last []state.Departure
	for _, d := range list {
		if d.Run == r.archiveNumber {
			last = append(last, d)
			if p, proven := proofs[d.UID]; proven {
				r.holds(b, p.Digest)
			}
		}
	}
	if r.DryRun {
		for _, d := range last {
			if p, proven := proofs[d.UID]; proven && r.shows(b, p.Digest) {
				continue
			}
			if s := b.record(d.UID).Status; r.Watch != nil && (s == state.OnlyHere || s == state.Archived) {
				r.Watch.Op(b.name, Op{Kind: OpAppend, Name: fmt.Sprintf("uid %d", d.UID)})
			}
		}
		return nil
	}
	if err := r.stay(ctx, b); err != nil {
		return err
	}
	if err := r.bringBack(ctx, b, last); err != nil {
		return err
	}
	if b.isView() {
		if err := r.lookAtView(ctx, b); err != nil {
			return fmt.Errorf("list its messages again: %w", err)
		}
	}
	moved, err := r.moveBack(ctx, b, last)
	if err != nil {
		return err
	}
	if err := r.sendBack(ctx, b, last, moved); err != nil {
		return err
	}
	return r.forgetOld(ctx, b, last)
}

// beyondUndo names what the run took of a numbering that is not the mailbox's any more.
func (r *run) beyondUndo(ctx context.Context, b *box) error {
	all, err := r.taken(ctx, &b.row, b)
	if err != nil {
		return err
	}
	n := 0
	for _, t := range all {
		if t.old && t.Run == r.archiveNumber && t.away() {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return r.problem(b.name, 0, state.Faultf(state.Other, "the server has numbered this mailbox anew since %d of its messages were archived; they are not put back", n).
		WithHint("\"mailsync restore %s\" puts them back", r.Name))
}

// sendBack appends the files that are here and not on the server, but for those of messages
// that were moved back.
func (r *run) sendBack(ctx context.Context, b *box, last []state.Departure, moved map[state.UID]bool) error {
	disk, err := b.md.Scan(ctx, b.gen().Token, nil, b.kw)
	if err != nil {
		return err
	}
	b.disk = disk
	var ops []Op
	for _, d := range last {
		rec := b.record(d.UID)
		name, there := nameIn(disk, d.UID, max(1, rec.Variant))
		if rec.Status != state.OnlyHere || !there || moved[d.UID] || b.held[bare(name)] {
			continue // or it may be there already
		}
		ops = append(ops, Op{Kind: OpAppend, UID: d.UID, Name: name})
	}
	return r.lookAfter(ctx, b, r.sendAll(ctx, b, ops, upload{
		read: func(o Op) (outgoing, bool, error) {
			got, err := b.md.Inspect(o.Name, nil)
			got.Flags = hadFlags(b.record(o.UID), got.Silent, got.Flags, disk.Can)
			return outgoing{name: o.Name, got: got, key: undoKey(o.UID)}, true, err
		},
		back: func(batch []outgoing) ([]outgoing, error) {
			batch, err := r.backAlready(ctx, b, batch)
			all := len(batch)
			batch = slices.DeleteFunc(batch, func(f outgoing) bool { return r.shows(b, f.got.Digest) })
			if n := all - len(batch); n > 0 {
				r.note(b.name, fmt.Sprintf("%d of its messages are copies of others that are put back, and not put in here once more", n), "")
			}
			return batch, err
		},
	}))
}

// undoKey names the intent to put a message back, by the UID that it had.
func undoKey(uid state.UID) string { return fmt.Sprintf("undo %d", uid) }

// undone is the UID in an undoKey, 0 for the key of another intent.
func undone(key string) state.UID {
	digits, ok := strings.CutPrefix(key, "undo ")
	uid, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil {
		return 0
	}
	return state.UID(uid)
}

// forgetOld forgets the UIDs whose files have new ones by now. One departure stays, so that
// a second undo knows that this run is undone, and does not begin with the one before.
func (r *run) forgetOld(ctx context.Context, b *box, last []state.Departure) error {
	disk, err := b.md.Scan(ctx, b.gen().Token, nil, b.kw)
	if err != nil {
		return err
	}
	b.disk = disk
	var c state.Commit
	for _, d := range last {
		rec := b.record(d.UID)
		if _, there := nameIn(disk, d.UID, max(1, rec.Variant)); there || rec.Status != state.OnlyHere {
			continue
		}
		c.Forget = append(c.Forget, d.UID)
		if len(c.Leave) == 0 {
			c.Leave = []state.Departure{{UID: d.UID, Run: d.Run}}
		}
	}
	return r.commit(ctx, b, c)
}

// bringBack gives files that lie in an archive back to their mailbox, under their own
// names. A file leaves its archive when it is durable here, and that is recorded.
func (r *run) bringBack(ctx context.Context, b *box, last []state.Departure) error {
	proofs, err := r.Base.Proofs(ctx, b.gen().ID, nil)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	var back []*departing
	var c state.Commit
	looked := map[Maildir]*state.DiskSnapshot{}
	for _, to := range last {
		rec := b.record(to.UID)
		if to.Root == "" || rec.Status != state.Archived && rec.Status != state.OnlyHere {
			continue
		}
		d := &departing{rec: rec, proof: proofs[to.UID], to: to}
		if err := r.takeFrom(ctx, b, d, looked); err != nil {
			if err := r.problem(b.name, to.UID, fmt.Errorf("bring it back from its archive: %w", err)); err != nil {
				return err
			}
			continue
		}
		if d.name == "" {
			continue // it is here already
		}
		rec.Status = state.OnlyHere
		back, c.Put = append(back, d), append(c.Put, rec)
	}
	if len(back) == 0 {
		return nil
	}
	if err := r.syncDirs(b); err != nil {
		return err
	}
	if err := r.commit(ctx, b, c); err != nil {
		return err
	}
	left := map[Maildir]bool{}
	for _, d := range back {
		if err := r.step("take uid %d of %s out of its archive", d.to.UID, b.name); err != nil {
			return err
		}
		if err := d.shelf.Drop(d.name, &d.proof); err != nil {
			return err
		}
		left[d.shelf] = true
	}
	for md := range left {
		if err := md.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// takeFrom copies a file out of its archive. Where the archive has none, d.name stays
// empty if the file came back before. looked has the archives that were read already.
func (r *run) takeFrom(ctx context.Context, b *box, d *departing, looked map[Maildir]*state.DiskSnapshot) error {
	md, err := r.shelf(ctx, b, d.to)
	if err != nil {
		return err
	}
	if looked[md] == nil {
		if looked[md], err = md.Scan(ctx, b.gen().Token, nil, b.kw); err != nil {
			return err
		}
	}
	variant := max(1, d.rec.Variant)
	name, there := nameIn(looked[md], d.to.UID, variant)
	if !there {
		if _, here := nameIn(b.disk, d.to.UID, variant); here || d.rec.Status == state.OnlyHere {
			return nil // it came back before, and may have another name by now
		}
		return fmt.Errorf("%s/%s does not have it", d.to.Root, d.to.Path)
	}
	got, err := md.Inspect(name, &d.proof)
	if err != nil {
		return err
	}
	if d.proof.UID != 0 && (got.Digest != d.proof.Digest || got.Bytes != d.proof.Bytes) {
		return fmt.Errorf("the file %q is not what was archived", name)
	}
	d.proof.Digest, d.proof.Bytes = got.Digest, got.Bytes
	if err := r.step("bring uid %d back to %s", d.to.UID, b.name); err != nil {
		return err
	}
	body, err := md.Body(name, got.Form)
	if err != nil {
		return err
	}
	b.wrote = true
	rcv, err := b.md.Receive(state.Incoming{UID: d.to.UID, Variant: variant, Token: b.gen().Token, Flags: state.Spoken(got.Silent, got.Flags, d.rec.Agreed), Date: got.Date, Size: got.Bytes}, body)
	if err = errors.Join(err, body.Close()); err != nil {
		return err
	}
	if rcv.Digest != got.Digest {
		b.md.Discard(rcv)
		return fmt.Errorf("the file %q changed while it was read", name)
	}
	if _, err := b.md.Publish(rcv, b.kw); err != nil {
		b.md.Discard(rcv)
		return err
	}
	d.shelf, d.name = md, name
	return nil
}
