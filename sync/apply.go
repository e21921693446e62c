package sync

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"mailsync/state"
)

// This file is the order in which a run changes anything, and the only place that has
// it: everything that creates, over the whole account; then everything that destroys.
// doc.go tells why.

// plan plans every mailbox that was scanned, under the brake.
func (r *run) plan(ctx context.Context) error {
	blind := r.blind()
	for _, b := range r.boxes {
		if b.idle || b.failed {
			continue
		}
		w := r.world(b)
		w.Unsettable = Untried(b.gen(), b.server, b.full)
		ops, waiting := plan(w)
		b.deletions = waiting
		if err := r.withheld(ctx, b, waiting.Unsettable); err != nil {
			return err
		}
		ops = r.holdAppends(b, r.leaveBox(b, w, ops))
		ops = slices.DeleteFunc(ops, func(o Op) bool { return b.moving[o.UID] })
		ops = b.spare(ops)
		if blind {
			ops = b.await(ops)
		}
		if err := r.brake(ctx, b, ops); err != nil {
			return err
		}
		r.moveOps(b)
		r.accept(b)
		b.idle = len(b.ops) == 0 && !b.undone
	}
	if err := r.putOff(ctx); err != nil {
		return err
	}
	if r.DryRun && r.Watch != nil {
		r.tell()
	}
	return r.unaccepted(ctx)
}

// tell says what a run would do.
func (r *run) tell() {
	for _, b := range r.boxes {
		n := len(b.fetches())
		for k, o := range b.ops {
			if k >= n-b.waiting && k < n {
				o = Op{Kind: OpLink, UID: o.UID, From: r.lead(o).name}
			}
			r.Watch.Op(b.name, o)
		}
	}
}

// brake plans ops, but for the deletions that are too many. That they were is durable
// before anything is done.
func (r *run) brake(ctx context.Context, b *box, ops []Op) error {
	var held state.Held
	b.ops, held = Brake(ops, b.records, r.Policy, b.gen().Held)
	if held != b.gen().Held {
		if err := r.commit(ctx, b, state.Commit{Held: &held}); err != nil {
			return err
		}
	}
	n := held.OnServer + held.OnDisk
	if n == 0 {
		return nil
	}
	b.undone = true
	return r.problem(b.name, 0, state.Faultf(state.Braked, "%d deletions held back", n).
		WithHint("if they are meant, run once more with --max-delete %d", n))
}

// create does what adds a copy or changes flags. A mailbox that fails here destroys
// nothing later.
func (r *run) create(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	if err := r.carryMoves(ctx); err != nil {
		return err
	}
	if err := r.fetch(ctx); err != nil {
		return err
	}
	if r.waiting() {
		if err := r.share(ctx); err != nil {
			return err
		}
		if err := r.fetch(ctx); err != nil {
			return err
		}
	}
	var g errgroup.Group
	g.SetLimit(max(1, r.Connections))
	for _, b := range r.boxes {
		if b.idle || b.failed || ctx.Err() != nil {
			continue
		}
		g.Go(func() error {
			if err := r.change(ctx, b); err != nil {
				b.failed, b.undone = true, true
				return r.problem(b.name, 0, err)
			}
			return nil
		})
	}
	return errors.Join(g.Wait(), ctx.Err())
}

// change does a mailbox's operations between fetch and release, each kind as one batch.
func (r *run) change(ctx context.Context, b *box) error {
	if err := r.leaveOut(b); err != nil {
		return err
	}
	for _, batch := range []batch{
		{OpAppend, r.appendFiles}, {OpFold, r.fold}, {OpFlagServer, r.flagServer}, {OpFlagDisk, r.flagDisk}, {OpAgree, r.agree},
	} {
		if ops := b.take(batch.kind); len(ops) > 0 {
			if err := batch.do(ctx, b, ops); err != nil {
				return err
			}
		}
	}
	return nil
}

// batch is how all operations of one kind are done in a mailbox.
type batch struct {
	kind OpKind
	do   func(context.Context, *box, []Op) error
}

// take returns the operations of one kind whose message had no failure yet: an
// operation that failed cancels the later ones of its UID.
func (b *box) take(kind OpKind) []Op {
	var ops []Op
	for _, o := range b.ops {
		if o.Kind != kind {
			continue
		}
		if b.spoilt[o.UID] {
			b.undone = true
			continue
		}
		ops = append(ops, o)
	}
	return ops
}

// destroy does what takes a copy away, after everything that makes one was done.
func (r *run) destroy(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	if err := r.together(ctx); err != nil {
		return err
	}
	for _, b := range r.boxes {
		if b.idle || b.failed || ctx.Err() != nil {
			continue
		}
		if r.stopped() {
			b.undone = true
			continue
		}
		if err := r.takeAway(ctx, b); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// takeAway does a mailbox's operations from release on, each kind as one batch. One that
// fails does not stop the others: each of them has its proof.
func (r *run) takeAway(ctx context.Context, b *box) error {
	for _, batch := range []batch{
		{OpRelease, r.release}, {OpFileAway, r.finish}, {OpExpunge, r.expunge}, {OpRemove, r.remove}, {OpForget, r.forget},
	} {
		ops := b.take(batch.kind)
		if len(ops) == 0 {
			continue
		}
		if err := batch.do(ctx, b, ops); err != nil {
			b.undone = true
			if err := r.problem(b.name, 0, err); err != nil {
				return err
			}
		}
	}
	return nil
}
