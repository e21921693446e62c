package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"mailsync/state"
)

// This file reads again, in the run that lets them go, what is to be the only copy.

// together reads all copies of a message that is in several mailboxes before the first
// of them goes: where one does not pass, they all stay.
func (r *run) together(ctx context.Context) error {
	ops := map[copyOf]Op{}
	for _, b := range r.boxes {
		if b.failed || b.idle || len(r.copies) == 0 {
			continue
		}
		for _, o := range b.take(OpRelease) {
			ops[copyOf{b, o.UID}] = o
		}
	}
	for _, same := range slices.Sorted(maps.Keys(r.copies)) {
		all := r.copies[same]
		if len(all) < 2 {
			continue
		}
		whole := true
		for _, c := range all {
			o, planned := ops[c]
			if !planned {
				whole = false
				continue
			}
			passed, err := r.readAgain(ctx, c.box, []Op{o})
			if err != nil {
				return err
			}
			whole = whole && len(passed) == 1
		}
		for _, c := range all {
			if !whole && !c.box.spoilt[c.uid] {
				c.box.spoil(c.uid)
			}
		}
	}
	return nil
}

// readAgain reads the files of messages that are to go, and returns those that are what
// the server sent. The others stay on the server: named as a failure where a file is not
// what it should be, else left for the next run.
func (r *run) readAgain(ctx context.Context, b *box, ops []Op) (passed []*departing, err error) {
	proofs, err := r.Base.Proofs(ctx, b.gen().ID, uidsOf(ops))
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	if err := r.lookAgain(ctx, b); err != nil {
		return nil, err
	}
	p := planner{w: r.world(b), can: b.disk.Can}
	_, toDisk := p.masks()
	for _, o := range ops {
		d := &departing{op: o, rec: b.record(o.UID), proof: proofs[o.UID]}
		var there bool
		d.name, there = nameIn(b.leaving.again, o.UID, max(1, d.rec.Variant))
		switch {
		case stuck(d.rec, r.row.EstimatedSizes):
			b.spoil(o.UID)
			if err := r.short(b, d.rec, d.proof.Bytes); err != nil {
				return nil, err
			}
			continue
		case !Leavable(d.rec, r.row.EstimatedSizes): // the next run fetches it once more
			b.spoil(o.UID)
			if r.Release != nil && r.Release.Alone && inDoubt(d.rec) {
				if err := r.short(b, d.rec, d.proof.Bytes); err != nil {
					return nil, err
				}
			}
			continue
		case (d.rec.Seen^d.rec.Agreed)&toDisk != 0, // a flag of the server's is still to come here
			there && !d.proof.ByServer: // fetched and compared first, by the next run
			b.spoil(o.UID)
			continue
		}
		if err := r.step("read %s uid %d again", b.name, o.UID); err != nil {
			return nil, err
		}
		if there {
			d.file, err = b.md.Inspect(d.name, &d.proof)
		}
		if state.KindOf(err) == state.Storage {
			return nil, err
		}
		if !there || err != nil || d.file.Digest != d.proof.Digest || d.file.Bytes != d.proof.Bytes {
			if err := r.refuse(ctx, b, d, there, err); err != nil {
				return nil, err
			}
			continue
		}
		d.file.Flags = state.Spoken(d.file.Silent, d.file.Flags, d.rec.Agreed)
		passed = append(passed, d)
	}
	return passed, nil
}

// lookAgain reads the names of a Maildir that this run changed.
func (r *run) lookAgain(ctx context.Context, b *box) error {
	if b.leaving.again != nil {
		return nil
	}
	b.leaving.again = b.disk
	if !b.wrote {
		return nil
	}
	var err error
	b.leaving.again, err = b.md.Scan(ctx, b.gen().Token, nil, b.kw)
	return err
}

// short names a message that does not leave the server, for what came of it may not be all.
func (r *run) short(b *box, rec state.Record, came int64) error {
	what := fmt.Errorf("the server sends %d octets, and announces %d", came, rec.Size)
	if rec.Status == state.Unstable {
		what = fmt.Errorf("the server sends other bytes each time; the most were %d octets, and it announces %d", came, rec.Size)
	}
	if r.DryRun {
		r.note(b.name, fmt.Sprintf("uid %d stays on the server: %v", rec.UID, what), "")
		return nil
	}
	fault := state.Faultf(state.Other, "it may not be all here, and stays on the server: %w", what)
	if !stuck(rec, r.row.EstimatedSizes) {
		return r.problem(b.name, rec.UID, fault.WithHint("run it again: it is fetched once more before it goes"))
	}
	return r.problem(b.name, rec.UID, fault.WithHint("look at it here and in another program; if nothing is missing, --accept %q lets it go", Message{b.name, rec.UID}.String()))
}

// refuse names a message whose file does not pass, and takes its release back.
func (r *run) refuse(ctx context.Context, b *box, d *departing, there bool, err error) error {
	b.spoil(d.op.UID)
	what := errors.New("its file is gone")
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		what = fmt.Errorf("its file cannot be read: %w", err)
	case there && err == nil:
		what = fmt.Errorf("the file %q is not what the server sent", d.name)
	}
	fault := state.Faultf(state.Other, "%w; the message stays on the server", what).
		WithHint("run \"mailsync verify --repair %s\" to fetch it again", r.Name)
	if err := r.problem(b.name, d.op.UID, fault); err != nil {
		return err
	}
	return r.withdraw(ctx, b, []*departing{d})
}
