package sync

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/moves"
	"mailsync/sync/plan"
)

// This file is the order in which a run changes anything, and the only place that has
// it: everything that creates, over the whole account; then everything that destroys.
// doc.go tells why.

// plan plans every mailbox that was scanned, under the brake.
func (r *run) plan(ctx context.Context) error {
	blind := r.moves.Blind()
	for _, b := range r.Boxes {
		if b.Idle || b.Failed {
			continue
		}
		w := r.World(b)
		w.Unsettable = plan.Untried(b.Gen(), b.Server, b.Full)
		ops, waiting := plan.Decide(w)
		b.Waits = waiting
		if err := r.change.Withheld(ctx, b, waiting.Unsettable); err != nil {
			return err
		}
		ops = r.moves.HoldAppends(b, r.leaveBox(b, w, ops))
		ops = slices.DeleteFunc(ops, func(o plan.Op) bool { return b.Moves.UIDs[o.UID] })
		ops = b.Spare(ops)
		if blind {
			ops = moves.Await(b, ops)
		}
		if err := r.brake(ctx, b, ops); err != nil {
			return err
		}
		r.moves.MoveOps(b)
		r.accept(b)
		b.Idle = len(b.Ops) == 0 && !b.Unfinished()
	}
	if err := r.fetch.PutOff(ctx); err != nil {
		return err
	}
	if r.DryRun && r.Watch != nil {
		r.tell()
	}
	return r.unaccepted(ctx)
}

// tell says what a run would do.
func (r *run) tell() {
	for _, b := range r.Boxes {
		n := len(b.Fetches())
		for k, o := range b.Ops {
			if k >= n-b.Bodies.Waiting && k < n {
				o = plan.Op{Kind: plan.OpLink, UID: o.UID, From: r.fetch.Lead(o).Name}
			}
			r.Watch.Op(b.Name, o)
		}
	}
}

// brake plans ops, but for the deletions that are too many. That they were is durable
// before anything is done.
func (r *run) brake(ctx context.Context, b *mailbox.Box, ops []plan.Op) error {
	var held state.Held
	b.Ops, held = plan.Brake(ops, b.Records, r.Policy, b.Gen().Held)
	if held != b.Gen().Held {
		if err := r.Commit(ctx, b, state.Commit{Held: &held}); err != nil {
			return err
		}
	}
	n := held.OnServer + held.OnDisk
	if n == 0 {
		return nil
	}
	b.Leave(mailbox.HeldBack)
	return r.Problem(b.Name, 0, state.Faultf(state.Braked, "%d deletions held back", n).
		WithHint("if they are meant, run once more with --max-delete %d", n))
}

// createAll does what adds a copy or changes flags. A mailbox that fails here destroys
// nothing later.
func (r *run) createAll(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	if err := r.moves.CarryMoves(ctx); err != nil {
		return err
	}
	if err := r.fetch.Fetch(ctx); err != nil {
		return err
	}
	if r.fetch.Waiting() {
		if err := r.fetch.Share(ctx); err != nil {
			return err
		}
		if err := r.fetch.Fetch(ctx); err != nil {
			return err
		}
	}
	var g errgroup.Group
	g.SetLimit(max(1, r.Connections))
	for _, b := range r.Boxes {
		if b.Idle || b.Failed || ctx.Err() != nil {
			continue
		}
		g.Go(func() error {
			if err := r.changeBox(ctx, b); err != nil {
				b.Fail()
				return r.Problem(b.Name, 0, err)
			}
			return nil
		})
	}
	return errors.Join(g.Wait(), ctx.Err())
}

// changeBox does a mailbox's operations between fetch and release, each kind as one batch.
func (r *run) changeBox(ctx context.Context, b *mailbox.Box) error {
	if err := r.send.LeaveOut(b); err != nil {
		return err
	}
	for _, batch := range []mailbox.Batch{
		{Kind: plan.OpAppend, Do: r.send.AppendFiles}, {Kind: plan.OpFold, Do: r.change.Fold}, {Kind: plan.OpFlagServer, Do: r.change.FlagServer}, {Kind: plan.OpFlagDisk, Do: r.change.FlagDisk}, {Kind: plan.OpAgree, Do: r.change.Agree},
	} {
		if ops := b.Take(batch.Kind); len(ops) > 0 {
			if err := batch.Do(ctx, b, ops); err != nil {
				return err
			}
		}
	}
	return nil
}

// destroyAll does what takes a copy away, after everything that makes one was done.
func (r *run) destroyAll(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	if err := r.archive.Together(ctx); err != nil {
		return err
	}
	for _, b := range r.Boxes {
		if b.Idle || b.Failed || ctx.Err() != nil {
			continue
		}
		if r.Stopped() {
			b.Leave(mailbox.Stopped)
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
func (r *run) takeAway(ctx context.Context, b *mailbox.Box) error {
	for _, batch := range []mailbox.Batch{
		{Kind: plan.OpRelease, Do: r.archive.ReleaseBatch}, {Kind: plan.OpFileAway, Do: r.archive.Finish}, {Kind: plan.OpExpunge, Do: r.destroy.Expunge}, {Kind: plan.OpRemove, Do: r.destroy.Remove}, {Kind: plan.OpForget, Do: r.destroy.Forget},
	} {
		ops := b.Take(batch.Kind)
		if len(ops) == 0 {
			continue
		}
		if err := batch.Do(ctx, b, ops); err != nil {
			b.Leave(mailbox.Refused)
			if err := r.Problem(b.Name, 0, err); err != nil {
				return err
			}
		}
	}
	return nil
}
