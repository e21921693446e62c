// Package undo puts back on the server what the last archive run took.
package undo

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/archive"
	"mailsync/sync/destroy"
	"mailsync/sync/folder"
	"mailsync/sync/list"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// Run is the undoing of an archive run.
type Run struct {
	*mailbox.Run
	list    *list.Run
	send    *send.Run
	folder  *folder.Run
	destroy *destroy.Run
	archive *archive.Run

	unlisted []state.MailboxRow    // mailboxes concerned that the server does not list
	trash    *state.ServerSnapshot // of the server's trash; nil: not looked at
}

// New returns the undoing of an archive run.
func New(r *mailbox.Run, l *list.Run, s *send.Run, sh *folder.Run, d *destroy.Run, a *archive.Run) *Run {
	s.All = true
	return &Run{Run: r, list: l, send: s, folder: sh, destroy: d, archive: a}
}

// Undo puts back what is not back yet, a mailbox at a time.
func (r *Run) Undo(ctx context.Context) error {
	r.send.NoteHeld(slices.ContainsFunc(r.Boxes, (*mailbox.Box).IsView))
	for _, b := range r.ViewsLast() {
		b.Leave(mailbox.PutOff) // nothing else of it is looked at in this run
		if b.Failed || r.Stopped() || ctx.Err() != nil {
			continue
		}
		if err := r.undoBox(ctx, b); err != nil {
			if err := r.Problem(b.Name, 0, err); err != nil {
				return err
			}
		}
		r.LogMailbox(b)
	}
	return ctx.Err()
}

func (r *Run) undoBox(ctx context.Context, b *mailbox.Box) error {
	if err := r.beyondUndo(ctx, b); err != nil {
		return err
	}
	list, err := r.Base.Departures(ctx, b.Gen().ID)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	var proofs map[state.UID]state.Proof
	if r.send.NotesHeld() {
		if proofs, err = r.Base.Proofs(ctx, b.Gen().ID, nil); err != nil {
			return fmt.Errorf("read state: %w", err)
		}
	}
	r.send.HoldsProven(b, proofs)
	var last []state.Departure
	for _, d := range list {
		if d.Run == r.folder.ArchiveNumber {
			last = append(last, d)
			if p, proven := proofs[d.UID]; proven {
				r.send.NoteHeldIn(b.IsView(), p.Digest)
			}
		}
	}
	if r.DryRun {
		var ops []plan.Op
		for _, d := range last {
			if p, proven := proofs[d.UID]; proven && r.send.ShownElsewhere(b.IsView(), p.Digest) {
				continue
			}
			if s := b.Record(d.UID).Status; s == state.OnlyHere || s == state.Archived {
				ops = append(ops, plan.Op{Kind: plan.OpAppend, Name: fmt.Sprintf("uid %d", d.UID)})
			}
		}
		r.Foresee(b.Name, plan.OpsOf(ops...), false)
		return nil
	}
	if err := r.archive.WithdrawAll(ctx, b); err != nil {
		return err
	}
	if err := r.bringBack(ctx, b, last); err != nil {
		return err
	}
	if b.IsView() {
		if err := r.send.ListAgain(ctx, b, true); err != nil {
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

// beyondUndo reports how much the run took of a numbering that is not the mailbox's any more.
func (r *Run) beyondUndo(ctx context.Context, b *mailbox.Box) error {
	all, err := r.taken(ctx, &b.Row, b)
	if err != nil {
		return err
	}
	n := 0
	for _, t := range all {
		if t.old && t.Run == r.folder.ArchiveNumber && t.away() {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return r.Problem(b.Name, 0, state.Faultf(state.Other, "the server has numbered this mailbox anew since %d of its messages were archived; they are not put back", n).
		WithHint("\"mailsync restore %s\" puts them back", r.Name))
}

// sendBack appends the files that are not on the server, but for those of messages
// that were moved back.
func (r *Run) sendBack(ctx context.Context, b *mailbox.Box, last []state.Departure, moved map[state.UID]bool) error {
	files, err := r.onlyHere(ctx, b, last)
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f *send.Outgoing) bool {
		return moved[plan.Undone(f.Key)] || b.Sent.HeldBack[plan.Bare(f.Name)] // it may be there already
	})
	return r.send.LookAfter(ctx, b, r.send.SendAll(ctx, b, files, send.Upload{
		Read: func(f *send.Outgoing) (ok bool, err error) {
			if f.Got, err = b.MD.Inspect(f.Name, nil); err == nil {
				f.Got.Flags = plan.HadFlags(b.Record(plan.Undone(f.Key)), f.Got.Silent, f.Got.Flags, b.Disk.Can)
			}
			return true, err
		},
		Back: func(batch []*send.Outgoing) ([]*send.Outgoing, error) {
			batch, err := r.backAlready(ctx, b, batch)
			all := len(batch)
			batch = slices.DeleteFunc(batch, func(f *send.Outgoing) bool { return r.send.ShownElsewhere(b.IsView(), f.Got.Digest) })
			if n := all - len(batch); n > 0 {
				r.Note(b.Name, fmt.Sprintf("%d of its messages are copies of others that are put back, and not put in here once more", n), "")
			}
			return batch, err
		},
	}))
}

// look scans a mailbox's Maildir.
func (r *Run) look(ctx context.Context, b *mailbox.Box) error {
	disk, err := b.MD.Scan(ctx, b.Gen().Token, nil, b.KW)
	if err == nil {
		b.Disk = disk
	}
	return err
}

// onlyHere returns the files of those messages that the server does not have.
func (r *Run) onlyHere(ctx context.Context, b *mailbox.Box, last []state.Departure) (files []*send.Outgoing, err error) {
	if err := r.look(ctx, b); err != nil {
		return nil, err
	}
	for _, d := range last {
		rec := b.Record(d.UID)
		if name, here := b.FileOf(d.UID, max(1, rec.Variant)); here && rec.Status == state.OnlyHere {
			files = append(files, &send.Outgoing{Name: name, Key: plan.UndoKey(d.UID)})
		}
	}
	return files, nil
}

// forgetOld forgets the UIDs whose files have new ones by now. One departure stays, so that
// a second undo knows that this run is undone, and does not begin with the one before.
func (r *Run) forgetOld(ctx context.Context, b *mailbox.Box, last []state.Departure) error {
	if err := r.look(ctx, b); err != nil {
		return err
	}
	var c state.Commit
	for _, d := range last {
		rec := b.Record(d.UID)
		if _, there := b.FileOf(d.UID, max(1, rec.Variant)); there || rec.Status != state.OnlyHere {
			continue
		}
		c.Forget = append(c.Forget, d.UID)
		if len(c.Leave) == 0 {
			c.Leave = []state.Departure{{UID: d.UID, Run: d.Run}}
		}
	}
	return r.Commit(ctx, b, c)
}

// bringBack returns files from their archive to their mailbox, under their own
// names. A file leaves its archive when it is durable here, and that is recorded.
func (r *Run) bringBack(ctx context.Context, b *mailbox.Box, last []state.Departure) error {
	proofs, err := r.Base.Proofs(ctx, b.Gen().ID, nil)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	var back []*mailbox.Departing
	var c state.Commit
	looked := map[port.Maildir]*state.DiskSnapshot{}
	for _, to := range last {
		rec := b.Record(to.UID)
		if to.Root == "" || rec.Status != state.Archived && rec.Status != state.OnlyHere {
			continue
		}
		d := &mailbox.Departing{Rec: rec, Proof: proofs[to.UID], To: to}
		if err := r.takeFrom(ctx, b, d, looked); err != nil {
			if err := r.Problem(b.Name, to.UID, fmt.Errorf("bring it back from its archive: %w", err)); err != nil {
				return err
			}
			continue
		}
		if d.Name == "" {
			continue // it is here already
		}
		rec.Status = state.OnlyHere
		back, c.Put = append(back, d), append(c.Put, rec)
	}
	if len(back) == 0 {
		return nil
	}
	if err := r.SyncDirs(b); err != nil {
		return err
	}
	if err := r.Commit(ctx, b, c); err != nil {
		return err
	}
	dropped := map[port.Maildir]bool{}
	for _, d := range back {
		if err := r.Step("take uid %d of %s out of its archive", d.To.UID, b.Name); err != nil {
			return err
		}
		if err := d.Folder.Drop(d.Name, &d.Proof); err != nil {
			return err
		}
		dropped[d.Folder] = true
	}
	for archive := range dropped {
		if err := archive.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// takeFrom copies a file out of its archive. Where the archive does not have it, d.Name stays
// empty if the file was brought back before. looked has the archives that were read already.
func (r *Run) takeFrom(ctx context.Context, b *mailbox.Box, d *mailbox.Departing, looked map[port.Maildir]*state.DiskSnapshot) error {
	md, err := r.folder.Open(ctx, b, d.To, true)
	if err != nil {
		return err
	}
	if looked[md] == nil {
		if looked[md], err = md.Scan(ctx, b.Gen().Token, nil, b.KW); err != nil {
			return err
		}
	}
	variant := max(1, d.Rec.Variant)
	name, there := plan.NameIn(looked[md], d.To.UID, variant)
	if !there {
		if _, here := plan.NameIn(b.Disk, d.To.UID, variant); here || d.Rec.Status == state.OnlyHere {
			return nil // it was brought back before, and may have another name by now
		}
		return fmt.Errorf("%s/%s does not have it", d.To.Root, d.To.Path)
	}
	got, err := md.Inspect(name, &d.Proof)
	if err != nil {
		return err
	}
	if d.Proof.UID != 0 && (got.Digest != d.Proof.Digest || got.Bytes != d.Proof.Bytes) {
		return fmt.Errorf("the file %q is not what was archived", name)
	}
	d.Proof.Digest, d.Proof.Bytes = got.Digest, got.Bytes
	if err := r.Step("bring uid %d back to %s", d.To.UID, b.Name); err != nil {
		return err
	}
	b.Wrote = true
	as := state.Incoming{UID: d.To.UID, Variant: variant, Token: b.Gen().Token, Flags: state.FlagsByName(got.Silent, got.Flags, d.Rec.Agreed), Date: got.Date, Size: got.Bytes}
	if _, err := folder.Copy(md, name, got, b.MD, as, b.KW); err != nil {
		return err
	}
	d.Folder, d.Name = md, name
	return nil
}
