// Package scan reads both sides of every mailbox in which something may have changed, and learns what that
// showed.
package scan

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"mailsync/state"
	"mailsync/sync/bind"
	"mailsync/sync/folder"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/send"
	"mailsync/sync/tie"
)

// Run is the scanning of a run.
type Run struct {
	*mailbox.Run
	bind   *bind.Run
	tie    *tie.Run
	send   *send.Run
	folder *folder.Run
}

// New returns the scanning of a run.
func New(r *mailbox.Run, b *bind.Run, t *tie.Run, s *send.Run, sh *folder.Run) *Run {
	return &Run{Run: r, bind: b, tie: t, send: s, folder: sh}
}

// Scan looks at every mailbox in which something may have changed.
func (r *Run) Scan(ctx context.Context) error {
	r.Doing("scanning", "")
	if err := r.bind.Bind(ctx); err != nil {
		return err
	}
	for _, b := range r.Boxes {
		b.Idle = r.unchanged(b)
	}
	changed := slices.DeleteFunc(slices.Clone(r.Boxes), func(b *mailbox.Box) bool { return b.Idle })
	r.Infof("", "mailboxes: %d unchanged, %d to compare", len(r.Boxes)-len(changed), len(changed))
	return r.Mailboxes(ctx, changed)
}

// Mailboxes scans mailboxes, several at once. Whatever that leads to is done once both sides
// of all of them are known: while they are looked at, nothing is changed.
//
// What was looked at is learned also where the run is stopped meanwhile, or the server is gone: the next run then needs
// only what changed since, and so gets further.
func (r *Run) Mailboxes(ctx context.Context, boxes []*mailbox.Box) error {
	if err := r.pass(ctx, boxes, r.Connections, r.Stopped, r.bind.Open); err != nil {
		return err
	}
	for _, b := range boxes {
		b.KW = state.NewKeywords(b.Row.Keywords)
		b.Full = r.Full || r.New || b.Gen() != nil && r.Due(b.Gen())
	}
	r.expect(ctx, boxes)
	ended := r.pass(ctx, boxes, r.Connections, r.Stopped, r.look)
	goesOn := ended == nil && !r.Stopped()
	learned := r.pass(ctx, boxes, r.CommitsAtOnce(), func() bool { return false }, func(ctx context.Context, b *mailbox.Box) error {
		err := r.learn(ctx, b)
		if err == nil && goesOn {
			_, err = r.send.Resolve(ctx, b, true)
		}
		return err
	})
	return errors.Join(ended, learned)
}

// pass does one thing with each of the mailboxes that did not fail, so many at once, unless it is stopped.
func (r *Run) pass(ctx context.Context, boxes []*mailbox.Box, atOnce int, stopped func() bool, do func(context.Context, *mailbox.Box) error) error {
	var g errgroup.Group
	g.SetLimit(max(1, atOnce))
	for _, b := range boxes {
		switch {
		case b.Failed:
			continue
		case ctx.Err() != nil || stopped():
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

// unchanged reports whether neither side of a mailbox changed since the run that settled it:
// STATUS and a stat of the directories have the same result.
func (r *Run) unchanged(b *mailbox.Box) bool {
	g := b.Gen()
	mayLeave := g != nil && r.Release != nil && r.Release.Asks() && g.Tally.OnServer > 0 // messages could be chosen to leave the server
	if g == nil || !g.Clean || b.Unsaved || r.Full || r.Due(g) || mayLeave || r.Undoing || r.Policy.Refetch || len(r.Accepted(b.Name)) > 0 || r.StateMoved || r.bind.ServerRenamed() || r.Row.Policy != r.Lasting() || !g.Disk.Trusted || !r.serverUnchanged(b) {
		return false
	}
	md, err := r.Tree.Open(b.Row.Path)
	if err != nil {
		return false
	}
	now, err := md.Mark()
	return err == nil && now == g.Disk
}

// serverUnchanged needs a MODSEQ, or what stands for the whole listing: without one, STATUS does not show changes of
// flags. It needs none where there is no message on either side, whatever its numbers are.
func (r *Run) serverUnchanged(b *mailbox.Box) bool {
	g, now := b.Gen(), b.Listed.Mark
	if !b.Listed.HasMark || b.OtherMailbox() {
		return false
	}
	if now.IsListing() {
		now.UIDNext = g.Mark.UIDNext // messages get their numbers when they are looked at; these have them
	}
	// One that shows less than it has (a window) has fewer. Where it has more, there still is what it confirmed that it had deleted.
	if more := int(now.Exists) - g.Tally.OnServer; more > 0 || more < 0 && now.IsListing() {
		return false
	}
	return g.Mark.ModSeq != 0 && now == g.Mark || g.Tally == (state.Tally{}) && plan.Unnumbered(g, now)
}

// asks reports whether the server's side of a mailbox has to be read: also where it is known to have more than it shows, for what
// that is only a listing tells. If a listing is here already, to look at it asks for nothing.
func (r *Run) asks(b *mailbox.Box) bool {
	g := b.Gen()
	return b.Full || b.Listed.Mark.IsListing() || g == nil || !g.Clean || g.Denied != 0 || g.Tally.OnServer != int(b.Listed.Mark.Exists) || !r.serverUnchanged(b)
}

// expect tells the server which mailboxes it will be asked for, so that it can answer ahead.
func (r *Run) expect(ctx context.Context, boxes []*mailbox.Box) {
	server, can := r.Server.(port.Expecting)
	if !can {
		return
	}
	var scans []state.ExpectedScan
	for _, b := range boxes {
		if b.Failed || !b.Listed.HasMark || !r.asks(b) {
			continue
		}
		req := b.ScanRequest(b.Full)
		if g := b.Gen(); g != nil {
			req.Known = g.Tally.OnServer
		}
		scans = append(scans, state.ExpectedScan{ScanRequest: req, Now: b.Listed.Mark})
	}
	server.Expect(ctx, scans)
}

// look reads the server's side of a mailbox, chooses its generation, and reads its Maildir.
func (r *Run) look(ctx context.Context, b *mailbox.Box) error {
	if r.Watch != nil {
		r.Watch.Mailbox(b.Name, false)
		defer r.Watch.Mailbox(b.Name, true)
	}
	if g := b.Gen(); g != nil {
		records, err := r.RecordsOf(ctx, g)
		if err != nil {
			return err
		}
		b.Records = records
		if b.Leaving.Away, err = r.folder.OnTheWay(ctx, b); err != nil {
			return err
		}
	}
	if r.asks(b) {
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
	if err := r.folder.Recall(ctx, b); err != nil {
		return err
	}
	if err := r.Learn(ctx, b); err != nil {
		return err
	}
	b.Looked = true
	return nil
}
