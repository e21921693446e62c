package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"mailsync/state"
)

// scan looks at every mailbox in which something may have changed, several at once, and
// commits what it learned of the server before anything acts on it.
func (r *run) scan(ctx context.Context) error {
	if err := r.renamed(ctx); err != nil {
		return err
	}
	if err := r.place(ctx); err != nil {
		return err
	}
	if err := r.sameServer(ctx); err != nil {
		return err
	}
	if r.Full {
		if err := r.reportCopies(ctx); err != nil {
			return err
		}
	}
	var g errgroup.Group
	g.SetLimit(max(1, r.Connections))
	for _, b := range r.boxes {
		if r.unchanged(b) {
			b.idle = true
			continue
		}
		if ctx.Err() != nil || r.stopped() {
			b.undone, b.failed = true, true
			continue
		}
		g.Go(func() error {
			if err := r.scanBox(ctx, b); err != nil {
				b.failed, b.undone = true, true
				return r.problem(b.name, 0, err)
			}
			return nil
		})
	}
	return errors.Join(g.Wait(), ctx.Err())
}

// unchanged reports that neither side of a mailbox moved since the run that settled it:
// what STATUS says and what a stat of the directories says are as they were.
func (r *run) unchanged(b *box) bool {
	g := b.gen()
	if g == nil || !g.Clean || b.useTold || r.Full || r.due(g) || r.mayLeave(g) || r.undoing || r.Policy.Refetch || r.acceptsIn(b) || r.StateMoved || r.elsewhere() || r.row.Policy != r.lasting() || !g.Disk.Trusted || !r.serverUnchanged(b) {
		return false
	}
	md, err := r.Tree.Open(b.row.Path)
	if err != nil {
		return false
	}
	now, err := md.Mark()
	return err == nil && now == g.Disk
}

// serverUnchanged needs a MODSEQ: without one, STATUS says nothing about flags. It needs
// none where there is no message, here or there, whatever numbers it tells for that.
func (r *run) serverUnchanged(b *box) bool {
	g, now := b.gen(), b.listed.Mark
	if !b.listed.HasMark || b.otherMailbox() {
		return false
	}
	return g.Mark.ModSeq != 0 && now == g.Mark || g.Tally == (state.Tally{}) && unnumbered(g, now)
}

// scanBox looks at one mailbox: the server, the Maildir, and what both mean for the base.
func (r *run) scanBox(ctx context.Context, b *box) error {
	if r.Watch != nil {
		r.Watch.Mailbox(b.name, false)
		defer r.Watch.Mailbox(b.name, true)
	}
	if b.refused != nil {
		return b.refused
	}
	b.kw = state.NewKeywords(b.row.Keywords)
	if g := b.gen(); g != nil {
		records, err := r.recordsOf(ctx, g)
		if err != nil {
			return err
		}
		b.records = records
		if b.leaving.away, err = r.onTheWay(ctx, b); err != nil {
			return err
		}
	}
	b.full = r.Full || r.New || b.gen() != nil && r.due(b.gen())
	if b.full || b.gen() == nil || !b.gen().Clean || b.gen().Denied != 0 || !r.serverUnchanged(b) {
		if err := r.askServer(ctx, b); err != nil {
			return err
		}
	}
	if err := r.claim(ctx, b); err != nil {
		return err
	}
	if err := r.readDisk(ctx, b); err != nil {
		return err
	}
	if err := r.tieFiles(ctx, b); err != nil {
		return err
	}
	if err := r.recall(ctx, b); err != nil {
		return err
	}
	if err := r.learn(ctx, b); err != nil {
		return err
	}
	b.looked = true
	_, err := r.resolve(ctx, b, true)
	return err
}

// scanRequest asks what changed since the base last learned of the mailbox.
func (b *box) scanRequest(full bool) state.ScanRequest {
	req := state.ScanRequest{Raw: b.listed.Raw, Full: full, Keywords: b.kw}
	req.Lost = b.row.ID == 0 && len(b.row.Generations) > 0
	if g := b.gen(); g != nil && g.ID != 0 {
		req.Since = g.Mark
		for _, rec := range b.records {
			if rec.Status.OnServer() {
				req.KnownUID = append(req.KnownUID, rec.UID)
			}
		}
		req.Known = len(req.KnownUID)
	}
	return req
}

// askServer scans the server's side and sees that its numbering is one to go on with.
func (r *run) askServer(ctx context.Context, b *box) error {
	req := b.scanRequest(b.full)
	// Access rights change no number of the mailbox: only by opening it as for changes they are seen.
	req.Writable = b.gen() != nil && b.gen().Denied != 0 && r.Policy.FlagsToServer && !r.DryRun
	sn, err := r.Server.Scan(ctx, req)
	if err != nil {
		return err
	}
	if sn.Mark.UIDNext == 0 && b.listed.HasMark && b.listed.Mark.UIDValidity == sn.Mark.UIDValidity {
		sn.Mark.UIDNext = b.listed.Mark.UIDNext // Courier tells it in STATUS only
	}
	b.server = sn
	if sn.MailboxID != "" {
		// Cyrus 3.6.1 tells another one in each listing, and its own where it is opened.
		b.listed.MailboxID = sn.MailboxID
		if b.row.ID == 0 {
			b.row.MailboxID = sn.MailboxID
		}
	}
	for _, t := range sn.Trouble {
		if err := r.problem(b.name, t.UID, t.Err); err != nil {
			return err
		}
	}
	if Compare(b.gen(), sn.Mark) == BadNumbers {
		return errors.New("the server gives this mailbox no valid UIDVALIDITY; nothing was done with it")
	}
	if sn.Complete {
		return nil
	}
	b.undone = true
	if len(sn.Trouble) > 0 {
		return nil // it is told already what is wrong
	}
	return r.problem(b.name, 0, fmt.Errorf("the server's listing is not complete: %d messages announced, %d listed; what it lists is fetched, nothing counts as gone",
		sn.Mark.Exists, len(sn.Messages)))
}

// readDisk scans the Maildir's side.
func (r *run) readDisk(ctx context.Context, b *box) error {
	if b.md == nil { // a dry run, and the Maildir is not here yet
		b.disk = &state.DiskSnapshot{Said: true, Complete: true, Can: state.System}
		return nil
	}
	if !r.DryRun {
		if err := r.step("tidy %s", b.name); err != nil {
			return err
		}
		if err := b.md.Tidy(); err != nil {
			return err
		}
	}
	var expect []state.UID
	for _, rec := range b.records {
		if rec.Status.HasFile() {
			expect = append(expect, rec.UID)
		}
	}
	disk, err := b.md.Scan(ctx, b.gen().Token, expect, b.kw)
	if errors.Is(err, fs.ErrNotExist) {
		return notMounted("the Maildir %q went away while it was read", b.row.Path)
	}
	if err != nil {
		return err
	}
	b.disk = disk
	if !disk.Mark.Same(b.gen().Disk) || r.StateMoved {
		b.proves = false
	}
	if !disk.Complete {
		b.undone = true
	}
	if r.DryRun || disk.Mark == b.gen().Disk {
		return nil
	}
	// What a mail program did, or a run that was killed, may not be durable. Once the base says
	// so it has to be: what a power cut brings back would look like the user's doing.
	if err := r.step("sync what was found in %s", b.name); err != nil {
		return err
	}
	return b.md.Sync()
}

// learn commits what the scan of the server showed.
func (r *run) learn(ctx context.Context, b *box) error {
	c := state.Commit{Put: Learn(r.world(b))}
	if b.fresh || len(b.tied) > 0 {
		c = b.withTies(c, r.now().Unix())
	}
	if b.server != nil && b.server.UIDLs != nil {
		c.UIDLs = b.server.UIDLs()
	}
	if b.server != nil && b.server.Complete && b.server.Mark != b.gen().Mark && Compare(b.gen(), b.server.Mark) == SameNumbers {
		c.Mark = &b.server.Mark
	}
	if b.server != nil && b.server.Complete && b.server.All && (b.full || r.due(b.gen())) {
		c.Compared = r.now().Unix()
	} else if b.fresh && b.server != nil && r.due(b.gen()) {
		c.Compared = inPart
	}
	if b.gen().Clean && (len(c.Put) > 0 || len(c.Forget) > 0) {
		dirty := false
		c.Clean = &dirty
	}
	if r.DryRun {
		b.records = Apply(b.records, c.Put, c.Forget)
		return nil
	}
	lost := b.sending.lose(c.Put)
	if err := r.commit(ctx, b, c); err != nil {
		return err
	}
	for _, uid := range lost {
		name, _ := b.fileOf(uid, 1)
		if err := r.lostThere(b, b.sending.told[uid], uid, name); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) world(b *box) World {
	w := World{Base: b.records, Server: b.server, Disk: b.disk, Policy: r.Policy, DiskProves: b.proves, Away: b.leaving.away}
	if b.fresh {
		w.Policy = w.Policy.careful()
	}
	w.Estimates = r.row.EstimatedSizes
	if g := b.gen(); g != nil {
		w.Unsettable = g.Unsettable
	}
	return w
}
