package moves

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Ops are the operations on a mailbox by which what Match found is carried over.
func (r *Run) Ops(b *mailbox.Box) (ops []plan.Op) {
	for _, m := range r.moved {
		switch {
		case m.to == b && r.carries(m):
			ops = append(ops, m.op())
		case m.from == b && !r.carries(m):
			if rec := b.Record(m.UID); rec.Status != state.KeptAway {
				ops = append(ops, plan.Op{Kind: plan.OpAgree, UID: m.UID, Variant: max(1, rec.Variant), Status: state.KeptAway, Flags: rec.Agreed})
			}
		}
	}
	return ops
}

// carries reports whether a move is to be made on its other side, too.
func (r *Run) carries(m *move) bool { return m.NewUID != 0 || r.Policy.Append }

// op is a move as an operation on its target mailbox.
func (m *move) op() plan.Op {
	if m.NewUID != 0 {
		return plan.Op{Kind: plan.OpLink, UID: m.NewUID, Name: m.in.Row.Path + "/" + m.Name}
	}
	return plan.Op{Kind: plan.OpMove, UID: m.UID, Name: m.Name, From: m.from.Name}
}

// planned are those of the moves that are among the operations of their mailboxes.
func (r *Run) planned() []*move {
	type place struct {
		box *mailbox.Box
		op  plan.Op
	}
	ops := map[place]bool{}
	for _, b := range r.Boxes {
		for _, kind := range []plan.OpKind{plan.OpLink, plan.OpMove} {
			for o := range b.Ops.Of(kind) {
				ops[place{b, o}] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(r.moved), func(m *move) bool { return !r.carries(m) || !ops[place{m.to, m.op()}] })
}

// CarryMoves repeats the moves, each on the side where it was not made, one pair of
// mailboxes after the other.
func (r *Run) CarryMoves(ctx context.Context) error {
	moves := r.planned()
	slices.SortStableFunc(moves, func(x, y *move) int {
		return cmp.Or(plan.CompareNames(x.from.Name, y.from.Name), plan.CompareNames(x.to.Name, y.to.Name), cmp.Compare(x.UID, y.UID))
	})
	for len(moves) > 0 {
		first := moves[0]
		n := 1
		for n < len(moves) && n < mailbox.FlagBatch && moves[n].from == first.from && moves[n].to == first.to && (moves[n].NewUID == 0) == (first.NewUID == 0) {
			n++
		}
		batch := moves[:n]
		moves = moves[n:]
		if first.from.Failed || first.to.Failed || ctx.Err() != nil || r.Stopped() {
			first.from.Leave(mailbox.PutOff)
			first.to.Leave(mailbox.PutOff)
			continue
		}
		var err error
		if first.NewUID != 0 {
			err = r.carry(ctx, first.from, first.to, batch, false)
		} else {
			err = r.moveThere(ctx, first.from, first.to, batch)
		}
		if err != nil {
			for _, m := range batch {
				if m.Name != "" {
					r.NoteUnsent(m.in, m.Name, &m.got)
				}
			}
			first.from.Leave(mailbox.Refused)
			first.to.Leave(mailbox.Refused)
			if err := r.Problem(first.to.Name, 0, fmt.Errorf("move from %s: %w", first.from.Name, err)); err != nil {
				return err
			}
		}
	}
	return nil
}

// carry gives files the identities that their messages have now, and records these in their new mailbox.
// moved: this run moved them on the server, so that no listing shows them yet.
func (r *Run) carry(ctx context.Context, from, to *mailbox.Box, batch []*move, moved bool) error {
	var files []mailbox.NewName
	var c state.Commit
	for _, m := range batch {
		old, rec, as := from.Record(m.UID), to.Record(m.NewUID), m.got
		if moved {
			rec.Size, rec.Date, rec.Seen = old.Size, old.Date, plan.Translate(old.Seen, from.KW, to.KW)
			c.Settle = append(c.Settle, m.key())
		}
		as.UID, as.Variant, as.Token = m.NewUID, 1, to.Gen().Token
		if rec.Date != state.NoDate {
			as.Date = rec.Date
		}
		as.Flags, as.Respell = m.flags, true
		as.Confirmed, as.Apart = m.Sure && as.Confirmed, r.hasAlike(to, rec)
		if m.Name == "" {
			to.Leave(mailbox.Unmerged) // its flags are merged by the next run
		} else {
			files = append(files, mailbox.NewName{From: m.in, Name: m.Name, As: as})
		}
		rec.Status, rec.Tries = plan.Renumbered(old, rec.Size, as)
		rec.Variant, rec.Form = 1, as.Form
		rec.Agreed = plan.Translate(old.Agreed, from.KW, to.KW)
		if moved && !old.Status.HasFile() && old.Status != state.KeptAway { // nothing was agreed on
			rec.Agreed = rec.Seen & m.flags
		}
		c.Put = append(c.Put, rec)
	}
	if _, err := r.Reidentify(to, files); err != nil {
		return err
	}
	if !moved {
		for _, m := range batch {
			r.Did(to, port.MovedHere, m.NewUID, m.got.Bytes)
		}
	}
	return r.commitMoved(ctx, from, to, batch, c)
}

// hasAlike reports whether a mailbox has a file, of another message, that may share the one of
// a message that is moved there. Then that gets one of its own: two names of one file in one
// Maildir are what an interrupted run leaves.
func (r *Run) hasAlike(to *mailbox.Box, m state.Record) bool {
	return r.Can.EmailIDs && slices.ContainsFunc(to.Records, func(rec state.Record) bool {
		return rec.Status.HasFile() && match.ContentOf(rec) == match.ContentOf(m)
	})
}

// commitMoved records messages in their new mailbox, with what is proven of them, and
// forgets them in the old one.
func (r *Run) commitMoved(ctx context.Context, from, to *mailbox.Box, batch []*move, c state.Commit) error {
	var gone []state.UID
	for _, m := range batch {
		gone = append(gone, m.UID)
	}
	earlier, err := r.Base.Proofs(ctx, from.Gen().ID, gone)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	for _, m := range batch {
		p, known := earlier[m.UID]
		if !known {
			p = state.Proof{Digest: m.got.Digest, Bytes: m.got.Bytes, Fetched: r.Now().Unix()}
		}
		p.UID = m.NewUID
		p.ByServer = p.ByServer && m.Sure
		c.Proofs = append(c.Proofs, p)
	}
	slices.SortFunc(c.Put, func(x, y state.Record) int { return cmp.Compare(x.UID, y.UID) })
	if err := r.Commit(ctx, to, c); err != nil {
		return err
	}
	slices.Sort(gone)
	return r.Commit(ctx, from, state.Commit{Forget: gone})
}

// moveThere moves messages on the server to where the user put their files. One whose new
// UID is not reported, or of which an interrupted run got no answer, is looked for by the next run, as
// one that was appended is, before it is moved once more.
func (r *Run) moveThere(ctx context.Context, from, to *mailbox.Box, batch []*move) error {
	uids := make([]state.UID, len(batch))
	for i, m := range batch {
		uids[i] = m.UID
	}
	before := state.Commit{Change: state.Unclean()}
	for _, m := range batch {
		before.Intents = append(before.Intents, m.intent(from, to))
	}
	if err := r.Commit(ctx, to, before); err != nil {
		return err
	}
	if err := r.Step("move %d from %s to %s", len(batch), from.Name, to.Name); err != nil {
		return err
	}
	answers, failed := r.Server.Move(ctx, from.Listed.Raw, from.Gen().Mark.UIDValidity, uids, to.Listed.Raw)
	var known []*move // those whose new UIDs are
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
			r.Did(to, port.MovedThere, m.UID, m.got.Bytes)
			in := m.intent(from, to)
			in.Confirmed = true
			if to.Answered(state.Appended{UID: answers[j].To, UIDValidity: answers[j].UIDValidity}) {
				in.UID = answers[j].To
			}
			c.Intents = append(c.Intents, in) // should its file vanish before it is tied, what it became is known
			if in.UID != 0 && (both == nil || !slices.Contains(both.Messages, answers[j])) {
				m.NewUID = in.UID
				known = append(known, m)
				continue
			}
		case failed == nil: // it was not there to be moved
			c.Settle = append(c.Settle, m.key())
		}
		from.Leave(mailbox.Awaited)
		to.Leave(mailbox.Awaited) // the next run looks for it
	}
	if err := r.Commit(ctx, to, c); err != nil {
		return errors.Join(err, failed)
	}
	if len(known) > 0 {
		failed = errors.Join(r.carry(ctx, from, to, known, true), failed)
	}
	return failed
}

func (m *move) key() state.IntentKey { return state.IntentKey{Kind: state.Moving, Name: m.Name} }

// intent is that to have a message in its new mailbox, by the file that is there.
func (m *move) intent(from, to *mailbox.Box) state.Intent {
	return state.Intent{Key: m.key(), UIDNext: to.UIDNext(), Bytes: m.got.Bytes, Digest: m.got.Digest,
		Flags: m.flags, Agreed: plan.Translate(from.Record(m.UID).Agreed, from.KW, to.KW)}
}
