package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mailsync/state"
)

// What is on the server still, or again, is looked for before an undo appends anything, so that
// nothing is there twice: what an archive run left in the server's trash is moved back from there,
// and what another client put back has its file tied to it.

// backAlready ties those files whose messages another client put back, and returns the others.
func (r *run) backAlready(ctx context.Context, b *box, batch []outgoing) ([]outgoing, error) {
	s := &searching{run: r, b: b}
	if err := s.lookForBack(ctx, batch); err != nil {
		return nil, err
	}
	var asIf []state.Intent
	files := map[string]outgoing{}
	for _, f := range batch {
		asIf = append(asIf, state.Intent{Key: f.key, Bytes: f.got.Bytes, Digest: f.got.Digest})
		files[f.key] = f
	}
	became, err := s.messages(ctx, asIf, files, false)
	if err != nil {
		return nil, err
	}
	var left, found []outgoing
	for _, f := range batch {
		if f.got.UID = became[f.key]; f.got.UID == 0 {
			f.got.UID = files[f.key].got.UID
			left = append(left, f)
			continue
		}
		found = append(found, f)
	}
	if len(found) > 0 {
		r.note(b.name, fmt.Sprintf("%d of its messages were back on the server already", len(found)), "")
	}
	return left, r.tie(ctx, b, found)
}

// lookForBack asks the server who those messages are that are not here and have the size of a file.
func (s *searching) lookForBack(ctx context.Context, batch []outgoing) error {
	sizes := map[int64]bool{}
	for _, f := range batch {
		sizes[f.got.Bytes] = true
	}
	return s.asking(ctx, func(rec state.Record) bool {
		_, here := s.b.fileOf(rec.UID, max(1, rec.Variant))
		return sizes[rec.Size] && !here
	})
}

// moveBack moves messages back that lie in the server's trash, because it cannot expunge single
// ones. It returns which were moved, by the UIDs that they had. Their new ones such a server does
// not tell: like those of an append that was not answered they are found by what the messages
// are.
func (r *run) moveBack(ctx context.Context, b *box, last []state.Departure) (map[state.UID]bool, error) {
	if !r.onlyTrash() || r.trashMailbox(b) == "" {
		return nil, nil
	}
	batch, from, err := r.inTheBin(ctx, b, last)
	if err != nil {
		return nil, fmt.Errorf("look in the server's trash: %w", err)
	}
	moved := map[state.UID]bool{}
	for len(batch) > 0 && ctx.Err() == nil && !r.stopped() {
		n := min(len(batch), appendBatch)
		if err := r.moveSome(ctx, b, batch[:n], from[:n], moved); err != nil {
			return moved, fmt.Errorf("move back from the server's trash: %w", err)
		}
		batch, from = batch[n:], from[n:]
	}
	return moved, nil
}

// moveSome moves messages back, from being their UIDs in the trash, and ties their files to them.
func (r *run) moveSome(ctx context.Context, b *box, batch []outgoing, from []state.UID, moved map[state.UID]bool) error {
	c := state.Commit{Clean: new(bool)}
	of := map[state.UID]state.UID{} // by the UID in the trash
	for i, f := range batch {
		c.Intents = append(c.Intents, state.Intent{Key: f.key, UIDNext: b.uidNext(), Bytes: f.got.Bytes, Flags: f.got.Flags, Digest: f.got.Digest})
		of[from[i]] = undone(f.key)
	}
	if err := r.commit(ctx, b, c); err != nil {
		return err
	}
	if err := r.step("move %d back to %s", len(batch), b.name); err != nil {
		return err
	}
	uids := slices.Sorted(slices.Values(from))
	answers, failed := r.Server.Move(ctx, r.trash, r.bin.Mark.UIDValidity, uids, b.listed.Raw)
	for _, m := range answers {
		moved[of[m.From]] = true
	}
	r.addN(&r.result.MovedBack, len(answers))
	if failed != nil {
		b.undone = true
		if ends(failed) {
			return failed
		}
		r.note(b.name, fmt.Sprintf("not all is moved back from the server's trash, the rest is appended: %v", failed), "")
	}
	sn, err := r.Server.Scan(ctx, b.scanRequest(false))
	if err != nil {
		return err
	}
	if !sn.Complete || Compare(b.gen(), sn.Mark) != SameNumbers {
		return errors.New("the mailbox cannot be listed; the next run looks for what was moved")
	}
	_, err = r.takeIn(ctx, b, sn, true)
	return err
}

// inTheBin returns the files of messages that lie in the server's trash, and their UIDs there.
func (r *run) inTheBin(ctx context.Context, b *box, last []state.Departure) (files []outgoing, uids []state.UID, err error) {
	disk, err := b.md.Scan(ctx, b.gen().Token, nil, b.kw)
	if err != nil {
		return nil, nil, err
	}
	b.disk = disk
	var all []outgoing
	var spares []Spare
	wanted := map[content]bool{}
	for _, d := range last {
		rec := b.record(d.UID)
		name, here := nameIn(disk, d.UID, max(1, rec.Variant))
		if rec.Status != state.OnlyHere || !here {
			continue
		}
		id, err := b.md.Ident(name)
		if err != nil {
			return nil, nil, err
		}
		wanted[contentOf(rec)] = true
		all = append(all, outgoing{name: name, key: undoKey(d.UID)})
		spares = append(spares, Spare{Size: rec.Size, Date: rec.Date, MessageID: id.MessageID})
	}
	if len(all) == 0 {
		return nil, nil, nil
	}
	if r.bin == nil {
		if r.bin, err = r.trashListing(ctx); err != nil {
			return nil, nil, err
		}
	}
	bin := r.bin
	var sought []Sought
	var ask []state.UID
	for _, m := range bin.Messages {
		if m.Flags&state.Deleted == 0 && wanted[bySizeAndDate(m.Size, m.Date, "")] {
			sought, ask = append(sought, Sought{UID: m.UID, Size: m.Size, Date: m.Date}), append(ask, m.UID)
		}
	}
	if len(ask) == 0 {
		return nil, nil, nil
	}
	idents, err := r.Server.Idents(ctx, r.trash, bin.Mark.UIDValidity, ask)
	if err != nil {
		return nil, nil, err
	}
	ids := messageIDs(idents)
	for i := range sought {
		id, told := ids[sought[i].UID]
		if sought[i].MessageID = id; !told {
			sought[i].Size = -1 // nothing is known of it
		}
	}
	taken := map[state.UID]bool{}
	for i, n := range Tie(sought, spares, false) {
		if n < 0 || sought[i].Size != spares[n].Size {
			continue
		}
		f := all[n]
		if f.got, err = b.md.Inspect(f.name, nil); err != nil {
			return nil, nil, err
		}
		files, uids, taken[sought[i].UID] = append(files, f), append(uids, sought[i].UID), true
	}
	bin.Messages = slices.DeleteFunc(bin.Messages, func(m state.OnServer) bool { return taken[m.UID] })
	return files, uids, nil
}
