package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"mailsync/state"
)

// moveOps adds what match found to a mailbox's plan, in place of what the mailbox would do
// on its own. It comes after the brake: a move deletes nothing.
func (r *run) moveOps(b *box) {
	for _, m := range r.moved {
		switch {
		case m.NewUID != 0 && m.to == b:
			b.ops = append(b.ops, Op{Kind: OpLink, UID: m.NewUID, Name: m.in.row.Path + "/" + m.Name})
		case m.NewUID == 0 && r.Policy.Append && m.to == b:
			b.ops = slices.DeleteFunc(b.ops, func(o Op) bool { return o.Kind == OpAppend && o.Name == m.Name })
			b.ops = append(b.ops, Op{Kind: OpMove, UID: m.UID, Name: m.Name, From: m.from.name})
		case m.NewUID == 0 && !r.Policy.Append && m.from == b:
			if rec := b.record(m.UID); rec.Status != state.KeptAway {
				b.ops = append(b.ops, Op{Kind: OpAgree, UID: m.UID, Variant: max(1, rec.Variant), Status: state.KeptAway, Flags: rec.Agreed})
			}
		}
	}
	if r.Policy.Append {
		p := planner{w: r.world(b)}
		for _, c := range b.copies {
			if !b.held[bare(c.name)] {
				b.ops = append(b.ops, Op{Kind: OpAppend, Name: c.name, Flags: p.sent(c.flags)})
			}
		}
	}
	sortOps(b.ops)
}

// carryMoves does the moves, each on the side where it was not made, one pair of
// mailboxes after the other.
func (r *run) carryMoves(ctx context.Context) error {
	slices.SortStableFunc(r.moved, func(x, y *move) int {
		return cmp.Or(compareNames(x.from.name, y.from.name), compareNames(x.to.name, y.to.name), cmp.Compare(x.UID, y.UID))
	})
	for len(r.moved) > 0 {
		first := r.moved[0]
		n := 1
		for n < len(r.moved) && n < flagBatch && r.moved[n].from == first.from && r.moved[n].to == first.to && (r.moved[n].NewUID == 0) == (first.NewUID == 0) {
			n++
		}
		batch := r.moved[:n]
		r.moved = r.moved[n:]
		if first.from.failed || first.to.failed || ctx.Err() != nil || r.stopped() {
			first.from.undone, first.to.undone = true, true
			continue
		}
		var err error
		if first.NewUID != 0 {
			err = r.moveHere(ctx, first.from, first.to, batch)
		} else if r.Policy.Append {
			err = r.moveThere(ctx, first.from, first.to, batch)
		}
		if err != nil {
			for _, m := range batch {
				if m.Name != "" {
					r.keepsBack(m.in, m.Name, &m.got)
				}
			}
			first.from.undone, first.to.undone = true, true
			if err := r.problem(first.to.name, 0, fmt.Errorf("move from %s: %w", first.from.name, err)); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveHere gives files the identities that their messages got on the server.
func (r *run) moveHere(ctx context.Context, from, to *box, batch []*move) error {
	var files []newName
	var c state.Commit
	for _, m := range batch {
		rec := to.record(m.NewUID)
		as := m.got
		as.UID, as.Variant, as.Token = m.NewUID, 1, to.gen().Token
		if rec.Date != state.NoDate {
			as.Date = rec.Date
		}
		as.Flags, as.Respell = m.flags, true
		as.Vouched, as.Apart = m.Sure && as.Vouched, r.hasAlike(to, rec)
		if m.Name == "" {
			to.undone = true // its flags are merged by the next run
		} else {
			files = append(files, newName{from: m.in, name: m.Name, as: as})
		}
		rec.Status, rec.Tries = renumbered(from.record(m.UID), rec.Size, as)
		rec.Variant, rec.Form = 1, as.Form
		rec.Agreed = translate(from.record(m.UID).Agreed, from.kw, to.kw)
		c.Put = append(c.Put, rec)
	}
	if _, err := r.reidentify(ctx, to, files); err != nil {
		return err
	}
	r.addN(&r.result.MovedHere, len(batch))
	return r.commitMoved(ctx, from, to, batch, c)
}

// hasAlike reports whether a mailbox has a file, of another message, that may share the one of
// a message that is moved there. Then that gets one of its own: two names of one file in one
// Maildir are what a broken run leaves.
func (r *run) hasAlike(to *box, m state.Record) bool {
	return r.emailIDs && slices.ContainsFunc(to.records, func(rec state.Record) bool {
		return rec.Status.HasFile() && contentOf(rec) == contentOf(m)
	})
}

// commitMoved records messages in their new mailbox, with what is proven of them, and
// forgets them in the old one.
func (r *run) commitMoved(ctx context.Context, from, to *box, batch []*move, c state.Commit) error {
	var gone []state.UID
	for _, m := range batch {
		gone = append(gone, m.UID)
	}
	earlier, err := r.Base.Proofs(ctx, from.gen().ID, gone)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	for _, m := range batch {
		p, known := earlier[m.UID]
		if !known {
			p = state.Proof{Digest: m.got.Digest, Bytes: m.got.Bytes, Fetched: r.now().Unix()}
		}
		p.UID = m.NewUID
		p.ByServer = p.ByServer && m.Sure
		c.Proofs = append(c.Proofs, p)
	}
	slices.SortFunc(c.Put, func(x, y state.Record) int { return cmp.Compare(x.UID, y.UID) })
	if err := r.commit(ctx, to, c); err != nil {
		return err
	}
	slices.Sort(gone)
	return r.commit(ctx, from, state.Commit{Forget: gone})
}

// moveThere moves messages on the server to where the user put their files. One whose new
// UID is not told, or of which a run that broke off did not hear, is looked for by the next run, as
// one that was appended is, before it is moved once more.
func (r *run) moveThere(ctx context.Context, from, to *box, batch []*move) error {
	uids := make([]state.UID, len(batch))
	for i, m := range batch {
		uids[i] = m.UID
	}
	before := state.Commit{Clean: new(bool)}
	for _, m := range batch {
		before.Intents = append(before.Intents, m.intent(from, to))
	}
	if err := r.commit(ctx, to, before); err != nil {
		return err
	}
	if err := r.step("move %d from %s to %s", len(batch), from.name, to.name); err != nil {
		return err
	}
	answers, failed := r.Server.Move(ctx, from.listed.Raw, from.gen().Mark.UIDValidity, uids, to.listed.Raw)
	var told []*move
	var c state.Commit
	var both *state.CopiedError
	if errors.As(failed, &both) {
		answers = append(answers, both.Messages...)
		slices.SortFunc(answers, func(x, y state.Moved) int { return cmp.Compare(x.From, y.From) })
	}
	for _, m := range batch {
		j, ok := slices.BinarySearchFunc(answers, m.UID, func(a state.Moved, u state.UID) int { return cmp.Compare(a.From, u) })
		switch {
		case ok: // it is there, and must not be sent once more
			r.addN(&r.result.MovedThere, 1)
			in := m.intent(from, to)
			in.Confirmed = true
			if to.answered(state.Appended{UID: answers[j].To, UIDValidity: answers[j].UIDValidity}) {
				in.UID = answers[j].To
			}
			c.Intents = append(c.Intents, in) // should its file go before it is tied, what it became is known
			if in.UID != 0 && (both == nil || !slices.Contains(both.Messages, answers[j])) {
				m.NewUID = in.UID
				told = append(told, m)
				continue
			}
		case failed == nil: // it was not there to be moved
			c.Settle = append(c.Settle, movedKey+m.Name)
		}
		from.undone, to.undone = true, true // the next run looks for it
	}
	if err := r.commit(ctx, to, c); err != nil {
		return errors.Join(err, failed)
	}
	return errors.Join(r.tieMoved(ctx, from, to, told), failed)
}

// intent is that to have a message in its new mailbox, by the file that lies there.
func (m *move) intent(from, to *box) state.Intent {
	return state.Intent{Key: movedKey + m.Name, UIDNext: to.uidNext(), Bytes: m.got.Bytes, Digest: m.got.Digest,
		Flags: m.flags, Agreed: translate(from.record(m.UID).Agreed, from.kw, to.kw)}
}

// tieMoved gives the files of moved messages their new identities and records them.
func (r *run) tieMoved(ctx context.Context, from, to *box, moved []*move) error {
	if len(moved) == 0 {
		return nil
	}
	files := make([]newName, len(moved))
	var c state.Commit
	for i, m := range moved {
		old := from.record(m.UID)
		as := m.got
		as.UID, as.Variant, as.Token, as.Apart = m.NewUID, 1, to.gen().Token, r.hasAlike(to, old)
		as.Flags, as.Respell = m.flags, true
		if m.got.Token == "" && old.Date != state.NoDate {
			as.Date = old.Date
		}
		files[i] = newName{from: to, name: m.Name, as: as}
		rec := state.Record{UID: m.NewUID, Variant: 1, Form: as.Form, Size: old.Size, Date: old.Date,
			Seen: translate(old.Seen, from.kw, to.kw), Agreed: translate(old.Agreed, from.kw, to.kw)}
		rec.Status, rec.Tries = renumbered(old, old.Size, as)
		if !old.Status.HasFile() && old.Status != state.KeptAway { // nothing was agreed on
			rec.Agreed = rec.Seen & m.flags
		}
		c.Put = append(c.Put, rec)
		c.Settle = append(c.Settle, movedKey+m.Name)
	}
	if _, err := r.reidentify(ctx, to, files); err != nil {
		return err
	}
	return r.commitMoved(ctx, from, to, moved, c)
}

// translate spells flags of one mailbox in the bits of another. A keyword for which that
// has no bit left is lost to the file and stays on the server.
func translate(f state.Flags, from, to *state.Keywords) state.Flags {
	if from == to {
		return f
	}
	out := f & state.System
	for _, name := range from.NamesOf(f &^ state.System) {
		if bit, ok := to.Bit(name); ok {
			out |= bit
		}
	}
	return out
}
