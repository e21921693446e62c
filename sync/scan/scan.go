package scan

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// mayLeave reports whether messages of a mailbox could be chosen to leave the server.
func (r *Run) mayLeave(g *state.Generation) bool {
	return r.Release != nil && r.Release.Asks() && g.Tally.OnServer > 0
}

// Scan looks at every mailbox in which something may have changed. Whatever that leads to is done once both sides
// of all of them are known: while they are looked at, nothing is changed.
func (r *Run) Scan(ctx context.Context) error {
	if err := r.bind.Bind(ctx); err != nil {
		return err
	}
	for _, b := range r.Boxes {
		b.Idle = r.unchanged(b)
	}
	for _, pass := range []pass{r.bind.Open, r.look, r.learn} {
		if err := r.each(ctx, pass); err != nil {
			return err
		}
	}
	return nil
}

// ScanBox scans one mailbox.
func (r *Run) ScanBox(ctx context.Context, b *mailbox.Box) error {
	for _, pass := range []pass{r.bind.Open, r.look, r.learn} {
		if err := pass(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// pass is a part of a scan, over one mailbox.
type pass func(context.Context, *mailbox.Box) error

// each does a pass over the mailboxes that may have changed, several at once.
func (r *Run) each(ctx context.Context, do pass) error {
	var g errgroup.Group
	g.SetLimit(max(1, r.Connections))
	for _, b := range r.Boxes {
		if b.Idle || b.Failed {
			continue
		}
		if ctx.Err() != nil || r.Stopped() {
			b.Leave(mailbox.Stopped)
			b.Failed = true
			continue
		}
		g.Go(func() error {
			if err := do(ctx, b); err != nil {
				b.Fail()
				return r.Problem(b.Name, 0, err)
			}
			return nil
		})
	}
	return errors.Join(g.Wait(), ctx.Err())
}

// unchanged reports that neither side of a mailbox moved since the run that settled it:
// what STATUS says and what a stat of the directories says are as they were.
func (r *Run) unchanged(b *mailbox.Box) bool {
	g := b.Gen()
	if g == nil || !g.Clean || b.Unsaved || r.Full || r.Due(g) || r.mayLeave(g) || r.Undoing || r.Policy.Refetch || len(r.Accepted(b)) > 0 || r.StateMoved || r.bind.Elsewhere() || r.Row.Policy != r.Lasting() || !g.Disk.Trusted || !r.serverUnchanged(b) {
		return false
	}
	md, err := r.Tree.Open(b.Row.Path)
	if err != nil {
		return false
	}
	now, err := md.Mark()
	return err == nil && now == g.Disk
}

// serverUnchanged needs a MODSEQ: without one, STATUS says nothing about flags. It needs
// none where there is no message, here or there, whatever numbers it tells for that.
func (r *Run) serverUnchanged(b *mailbox.Box) bool {
	g, now := b.Gen(), b.Listed.Mark
	if !b.Listed.HasMark || b.OtherMailbox() {
		return false
	}
	return g.Mark.ModSeq != 0 && now == g.Mark || g.Tally == (state.Tally{}) && plan.Unnumbered(g, now)
}

// look reads the server's side of a mailbox, chooses its generation, and reads its Maildir.
func (r *Run) look(ctx context.Context, b *mailbox.Box) error {
	if r.Watch != nil {
		r.Watch.Mailbox(b.Name, false)
		defer r.Watch.Mailbox(b.Name, true)
	}
	b.KW = state.NewKeywords(b.Row.Keywords)
	if g := b.Gen(); g != nil {
		records, err := r.RecordsOf(ctx, g)
		if err != nil {
			return err
		}
		b.Records = records
		if b.Leaving.Away, err = r.shelf.OnTheWay(ctx, b); err != nil {
			return err
		}
	}
	b.Full = r.Full || r.New || b.Gen() != nil && r.Due(b.Gen())
	if b.Full || b.Gen() == nil || !b.Gen().Clean || b.Gen().Denied != 0 || !r.serverUnchanged(b) {
		if err := r.AskServer(ctx, b); err != nil {
			return err
		}
	}
	if err := r.bind.Choose(ctx, b); err != nil {
		return err
	}
	return r.lookHere(ctx, b)
}

// lookHere reads a mailbox's Maildir, and finds its messages among the files there.
func (r *Run) lookHere(ctx context.Context, b *mailbox.Box) error {
	if err := r.ScanDisk(ctx, b); err != nil {
		return err
	}
	return r.tie.Match(ctx, b)
}

// learn makes durable what look chose and found: marker and row, the names of files, and then what the base
// learns of both sides.
func (r *Run) learn(ctx context.Context, b *mailbox.Box) error {
	made := b.MD == nil
	if err := r.bind.Claim(ctx, b); err != nil {
		return err
	}
	if made && !r.DryRun {
		if err := r.lookHere(ctx, b); err != nil {
			return err
		}
	}
	if b.MD != nil {
		if err := r.TidyDisk(b); err != nil {
			return err
		}
		if err := r.tie.Carry(ctx, b); err != nil {
			return err
		}
	}
	if err := r.shelf.Recall(ctx, b); err != nil {
		return err
	}
	if err := r.Learn(ctx, b); err != nil {
		return err
	}
	b.Looked = true
	_, err := r.send.Resolve(ctx, b, true)
	return err
}
