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

// Scan looks at every mailbox in which something may have changed, several at once, and
// commits what it learned of the server before anything acts on it.
func (r *Run) Scan(ctx context.Context) error {
	if err := r.bind.Renamed(ctx); err != nil {
		return err
	}
	if err := r.bind.Place(ctx); err != nil {
		return err
	}
	if err := r.bind.SameServer(ctx); err != nil {
		return err
	}
	if r.Full {
		if err := r.bind.ReportCopies(ctx); err != nil {
			return err
		}
	}
	var g errgroup.Group
	g.SetLimit(max(1, r.Connections))
	for _, b := range r.Boxes {
		if r.unchanged(b) {
			b.Idle = true
			continue
		}
		if ctx.Err() != nil || r.Stopped() {
			b.Leave(mailbox.Stopped)
			b.Failed = true
			continue
		}
		g.Go(func() error {
			if err := r.ScanBox(ctx, b); err != nil {
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
	if g == nil || !g.Clean || b.UseTold || r.Full || r.Due(g) || r.mayLeave(g) || r.Undoing || r.Policy.Refetch || len(r.Accepted(b)) > 0 || r.StateMoved || r.bind.Elsewhere() || r.Row.Policy != r.Lasting() || !g.Disk.Trusted || !r.serverUnchanged(b) {
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

// ScanBox looks at one mailbox: the server, the Maildir, and what both mean for the base.
func (r *Run) ScanBox(ctx context.Context, b *mailbox.Box) error {
	if r.Watch != nil {
		r.Watch.Mailbox(b.Name, false)
		defer r.Watch.Mailbox(b.Name, true)
	}
	if b.Refused != nil {
		return b.Refused
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
	if err := r.bind.Claim(ctx, b); err != nil {
		return err
	}
	if err := r.ReadDisk(ctx, b); err != nil {
		return err
	}
	if err := r.tie.TieFiles(ctx, b); err != nil {
		return err
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
