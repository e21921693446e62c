package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// This file reads again, in the run that takes them off the server, what will be the only copies.

// ReadCopies reads all copies of a message that is in several mailboxes before the first
// of them is deleted: where one does not pass, all of them stay.
func (r *Run) ReadCopies(ctx context.Context) error {
	ops := map[mailbox.CopyOf]plan.Op{}
	for _, b := range r.Boxes {
		if b.Failed || b.Idle {
			continue
		}
		for _, o := range b.Take(plan.OpRelease) {
			ops[mailbox.CopyOf{Box: b, UID: o.UID}] = o
		}
	}
	for _, same := range slices.Sorted(maps.Keys(r.copies)) {
		all := r.copies[same]
		if len(all) < 2 {
			continue
		}
		pass := true
		for _, c := range all {
			o, planned := ops[c]
			if !planned {
				pass = false
				continue
			}
			passed, err := r.readAgain(ctx, c.Box, []plan.Op{o})
			if err != nil {
				return err
			}
			pass = pass && len(passed) == 1
		}
		for _, c := range all {
			if !pass {
				c.Box.Spoil(c.UID)
			}
		}
	}
	return nil
}

// readAgain reads the files of messages that are to leave, and returns those that are what
// the server sent. The others stay on the server: reported as a failure where a file is not
// what it should be, else left for the next run.
func (r *Run) readAgain(ctx context.Context, b *mailbox.Box, ops []plan.Op) (passed []*mailbox.Departing, err error) {
	proofs, err := r.Base.Proofs(ctx, b.Gen().ID, mailbox.UIDsOf(ops))
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	if err := r.lookAgain(ctx, b); err != nil {
		return nil, err
	}
	_, toDisk := r.World(b).Policy.Travel(b.Disk.Can)
	for _, o := range ops {
		d := &mailbox.Departing{Op: o, Rec: b.Record(o.UID), Proof: proofs[o.UID]}
		var there bool
		d.Name, there = plan.NameIn(b.Leaving.Again, o.UID, max(1, d.Rec.Variant))
		// The next run fetches once more what may not be all here, and what was never compared with the
		// server's bytes, and carries over a flag that the server has changed.
		if stuck := plan.Stuck(d.Rec, r.Row.EstimatedSizes); stuck || !plan.Leavable(d.Rec, r.Row.EstimatedSizes) {
			b.Spoil(o.UID)
			if stuck || r.Release.Alone && plan.InDoubt(d.Rec) {
				if err := r.short(b, d.Rec, d.Proof.Bytes); err != nil {
					return nil, err
				}
			}
			continue
		}
		if (d.Rec.Seen^d.Rec.Agreed)&toDisk != 0 || there && !d.Proof.ByServer {
			b.Spoil(o.UID)
			continue
		}
		if err := r.Step("read %s uid %d again", b.Name, o.UID); err != nil {
			return nil, err
		}
		if there {
			d.File, err = b.MD.Inspect(d.Name, &d.Proof)
		}
		if state.KindOf(err) == state.Storage || err != nil && port.Ends(err) {
			return nil, err
		}
		if !there || err != nil || !d.Proof.Proves(&d.File) {
			if err := r.refuse(ctx, b, d, there, err); err != nil {
				return nil, err
			}
			continue
		}
		d.File.Flags = state.FlagsByName(d.File.Silent, d.File.Flags, d.Rec.Agreed)
		passed = append(passed, d)
	}
	return passed, nil
}

// lookAgain reads the names of a Maildir that this run changed.
func (r *Run) lookAgain(ctx context.Context, b *mailbox.Box) error {
	if b.Leaving.Again != nil {
		return nil
	}
	b.Leaving.Again = b.Disk
	if !b.Wrote {
		return nil
	}
	var err error
	b.Leaving.Again, err = b.MD.Scan(ctx, b.Gen().Token, nil, b.KW)
	return err
}

// short reports a message that does not leave the server, for what was fetched may not be all of it.
func (r *Run) short(b *mailbox.Box, rec state.Record, fetched int64) error {
	what := fmt.Errorf("the server sends %d octets, and announces %d", fetched, rec.Size)
	if rec.Status == state.Unstable {
		what = fmt.Errorf("the server sends other bytes each time; the most were %d octets, and it announces %d", fetched, rec.Size)
	}
	if r.DryRun {
		r.Note(b.Name, fmt.Sprintf("uid %d stays on the server: %v", rec.UID, what),
			fmt.Sprintf("if it is complete here, --accept %s lets it leave", plan.ShellWord(fmt.Sprintf("%s:%d", b.Name, rec.UID))))
		return nil
	}
	fault := state.Faultf(state.Other, "it may not be all here, and stays on the server: %w", what)
	if !plan.Stuck(rec, r.Row.EstimatedSizes) {
		return r.Problem(b.Name, rec.UID, fault.WithHint("run it again: it is fetched once more before it is deleted"))
	}
	return r.Problem(b.Name, rec.UID, fault.WithHint("look at it here and in another program; if nothing is missing, --accept %q lets it go", plan.Message{Mailbox: b.Name, UID: rec.UID}.String()))
}

// refuse reports a message whose file does not pass, and withdraws its release.
func (r *Run) refuse(ctx context.Context, b *mailbox.Box, d *mailbox.Departing, there bool, err error) error {
	b.Spoil(d.Op.UID)
	what := errors.New("its file is gone")
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		what = fmt.Errorf("its file cannot be read: %w", err)
	case there && err == nil:
		what = fmt.Errorf("the file %q is not what the server sent", d.Name)
	}
	fault := state.Faultf(state.Other, "%w; the message stays on the server", what).
		WithHint("run \"mailsync verify --repair %s\" to fetch it again", r.Name)
	if err := r.Problem(b.Name, d.Op.UID, fault); err != nil {
		return err
	}
	return r.withdraw(ctx, b, []*mailbox.Departing{d})
}
