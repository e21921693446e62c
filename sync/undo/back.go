package undo

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// Before an undo appends anything it looks for what is on the server still, or again, so that
// nothing is there twice: what an archive run left in the server's trash is moved back from there,
// and a message that another client put back gets its file.

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

// moveBack moves messages back from the trash of a server that cannot expunge single
// ones. It returns which were moved, by the UIDs that they had. Such a server does not report the new UIDs:
// like those of an append that was not answered they are found by what the messages
// are.
func (r *Run) moveBack(ctx context.Context, b *mailbox.Box, last []state.Departure) (map[state.UID]bool, error) {
	if !r.OnlyTrash() || r.TrashMailbox(b) == "" {
		return nil, nil
	}
	batch, from, err := r.inTrash(ctx, b, last)
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

// moveSome moves messages back, from their UIDs in the trash, and ties their files to them.
func (r *Run) moveSome(ctx context.Context, b *mailbox.Box, batch []*send.Outgoing, from []state.UID, moved map[state.UID]bool) error {
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
	answers, failed := r.Server.Move(ctx, r.Trash, r.trash.Mark.UIDValidity, uids, b.Listed.Raw)
	for _, m := range answers {
		moved[of[m.From]] = true
	}
	for _, m := range answers {
		r.Did(b, port.MovedFromTrash, m.To, 0)
	}
	if failed != nil {
		b.Leave(mailbox.Refused)
		if port.Ends(failed) {
			return failed
		}
		r.Note(b.Name, fmt.Sprintf("not all is moved back from the server's trash, the rest is appended: %v", failed), "")
	}
	return r.send.ListAgain(ctx, b, false)
}

// inTrash returns the files of messages that are in the server's trash, and their UIDs there.
func (r *Run) inTrash(ctx context.Context, b *mailbox.Box, last []state.Departure) (files []*send.Outgoing, uids []state.UID, err error) {
	all, err := r.onlyHere(ctx, b, last)
	if err != nil || len(all) == 0 {
		return nil, nil, err
	}
	candidates := make([]match.Candidate, len(all))
	for i, f := range all {
		id, err := b.MD.Ident(f.Name)
		if err != nil {
			return nil, nil, err
		}
		rec := b.Record(plan.Undone(f.Key))
		candidates[i] = match.Candidate{Size: rec.Size, Date: rec.Date, MessageID: id.MessageID}
	}
	if r.trash == nil {
		if r.trash, err = r.destroy.TrashListing(ctx); err != nil {
			return nil, nil, err
		}
	}
	wanted := map[match.Content]bool{}
	for _, s := range candidates {
		wanted[match.BySizeAndDate(s.Size, s.Date, "")] = true
	}
	var sought []match.Sought
	for _, m := range r.trash.Messages {
		if m.Flags&state.Deleted == 0 && wanted[match.BySizeAndDate(m.Size, m.Date, "")] {
			sought = append(sought, match.Sought{UID: m.UID, Size: m.Size, Date: m.Date})
		}
	}
	if err := match.Identify(ctx, r.Server, r.Trash, r.trash.Mark.UIDValidity, sought); err != nil {
		return nil, nil, err
	}
	for i, n := range match.Tie(sought, candidates, false) {
		if n < 0 || sought[i].Size != candidates[n].Size {
			continue
		}
		f := all[n]
		if f.Got, err = b.MD.Inspect(f.Name, nil); err != nil {
			return nil, nil, err
		}
		files, uids = append(files, f), append(uids, sought[i].UID)
	}
	r.trash.Messages = slices.DeleteFunc(r.trash.Messages, func(m state.OnServer) bool {
		_, taken := slices.BinarySearch(uids, m.UID)
		return taken
	})
	return files, uids, nil
}
