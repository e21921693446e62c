// Package settle ends a run: it records what is finished, with the times of its directories.
package settle

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"mailsync/state"
	"mailsync/sync/bind"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Run is the end of a run.
type Run struct {
	*mailbox.Run
	bind *bind.Run
}

// New returns the end of a run.
func New(r *mailbox.Run, b *bind.Run) *Run { return &Run{Run: r, bind: b} }

// Settle ends a run: a mailbox in which nothing is left to do is recorded as clean, with
// the directory times by which the next run sees that nothing happened since. A Maildir
// that this run changed is read once more, and its times count only if it holds just
// what the base expects.
func (r *Run) Settle(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	r.Doing("recording what is done", "")
	if err := r.waitForClock(ctx); err != nil {
		return err
	}
	failed := r.failedTokens() // before rows change
	var g errgroup.Group
	g.SetLimit(r.CommitsAtOnce())
	for _, b := range r.Boxes {
		if b.Disk == nil || b.MD == nil || b.Gen().ID == 0 { // unchanged, failed, or a dry run
			continue
		}
		g.Go(func() error {
			if err := r.settleBox(ctx, b, failed); err != nil {
				return r.Problem(b.Name, 0, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return r.settleAccount(ctx)
}

// settleAccount records under which policy the account is settled, and which file the state is
// in now. Mailboxes that this run did not settle (they failed, or it was not
// about them) are excepted first: they were not looked at under that policy, and in a tree
// that may have lost files, what is missing in them still proves nothing.
func (r *Run) settleAccount(ctx context.Context) error {
	if moved := r.bind.TakeServer(); !r.Saved || !moved && !r.StateMoved && r.Row.Policy == r.Lasting() {
		return nil
	}
	for _, row := range r.Rows {
		settled := slices.ContainsFunc(r.Boxes, func(b *mailbox.Box) bool { return b.Row.ID == row.ID && b.Settled })
		if row.Current() == nil || settled {
			continue
		}
		c := state.Commit{Change: state.Unclean()}
		if r.StateMoved {
			c.Disk = &state.DirMark{}
		}
		if err := r.Commit(ctx, &mailbox.Box{Name: row.Path, Row: row}, c); err != nil {
			return err
		}
	}
	r.Row.Policy = r.Lasting()
	if r.StateMoved {
		r.Row.Ino = 0 // it is recorded as the file that it is now
	}
	return r.SaveAccount(ctx)
}

// waitForClock waits until the clock that stamps the directories has moved on, so that a later
// change cannot have the time of ours: until their marks can be trusted, but no longer than its grain. Where
// they cannot by then, the next run looks again.
func (r *Run) waitForClock(ctx context.Context) error {
	left := state.ClockGrain
	for _, b := range r.Boxes {
		if b.MD == nil || !b.Wrote && (b.Disk == nil || b.Disk.Mark.Trusted) {
			continue
		}
		for ; left >= 0; left -= state.ClockTick {
			if mark, err := b.MD.Mark(); err != nil || mark.Trusted {
				break // an error shows when it is read
			}
			if err := r.Wait(ctx, state.ClockTick); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Run) settleBox(ctx context.Context, b *mailbox.Box, failed map[string]bool) error {
	clean := !b.Failed && !b.Unfinished() && !hasFilesOf(b, failed)
	mark := b.Disk
	policy := r.Policy
	var asExpected state.UIDSet
	if clean && (b.Wrote || !b.Disk.Mark.Trusted) {
		var err error
		if mark, asExpected, err = b.MD.Look(ctx, b.Gen().Token, b.KW, r.judge(b)); err != nil {
			return err
		}
		clean = !otherFilesArrived(b, mark)
	} else {
		policy.Append = false // the next run leaves alone what this one left alone
	}
	clean = clean && plan.Done(r.world(b, mark, policy), asExpected)
	if clean && r.Wider != nil {
		clean = plan.Done(r.world(b, mark, *r.Wider), asExpected)
	}
	waits := false
	for _, rec := range b.Records {
		// What is missing on the server and, in a tree that lost files, here, waits for a run to which that
		// proves something: one that knows these directories.
		lost := rec.Status == state.Gone && !b.Proves
		waits = waits || lost
		clean = clean && (lost || rec.Status.Settled())
	}
	var c state.Commit
	if clean && mark.Mark != b.Gen().Disk {
		c.Disk = &mark.Mark
	}
	clean = clean && !waits
	if clean != b.Gen().Clean {
		c.Clean = &clean
	}
	if clean {
		if err := r.leaveOlder(ctx, b, mark); err != nil {
			return err
		}
	}
	if err := r.Commit(ctx, b, c); err != nil {
		return err
	}
	b.Settled = clean
	return nil
}

// failedTokens are the tokens of all generations of the mailboxes that failed in this run.
func (r *Run) failedTokens() map[string]bool {
	tokens := map[string]bool{}
	for _, b := range r.Boxes {
		for i := range b.Row.Generations {
			if b.Failed {
				tokens[b.Row.Generations[i].Token] = true
			}
		}
	}
	return tokens
}

// hasFilesOf reports whether files of mailboxes that failed are in another one's Maildir: only a run that
// sees both finds out why.
func hasFilesOf(b *mailbox.Box, failed map[string]bool) bool {
	return slices.ContainsFunc(b.Disk.Foreign, func(f state.Foreign) bool { return b.OfOther(f.Token) && failed[f.Token] })
}

// otherFilesArrived reports whether a Maildir has a file of another mailbox that was not there
// when this run looked: it may have been moved here, and only a run that scans this Maildir
// finds out.
func otherFilesArrived(b *mailbox.Box, again *state.DiskSnapshot) bool {
	seen := map[string]bool{}
	for _, f := range b.FilesOfOthers(b.Disk) {
		seen[f.Name] = true
	}
	return slices.ContainsFunc(b.FilesOfOthers(again), func(f state.Foreign) bool { return !seen[f.Name] })
}

// world is a mailbox as it is planned again, with the disk as it is now: nothing is to be done under a policy where it is settled.
func (r *Run) world(b *mailbox.Box, disk *state.DiskSnapshot, p plan.Policy) plan.World {
	w := r.World(b)
	w.Server, w.Disk, w.Policy = nil, disk, p
	return w
}

// judge tells the files of a mailbox about which nothing is to be done, under any of the policies.
func (r *Run) judge(b *mailbox.Box) func(state.OnDisk, state.Flags) bool {
	narrow := plan.NewSettled(r.world(b, nil, r.Policy))
	if r.Wider == nil {
		return narrow.Has
	}
	wide := plan.NewSettled(r.world(b, nil, *r.Wider))
	return func(f state.OnDisk, can state.Flags) bool { return narrow.Has(f, can) && wide.Has(f, can) }
}

// maxDoubts is how many doubts a result lists.
const maxDoubts = 1000

// Doubts lists the messages that may not be complete here.
func (r *Run) Doubts(ctx context.Context) error {
	if !r.Census {
		return nil
	}
	for _, b := range r.Boxes {
		g := b.Gen()
		if b.Standing(r.Row.EstimatedSizes).Doubtful == 0 || g == nil || g.ID == 0 {
			continue
		}
		records := b.Records
		if !b.Looked {
			var err error
			if records, err = r.RecordsOf(ctx, g); err != nil {
				return err
			}
		}
		var named []state.Record
		var uids []state.UID
		for _, rec := range records {
			if len(r.Result.Doubts)+len(named) < maxDoubts && plan.ListedApart(rec, r.Row.EstimatedSizes) {
				named, uids = append(named, rec), append(uids, rec.UID)
			}
		}
		if len(uids) == 0 { // without UIDs the base would load every proof
			continue
		}
		proofs, err := r.Base.Proofs(ctx, g.ID, uids)
		if err != nil {
			return fmt.Errorf("read state: %w", err)
		}
		for _, rec := range named {
			r.Result.Doubts = append(r.Result.Doubts, port.Doubt{Mailbox: b.Name, UID: rec.UID, Announced: rec.Size, Received: proofs[rec.UID].Bytes})
		}
	}
	return nil
}

// leaveOlder settles the records of a box's older generations: files that were given another
// identity, or removed, are not theirs any more. The records stay, as of messages that are not
// here: should the server return to those numbers, they identify them. Of a generation that is not
// current, Clean means that this was done.
func (r *Run) leaveOlder(ctx context.Context, b *mailbox.Box, disk *state.DiskSnapshot) error {
	here := map[port.Identity]bool{}
	for _, f := range disk.Foreign {
		here[port.Identity{Token: f.Token, UID: f.UID, Variant: f.Variant}] = true
	}
	for i := range b.Row.Generations {
		g := &b.Row.Generations[i]
		if g.Current || g.ID == 0 || g.Clean && !b.Full {
			continue
		}
		records, err := r.RecordsOf(ctx, g)
		if err != nil {
			return err
		}
		done := true
		c := state.Commit{Gen: g.ID}
		if !g.Clean {
			c.Clean = &done
		}
		for _, rec := range records {
			if rec.Status.HasFile() && !here[port.Identity{Token: g.Token, UID: rec.UID, Variant: max(1, rec.Variant)}] {
				rec.Status = state.Outstanding
				c.Put = append(c.Put, rec)
			}
		}
		if len(c.Put) == 0 && c.Clean == nil {
			continue
		}
		if err := r.CommitTo(ctx, c, "commit an older generation of %s: %d records", b.Name, len(c.Put)); err != nil {
			return err
		}
		g.Clean = true
	}
	return nil
}
