package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// This file is the order in which a run changes anything, and the only place that has
// it: everything that creates, over the whole account; then everything that destroys.
// doc.go has the reasons.

// plan plans every mailbox that was scanned, under the brake.
func (r *run) plan(ctx context.Context) error {
	blind := r.moves.Blind()
	for _, b := range r.Boxes {
		if b.Idle || b.Failed {
			continue
		}
		b.Server = b.Server.Learned() // what it shows is in the records; of a large mailbox it is as much as those
		made := plan.Make(r.task(b, blind))
		b.Ops, b.Waits = made.Ops, made.Waits
		if err := r.change.Withheld(ctx, b, made.Waits.Unsettable); err != nil {
			return err
		}
		if err := r.leaves(ctx, b, made); err != nil {
			return err
		}
		b.Idle = b.Ops.Len() == 0 && !b.Unfinished()
	}
	if err := r.fetch.PutOff(ctx); err != nil {
		return err
	}
	if r.DryRun {
		for _, b := range r.Boxes {
			r.Foresee(b.Name, b.Ops, r.archive.Trashes(b))
		}
		if err := r.fetch.RoomAhead(); err != nil {
			return err
		}
	}
	return r.unaccepted(ctx)
}

// task is everything that decides what is done in a mailbox.
func (r *run) task(b *mailbox.Box, blind bool) plan.Task {
	t := plan.Task{
		World: r.World(b), Anew: b.Anew, Blind: blind, Braked: b.Gen().Held,
		Keep: b.Sent.HeldBack, MayBe: slices.ContainsFunc(b.Tie.Candidates, func(s *mailbox.Candidate) bool { return s.Plain }),
		Moving: b.Moves.UIDs, Moves: r.moves.Ops(b),
		Leaving: b.Leaving.UIDs, Release: r.Release != nil, Alone: r.Release != nil && r.Release.Alone,
		Accept: r.Accepted(b.Name),
	}
	t.Unsettable = plan.Untried(b.Gen(), b.Server, b.Full)
	for _, c := range b.Moves.Copies {
		t.Copies = append(t.Copies, state.Foreign{Name: c.Name, Flags: c.Flags})
	}
	return t
}

// leaves notes what a plan leaves to another run. That deletions were too many is durable before anything
// is done.
func (r *run) leaves(ctx context.Context, b *mailbox.Box, made plan.Made) error {
	if made.PutOff > 0 || made.Awaited {
		b.Leave(mailbox.PutOff)
	}
	if made.HeldBack {
		b.Leave(mailbox.HeldBack)
	}
	if made.NotYet > 0 {
		b.Leave(mailbox.HeldBack)
		r.Note(b.Name, fmt.Sprintf("not appended yet: %d of the files here, which the server may have already; the next run knows", made.NotYet), "")
	}
	if made.Braked != b.Gen().Held {
		if err := r.Commit(ctx, b, state.Commit{Change: state.Change{Held: &made.Braked}}); err != nil {
			return err
		}
	}
	if made.Braked == (state.Held{}) {
		return nil
	}
	return r.heldBack(b, made.Braked)
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
	more, err := r.fetch.Share(ctx)
	if err != nil {
		return err
	}
	if more {
		if err := r.fetch.Fetch(ctx); err != nil {
			return err
		}
	}
	var g errgroup.Group
	g.SetLimit(r.CommitsAtOnce()) // the server knows by who waits which mailbox is the next
	for _, b := range r.Boxes {
		if b.Idle || b.Failed || ctx.Err() != nil {
			continue
		}
		g.Go(func() error {
			if err := r.changeBox(ctx, b); err != nil {
				b.Fail()
				return r.Problem(b.Name, 0, err)
			}
			if b.DonePast(plan.OpAgree) {
				r.LogMailbox(b)
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
		{Kind: plan.OpAppend, Doing: "appending to", Do: r.send.AppendFiles},
		{Kind: plan.OpFold, Doing: "changing keywords in", Do: r.change.Fold},
		{Kind: plan.OpFlagServer, Doing: "changing flags on the server in", Do: r.change.FlagServer},
		{Kind: plan.OpFlagDisk, Doing: "changing flags here in", Do: r.change.FlagDisk},
		{Kind: plan.OpAgree, Doing: "recording flags in", Do: r.change.Agree},
	} {
		if ops := b.Take(batch.Kind); len(ops) > 0 {
			r.Doing(batch.Doing, b.Name)
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
	if err := r.archive.ReadCopies(ctx); err != nil {
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
		r.LogMailbox(b)
	}
	return ctx.Err()
}

// takeAway does a mailbox's operations from release on, each kind as one batch. One that
// fails does not stop the others: each of them has its proof.
func (r *run) takeAway(ctx context.Context, b *mailbox.Box) error {
	for _, batch := range []mailbox.Batch{
		{Kind: plan.OpRelease, Doing: "archiving from", Do: r.archive.ReleaseBatch},
		{Kind: plan.OpFileAway, Doing: "archiving from", Do: r.archive.Finish},
		{Kind: plan.OpExpunge, Doing: "deleting on the server in", Do: r.destroy.Expunge},
		{Kind: plan.OpRemove, Doing: "deleting here in", Do: r.destroy.Remove},
		{Kind: plan.OpForget, Doing: "deleting here in", Do: r.destroy.Forget},
	} {
		ops := b.Take(batch.Kind)
		if len(ops) == 0 {
			continue
		}
		r.Doing(batch.Doing, b.Name)
		if err := batch.Do(ctx, b, ops); err != nil {
			b.Leave(mailbox.Refused)
			if err := r.Problem(b.Name, 0, err); err != nil {
				return err
			}
		}
	}
	return nil
}
