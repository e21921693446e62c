package undo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// What is on the server still, or again, is looked for before an undo appends anything, so that
// nothing is there twice: what an archive run left in the server's trash is moved back from there,
// and what another client put back has its file tied to it.

// backAlready ties those files whose messages another client put back, and returns the others.
func (r *Run) backAlready(ctx context.Context, b *mailbox.Box, batch []*send.Outgoing) (left []*send.Outgoing, err error) {
	became, err := r.send.FindBack(ctx, b, batch)
	if err != nil {
		return nil, err
	}
	var found []send.Outgoing
	for _, f := range batch {
		if uid := became[f.Key]; uid != 0 {
			f.Got.UID = uid
			found = append(found, *f)
		} else {
			left = append(left, f)
		}
	}
	if len(found) > 0 {
		r.Note(b.Name, fmt.Sprintf("%d of its messages were back on the server already", len(found)), "")
	}
	return left, r.send.Tie(ctx, b, found)
}

// moveBack moves messages back that lie in the server's trash, because it cannot expunge single
// ones. It returns which were moved, by the UIDs that they had. Their new ones such a server does
// not tell: like those of an append that was not answered they are found by what the messages
// are.
func (r *Run) moveBack(ctx context.Context, b *mailbox.Box, last []state.Departure) (map[state.UID]bool, error) {
	if !r.OnlyTrash() || r.TrashMailbox(b) == "" {
		return nil, nil
	}
	batch, from, err := r.inTheBin(ctx, b, last)
	if err != nil {
		return nil, fmt.Errorf("look in the server's trash: %w", err)
	}
	moved := map[state.UID]bool{}
	for len(batch) > 0 && ctx.Err() == nil && !r.Stopped() {
		n := min(len(batch), send.Batch)
		if err := r.moveSome(ctx, b, batch[:n], from[:n], moved); err != nil {
			return moved, fmt.Errorf("move back from the server's trash: %w", err)
		}
		batch, from = batch[n:], from[n:]
	}
	return moved, nil
}

// moveSome moves messages back, from being their UIDs in the trash, and ties their files to them.
func (r *Run) moveSome(ctx context.Context, b *mailbox.Box, batch []send.Outgoing, from []state.UID, moved map[state.UID]bool) error {
	c := state.Commit{Change: state.Unclean()}
	of := map[state.UID]state.UID{} // by the UID in the trash
	for i, f := range batch {
		c.Intents = append(c.Intents, f.Intent(b))
		of[from[i]] = plan.Undone(f.Key)
	}
	if err := r.Commit(ctx, b, c); err != nil {
		return err
	}
	if err := r.Step("move %d back to %s", len(batch), b.Name); err != nil {
		return err
	}
	uids := slices.Sorted(slices.Values(from))
	answers, failed := r.Server.Move(ctx, r.Trash, r.bin.Mark.UIDValidity, uids, b.Listed.Raw)
	for _, m := range answers {
		moved[of[m.From]] = true
	}
	r.AddN(&r.Result.MovedBack, len(answers))
	if failed != nil {
		b.Leave(mailbox.Refused)
		if port.Ends(failed) {
			return failed
		}
		r.Note(b.Name, fmt.Sprintf("not all is moved back from the server's trash, the rest is appended: %v", failed), "")
	}
	sn, err := r.Server.Scan(ctx, b.ScanRequest(false))
	if err != nil {
		return err
	}
	if !sn.Complete || !plan.SameNumbers(b.Gen(), sn.Mark) {
		return errors.New("the mailbox cannot be listed; the next run looks for what was moved")
	}
	_, err = r.send.TakeIn(ctx, b, sn, true)
	return err
}

// inTheBin returns the files of messages that lie in the server's trash, and their UIDs there.
func (r *Run) inTheBin(ctx context.Context, b *mailbox.Box, last []state.Departure) (files []send.Outgoing, uids []state.UID, err error) {
	all, spares, err := r.takenHere(ctx, b, last)
	if err != nil || len(all) == 0 {
		return nil, nil, err
	}
	if r.bin == nil {
		if r.bin, err = r.destroy.TrashListing(ctx); err != nil {
			return nil, nil, err
		}
	}
	wanted := map[match.Content]bool{}
	for _, s := range spares {
		wanted[match.BySizeAndDate(s.Size, s.Date, "")] = true
	}
	var sought []match.Sought
	for _, m := range r.bin.Messages {
		if m.Flags&state.Deleted == 0 && wanted[match.BySizeAndDate(m.Size, m.Date, "")] {
			sought = append(sought, match.Sought{UID: m.UID, Size: m.Size, Date: m.Date})
		}
	}
	if err := match.Identify(ctx, r.Server, r.Trash, r.bin.Mark.UIDValidity, sought); err != nil {
		return nil, nil, err
	}
	for i, n := range match.Tie(sought, spares, false) {
		if n < 0 || sought[i].Size != spares[n].Size {
			continue
		}
		f := all[n]
		if f.Got, err = b.MD.Inspect(f.Name, nil); err != nil {
			return nil, nil, err
		}
		files, uids = append(files, f), append(uids, sought[i].UID)
	}
	r.bin.Messages = slices.DeleteFunc(r.bin.Messages, func(m state.OnServer) bool {
		_, taken := slices.BinarySearch(uids, m.UID)
		return taken
	})
	return files, uids, nil
}

// takenHere returns the files of those messages that are only here, and what they are known by.
func (r *Run) takenHere(ctx context.Context, b *mailbox.Box, last []state.Departure) (files []send.Outgoing, known []match.Spare, err error) {
	disk, err := b.MD.Scan(ctx, b.Gen().Token, nil, b.KW)
	if err != nil {
		return nil, nil, err
	}
	b.Disk = disk
	for _, d := range last {
		rec := b.Record(d.UID)
		name, here := plan.NameIn(disk, d.UID, max(1, rec.Variant))
		if rec.Status != state.OnlyHere || !here {
			continue
		}
		id, err := b.MD.Ident(name)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, send.Outgoing{Name: name, Key: plan.UndoKey(d.UID)})
		known = append(known, match.Spare{Size: rec.Size, Date: rec.Date, MessageID: id.MessageID})
	}
	return files, known, nil
}
