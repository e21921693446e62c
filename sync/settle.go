package sync

import (
	"context"
	"slices"
	"time"

	"mailsync/state"
)

// settle ends a run: a mailbox in which nothing is left to do is recorded as clean, with
// the directory times by which the next run sees that nothing happened since. A Maildir
// that this run changed is read once more, and its times count only if it holds just
// what the base expects.
func (r *run) settle(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	if err := r.rest(ctx); err != nil {
		return err
	}
	for _, b := range r.boxes {
		if b.disk == nil || b.md == nil { // unchanged, failed, or a dry run
			continue
		}
		if err := r.settleBox(ctx, b); err != nil {
			if err := r.problem(b.name, 0, err); err != nil {
				return err
			}
		}
	}
	return r.vouch(ctx)
}

// vouch records under which policy the account is settled, and that the state file is
// the one it is now. Mailboxes that this run did not settle (they failed, or it was not
// about them) are excepted first: they were not looked at under that policy, and in a tree
// that may have lost files, what is missing in them still proves nothing.
func (r *run) vouch(ctx context.Context) error {
	if moved := r.moveIn(); !r.saved || !moved && !r.StateMoved && r.row.Policy == r.lasting() {
		return nil
	}
	for _, row := range r.rows {
		settled := slices.ContainsFunc(r.boxes, func(b *box) bool { return b.row.ID == row.ID && b.settled })
		if row.Current() == nil || settled {
			continue
		}
		c := state.Commit{Clean: new(bool)}
		if r.StateMoved {
			c.Disk = &state.DirMark{}
		}
		if err := r.commit(ctx, &box{name: row.Path, row: row}, c); err != nil {
			return err
		}
	}
	r.row.Policy = r.lasting()
	if r.StateMoved {
		r.row.Ino = 0 // the state file is known as it is now
	}
	return r.saveAccount(ctx)
}

// lasting spells the policy under which a mailbox that this run settles is settled.
func (r *run) lasting() string {
	if r.Wider != nil {
		return r.Wider.lasting()
	}
	return r.Policy.lasting()
}

// rest waits until the clock that stamps the directories has moved on, so that a later
// change cannot hide behind our own.
func (r *run) rest(ctx context.Context) error {
	for _, b := range r.boxes {
		if b.wrote || b.disk != nil && !b.disk.Mark.Trusted {
			return r.wait(ctx, state.ClockGrain)
		}
	}
	return nil
}

func (r *run) wait(ctx context.Context, d time.Duration) error {
	if r.Wait != nil {
		return r.Wait(ctx, d)
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *run) settleBox(ctx context.Context, b *box) error {
	clean := !b.failed && !b.undone && !r.hostsUnseen(b)
	mark := b.disk
	policy := r.Policy
	if clean && (b.wrote || !b.disk.Mark.Trusted) {
		again, err := b.md.Scan(ctx, b.gen().Token, nil, b.kw)
		if err != nil {
			return err
		}
		mark, clean = again, !b.strangerCame(again)
	} else {
		policy.Append = false // what this run left alone the next one leaves alone
	}
	clean = clean && r.expected(b, mark, policy)
	if clean && r.Wider != nil {
		clean = r.expected(b, mark, *r.Wider)
	}
	waits := false
	for _, rec := range b.records {
		// What went there and is missing in a tree that lost files waits for a run to which that
		// proves something: one that knows these directories.
		lost := rec.Status == state.Gone && !b.proves
		waits = waits || lost
		clean = clean && (lost || rec.Status.Settled())
	}
	var c state.Commit
	if clean && mark.Mark != b.gen().Disk {
		c.Disk = &mark.Mark
	}
	clean = clean && !waits
	if clean != b.gen().Clean {
		c.Clean = &clean
	}
	if clean {
		if err := r.leaveOlder(ctx, b, mark); err != nil {
			return err
		}
	}
	if err := r.commit(ctx, b, c); err != nil {
		return err
	}
	b.settled = clean
	return nil
}

// hostsUnseen reports whether files of a mailbox that failed in this run lie in a Maildir: what
// they are there for only a run that sees both finds out.
func (r *run) hostsUnseen(b *box) bool {
	return slices.ContainsFunc(b.strangers(b.disk), func(f state.Foreign) bool {
		return slices.ContainsFunc(r.boxes, func(o *box) bool {
			return o.failed && hasToken(&o.row, f.Token)
		})
	})
}

// strangerCame reports whether a file of another mailbox lies in a Maildir that was not there
// when this run looked: it may have been moved here, and only a run that scans this Maildir
// finds out.
func (b *box) strangerCame(again *state.DiskSnapshot) bool {
	seen := map[string]bool{}
	for _, f := range b.strangers(b.disk) {
		seen[f.Name] = true
	}
	return slices.ContainsFunc(b.strangers(again), func(f state.Foreign) bool { return !seen[f.Name] })
}

// expected reports whether planning again, with the disk as it is now, gives nothing to
// do under a policy.
func (r *run) expected(b *box, disk *state.DiskSnapshot, p Policy) bool {
	w := r.world(b)
	w.Server, w.Disk, w.Policy = nil, disk, p
	return len(Plan(w)) == 0
}
