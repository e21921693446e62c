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

// move is a Move with the mailboxes it is between.
type move struct {
	Move
	from, to, in *box // in: in whose Maildir the file lies
	got          state.Received
	flags        state.Flags // of the file, in the bits of to
}

// match looks over the whole account for what went in one mailbox and came in another,
// before any mailbox is planned.
func (r *run) match(ctx context.Context) error {
	if err := r.wakeOwners(ctx); err != nil {
		return err
	}
	var boxes []*box
	var sides []Side
	for _, b := range r.boxes {
		if !b.idle && !b.failed && b.disk != nil && b.md != nil && b.gen() != nil {
			boxes = append(boxes, b)
			sides = append(sides, Side{World: r.world(b), Token: b.gen().Token})
		}
	}
	went, came := Candidates(sides, r.emailIDs)
	for i, b := range boxes {
		var err error
		if sides[i].Came, err = r.askCame(ctx, b, came[i]); err == nil {
			sides[i].Went, err = r.askWent(ctx, boxes, b, went[i])
		}
		if err != nil {
			// Nothing of it counts as moved in this run, and nothing that went as deleted.
			b.failed, b.undone = true, true
			if err := r.problem(b.name, 0, fmt.Errorf("look for moved messages: %w", err)); err != nil {
				return err
			}
		}
	}
	moves := Moves(sides)
	named, err := r.refiled(ctx, boxes, sides)
	if err != nil {
		return err
	}
	moves = append(moves, named...)
	for _, m := range moves {
		one := &move{Move: m, from: boxes[m.From], to: boxes[m.To], in: boxes[m.In]}
		if one.from.failed || one.to.failed || one.in.failed || m.NewUID == 0 && one.in.held[bare(m.Name)] {
			one.hold()
			continue
		}
		ok, err := r.whole(ctx, one)
		if err != nil {
			return err
		}
		if ok {
			one.flags = carriedFlags(m.file, one.from, one.in, one.to)
			one.hold()
			r.moved = append(r.moved, one)
		}
	}
	for _, c := range Copies(sides, moves) {
		in := boxes[c.in]
		c.flags = carriedFlags(c, boxes[c.of.side], in, in)
		in.copies = append(in.copies, c)
	}
	for _, b := range boxes {
		if err := r.unmoved(b); err != nil {
			return err
		}
	}
	return nil
}

// blind reports whether messages may have come in a mailbox that this run did not see. Until
// one does, what went is not taken for deleted: it may have been moved there.
func (r *run) blind() bool {
	return r.Partial || slices.ContainsFunc(r.boxes, func(b *box) bool { return b.failed && !b.quiet() })
}

// quiet reports whether the server says that no message came since the base knows the mailbox.
func (b *box) quiet() bool {
	g := b.gen()
	return g != nil && b.listed.HasMark && b.listed.Mark.UIDNext != 0 &&
		b.listed.Mark.UIDValidity == g.Mark.UIDValidity && b.listed.Mark.UIDNext == g.Mark.UIDNext
}

// await leaves out what a plan would do about messages that went on the server.
func (b *box) await(ops []Op) []Op {
	n := len(ops)
	ops = slices.DeleteFunc(ops, func(o Op) bool { return o.UID != 0 && b.record(o.UID).Status == state.Gone })
	b.undone = b.undone || len(ops) < n
	return ops
}

// hold keeps both mailboxes from planning anything about the message themselves.
func (m *move) hold() {
	m.from.moves(m.UID)
	if m.NewUID != 0 {
		m.to.moves(m.NewUID)
	}
}

func (b *box) moves(uid state.UID) {
	if b.moving == nil {
		b.moving = map[state.UID]bool{}
	}
	b.moving[uid] = true
}

// wakeOwners scans mailboxes in which nothing changed where files of theirs lie in other
// Maildirs and would be sent to the server: whether those are copies, theirs tell.
func (r *run) wakeOwners(ctx context.Context) error {
	if !r.Policy.Append {
		return nil
	}
	owner := map[string]*box{}
	for _, b := range r.boxes {
		if b.idle && b.gen() != nil {
			owner[b.gen().Token] = b
		}
	}
	wake := map[*box]bool{}
	for _, b := range r.boxes {
		if b.disk == nil || b.failed {
			continue
		}
		for _, f := range b.disk.Foreign {
			if o := owner[f.Token]; o != nil {
				wake[o] = true
			}
		}
	}
	for _, b := range r.boxes {
		if !wake[b] {
			continue
		}
		b.idle = false
		if err := r.scanBox(ctx, b); err != nil {
			b.failed, b.undone = true, true
			if err := r.problem(b.name, 0, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// askCame asks the server who messages are that came.
func (r *run) askCame(ctx context.Context, b *box, came map[state.UID]lying) (map[state.UID]Told, error) {
	if len(came) == 0 {
		return nil, nil
	}
	idents, err := r.Server.Idents(ctx, b.listed.Raw, b.gen().Mark.UIDValidity, slices.Sorted(maps.Keys(came)))
	if err != nil {
		return nil, err
	}
	of := map[state.UID]Told{}
	for _, id := range idents {
		told := Told{Ident: id}
		if file := came[id.UID]; file.name != "" {
			got, err := b.md.Inspect(file.name, nil)
			if err != nil {
				return nil, err
			}
			told.Digest = got.Digest
		}
		of[id.UID] = told
	}
	return of, nil
}

// askWent reads who messages were that went: from their files, and their ids from the base.
func (r *run) askWent(ctx context.Context, boxes []*box, b *box, went map[state.UID]lying) (map[state.UID]Told, error) {
	if len(went) == 0 {
		return nil, nil
	}
	uids := slices.Sorted(maps.Keys(went))
	proofs, err := r.Base.Proofs(ctx, b.gen().ID, uids)
	if err != nil {
		return nil, err
	}
	of := map[state.UID]Told{}
	for _, uid := range uids {
		if went[uid].name == "" {
			if p, known := proofs[uid]; known {
				of[uid] = Told{Digest: p.Digest}
			}
			continue
		}
		file, err := boxes[went[uid].in].md.Ident(went[uid].name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		of[uid] = Told{Ident: state.Ident{UID: uid, MessageID: file.MessageID, EmailID: proofs[uid].EmailID}}
	}
	return of, nil
}

// whole reads the file of a move. One whose bytes are not those that are recorded, or
// whose new identity other bytes have, is no file to move: its message is fetched.
func (r *run) whole(ctx context.Context, m *move) (bool, error) {
	if m.Name == "" {
		name, _ := m.to.fileOf(m.NewUID, 1)
		got, err := m.to.md.Inspect(name, nil)
		m.got = got
		return err == nil, nil
	}
	got, err := m.in.md.Inspect(m.Name, nil)
	if errors.Is(err, fs.ErrNotExist) {
		m.from.undone, m.to.undone = true, true
		m.hold()
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read a moved file: %w", err)
	}
	m.got = got
	proofs, err := r.Base.Proofs(ctx, m.from.gen().ID, []state.UID{m.UID})
	if err != nil {
		return false, fmt.Errorf("read state: %w", err)
	}
	p, known := proofs[m.UID]
	if known && (p.Digest != got.Digest || p.Bytes != got.Bytes) {
		return false, nil
	}
	if m.NewUID == 0 {
		rec := m.from.record(m.UID)
		return known || rec.Size < 0 || rec.Size == got.Bytes || r.row.EstimatedSizes || rec.Status.HasFile(), nil
	}
	if name, there := m.to.fileOf(m.NewUID, 1); there {
		other, err := m.to.md.Inspect(name, nil)
		return err == nil && other.Digest == got.Digest, nil
	}
	return true, nil
}
