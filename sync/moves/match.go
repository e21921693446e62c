// Package moves carries over what went in one mailbox and came in another: on the server to the disk, on the
// disk to the server.
package moves

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/scan"
)

// Run is the moves of a run.
type Run struct {
	*mailbox.Run
	scan  *scan.Run
	moved []*move // what went in one mailbox and came in another
}

// New returns the moves of a run.
func New(r *mailbox.Run, s *scan.Run) *Run { return &Run{Run: r, scan: s} }

// move is a Move with the mailboxes it is between.
type move struct {
	match.Move
	from, to, in *mailbox.Box // in: where the file is
	got          state.Received
	flags        state.Flags // of the file, in the bits of to
}

// Match finds what went in one mailbox of the account and came in another,
// before any mailbox is planned.
func (r *Run) Match(ctx context.Context) error {
	if err := r.wakeOwners(ctx); err != nil {
		return err
	}
	var boxes []*mailbox.Box
	var sides []match.Side
	for _, b := range r.Boxes {
		if !b.Idle && !b.Failed && b.Disk != nil && b.MD != nil && b.Gen() != nil {
			boxes = append(boxes, b)
			sides = append(sides, match.Side{World: r.World(b), Token: b.Gen().Token})
		}
	}
	went, came := match.Candidates(sides, r.Can.EmailIDs)
	for i, b := range boxes {
		var err error
		if sides[i].New, err = r.askCame(ctx, b, came[i]); err == nil {
			sides[i].Gone, err = r.askWent(ctx, boxes, b, went[i])
		}
		if err != nil {
			// Nothing of it counts as moved in this run, and nothing that went as deleted.
			b.Fail()
			if err := r.Problem(b.Name, 0, fmt.Errorf("look for moved messages: %w", err)); err != nil {
				return err
			}
		}
	}
	moves := match.Moves(sides)
	named, err := r.refiled(ctx, boxes, sides)
	if err != nil {
		return err
	}
	moves = append(moves, named...)
	for _, m := range moves {
		one := &move{Move: m, from: boxes[m.From], to: boxes[m.To], in: boxes[m.In]}
		if one.from.Failed || one.to.Failed || one.in.Failed || m.NewUID == 0 && one.in.Sent.HeldBack[plan.Bare(m.Name)] {
			one.hold()
			continue
		}
		ok, err := r.readFile(ctx, one)
		if err != nil {
			return err
		}
		if ok {
			one.flags = mailbox.CarriedFlags(m.File, one.from, one.in, one.to)
			one.hold()
			r.moved = append(r.moved, one)
		}
	}
	for _, c := range match.Copies(sides, moves) {
		in := boxes[c.In]
		c.Flags = mailbox.CarriedFlags(c, boxes[c.Of.Side], in, in)
		in.Moves.Copies = append(in.Moves.Copies, c)
	}
	for _, b := range boxes {
		if err := r.unmoved(b); err != nil {
			return err
		}
	}
	return nil
}

// Blind reports whether messages may have come in a mailbox that this run did not scan. Until
// a run does, what went is not taken for deleted: it may have been moved there.
func (r *Run) Blind() bool {
	return r.Partial || slices.ContainsFunc(r.Boxes, func(b *mailbox.Box) bool { return b.Failed && !quiet(b) })
}

// quiet reports whether, by its UIDNEXT, no message was added to a mailbox since the base learned of it.
func quiet(b *mailbox.Box) bool {
	g := b.Gen()
	return g != nil && b.Listed.HasMark && b.Listed.Mark.UIDNext != 0 &&
		b.Listed.Mark.UIDValidity == g.Mark.UIDValidity && b.Listed.Mark.UIDNext == g.Mark.UIDNext
}

// hold keeps both mailboxes from planning anything about the message themselves.
func (m *move) hold() {
	moves(m.from, m.UID)
	if m.NewUID != 0 {
		moves(m.to, m.NewUID)
	}
}

func moves(b *mailbox.Box, uid state.UID) {
	if b.Moves.UIDs == nil {
		b.Moves.UIDs = map[state.UID]bool{}
	}
	b.Moves.UIDs[uid] = true
}

// wakeOwners scans mailboxes in which nothing changed if files of theirs are in other
// Maildirs and would be sent to the server: their own files show whether those are copies.
func (r *Run) wakeOwners(ctx context.Context) error {
	if !r.Policy.Append {
		return nil
	}
	owner := map[string]*mailbox.Box{}
	for _, b := range r.Boxes {
		if b.Idle && b.Gen() != nil {
			owner[b.Gen().Token] = b
		}
	}
	wake := map[*mailbox.Box]bool{}
	for _, b := range r.Boxes {
		if b.Disk == nil || b.Failed {
			continue
		}
		for _, f := range b.Disk.Foreign {
			if o := owner[f.Token]; o != nil {
				wake[o] = true
			}
		}
	}
	for b := range wake {
		b.Idle = false
	}
	return r.scan.Mailboxes(ctx, slices.DeleteFunc(slices.Clone(r.Boxes), func(b *mailbox.Box) bool { return !wake[b] }))
}

// askCame asks the server what identifies messages that came.
func (r *Run) askCame(ctx context.Context, b *mailbox.Box, came map[state.UID]match.Located) (map[state.UID]match.Asked, error) {
	if len(came) == 0 {
		return nil, nil
	}
	idents, err := r.Server.Idents(ctx, b.Listed.Raw, b.Gen().Mark.UIDValidity, slices.Sorted(maps.Keys(came)))
	if err != nil {
		return nil, err
	}
	of := map[state.UID]match.Asked{}
	for _, id := range idents {
		is := match.Asked{Ident: id}
		if file := came[id.UID]; file.Name != "" {
			got, err := b.MD.Inspect(file.Name, nil)
			if err != nil {
				return nil, err
			}
			is.Digest = got.Digest
		}
		of[id.UID] = is
	}
	return of, nil
}

// askWent reads what identified messages that went: from their files, and their ids from the base.
func (r *Run) askWent(ctx context.Context, boxes []*mailbox.Box, b *mailbox.Box, went map[state.UID]match.Located) (map[state.UID]match.Asked, error) {
	if len(went) == 0 {
		return nil, nil
	}
	uids := slices.Sorted(maps.Keys(went))
	proofs, err := r.Base.Proofs(ctx, b.Gen().ID, uids)
	if err != nil {
		return nil, err
	}
	of := map[state.UID]match.Asked{}
	for _, uid := range uids {
		if went[uid].Name == "" {
			if p, known := proofs[uid]; known {
				of[uid] = match.Asked{Digest: p.Digest}
			}
			continue
		}
		file, err := boxes[went[uid].In].MD.Ident(went[uid].Name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		of[uid] = match.Asked{Ident: state.Ident{UID: uid, MessageID: file.MessageID, EmailID: proofs[uid].EmailID}}
	}
	return of, nil
}

// readFile reads the file of a move, and reports whether it may be moved. If its bytes are not those that are recorded, or
// if other bytes have its new identity, its message is fetched instead.
func (r *Run) readFile(ctx context.Context, m *move) (bool, error) {
	if m.Name == "" {
		name, _ := m.to.FileOf(m.NewUID, 1)
		got, err := m.to.MD.Inspect(name, nil)
		if m.got = got; err != nil && port.Ends(err) {
			return false, err
		}
		return err == nil, nil
	}
	got, err := m.in.MD.Inspect(m.Name, nil)
	if errors.Is(err, fs.ErrNotExist) {
		m.from.Leave(mailbox.Disturbed)
		m.to.Leave(mailbox.Disturbed)
		m.hold()
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read a moved file: %w", err)
	}
	m.got = got
	proofs, err := r.Base.Proofs(ctx, m.from.Gen().ID, []state.UID{m.UID})
	if err != nil {
		return false, fmt.Errorf("read state: %w", err)
	}
	p, known := proofs[m.UID]
	if known && (p.Digest != got.Digest || p.Bytes != got.Bytes) {
		return false, nil
	}
	if m.NewUID == 0 {
		rec := m.from.Record(m.UID)
		return known || rec.Size < 0 || rec.Size == got.Bytes || r.Row.EstimatedSizes || rec.Status.HasFile(), nil
	}
	if name, there := m.to.FileOf(m.NewUID, 1); there {
		other, err := m.to.MD.Inspect(name, nil)
		if err != nil && port.Ends(err) {
			return false, err
		}
		return err == nil && other.Digest == got.Digest, nil
	}
	return true, nil
}

// unmoved reports what was moved on the server and is in no mailbox.
func (r *Run) unmoved(b *mailbox.Box) error {
	for _, name := range slices.Sorted(maps.Keys(b.Sent.Expected)) {
		if slices.ContainsFunc(r.moved, func(m *move) bool { return m.in == b && m.Name == name }) {
			continue
		}
		if err := r.LostThere(b, b.Sent.Expected[name], 0, name); err != nil {
			return err
		}
	}
	return nil
}
