package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// ScanRequest asks what changed since the base last learned of the mailbox.
func (b *Box) ScanRequest(full bool) state.ScanRequest {
	req := state.ScanRequest{Raw: b.Listed.Raw, Full: full, Keywords: b.KW}
	req.Lost = b.Row.ID == 0 && len(b.Row.Generations) > 0
	if g := b.Gen(); g != nil && g.ID != 0 {
		req.Since = g.Mark
		for _, rec := range b.Records {
			if rec.Status.OnServer() {
				req.KnownUID = append(req.KnownUID, rec.UID)
			}
		}
		req.Known = len(req.KnownUID)
	}
	return req
}

// AskServer scans the server's side and sees that its numbering is one to go on with.
func (r *Run) AskServer(ctx context.Context, b *Box) error {
	req := b.ScanRequest(b.Full)
	// Access rights change no number of the mailbox: only by opening it as for changes they are seen.
	req.Writable = b.Gen() != nil && b.Gen().Denied != 0 && r.Policy.FlagsToServer && !r.DryRun
	sn, err := r.Server.Scan(ctx, req)
	if err != nil {
		return err
	}
	if sn.Mark.UIDNext == 0 && b.Listed.HasMark && b.Listed.Mark.UIDValidity == sn.Mark.UIDValidity {
		sn.Mark.UIDNext = b.Listed.Mark.UIDNext // Courier reports it in STATUS only
	}
	b.Server = sn
	r.narrow(b)
	if sn.MailboxID != "" {
		// Cyrus 3.6.1 reports another one in each listing, and its own where it is opened.
		b.Listed.MailboxID = sn.MailboxID
		if b.Row.ID == 0 {
			b.Row.MailboxID = sn.MailboxID
		}
	}
	for _, t := range sn.Trouble {
		if err := r.Problem(b.Name, t.UID, t.Err); err != nil {
			return err
		}
	}
	if sn.Mark.UIDValidity == 0 {
		return errors.New("the server gives this mailbox no valid UIDVALIDITY; nothing was done with it")
	}
	if sn.Complete {
		return nil
	}
	b.Leave(Unsure)
	if len(sn.Trouble) > 0 {
		return nil // what is wrong was reported already
	}
	return r.Problem(b.Name, 0, fmt.Errorf("the server's listing is not complete: %d messages announced, %d listed; nothing counts as gone",
		sn.Mark.Exists, len(sn.Messages)))
}

// narrow says what of a mailbox the server does not show, and sees that it does not count as deleted.
func (r *Run) narrow(b *Box) {
	sn, hidden := b.Server, 0
	if g := b.Gen(); plan.SameNumbers(g, sn.Mark) && !b.OtherMailbox() {
		hidden = plan.Narrow(sn, b.Records)
	}
	const hint = "a setting of the provider may show all of it; what the server does not show can be neither fetched nor changed"
	switch {
	case hidden > 0:
		r.Note(b.Name, fmt.Sprintf("the server shows the newest %d messages only: %d older ones that it had are taken for still there", sn.Mark.Exists, hidden), hint)
	case plan.Ends(sn):
		r.Note(b.Name, fmt.Sprintf("the server shows %d messages at most, and there may be older ones", sn.Limit), hint)
	}
}

// ScanDisk scans the Maildir's side, and changes nothing there.
func (r *Run) ScanDisk(ctx context.Context, b *Box) error {
	if b.MD == nil { // the Maildir is not here yet
		b.Disk = &state.DiskSnapshot{Scanned: true, Complete: true, Can: state.System}
		return nil
	}
	var expect []state.UID
	for _, rec := range b.Records {
		if rec.Status.HasFile() {
			expect = append(expect, rec.UID)
		}
	}
	disk, err := b.MD.Scan(ctx, b.Gen().Token, expect, b.KW)
	if errors.Is(err, fs.ErrNotExist) {
		return port.NotMounted("the Maildir %q was removed while it was read", b.Row.Path)
	}
	if err != nil {
		return err
	}
	b.Disk = disk
	if !disk.Mark.Same(b.Gen().Disk) || r.StateMoved {
		b.Proves = false
	}
	if !disk.Complete {
		b.Leave(Unsure)
	}
	return nil
}

// TidyDisk removes what earlier runs left in the Maildir, and makes durable what ScanDisk found:
// what a mail program did, or a run that was killed, may not be. Once the base knows of it, what a power
// cut brings back would look like the user's doing.
func (r *Run) TidyDisk(b *Box) error {
	if r.DryRun {
		return nil
	}
	if err := r.Step("tidy %s", b.Name); err != nil {
		return err
	}
	if err := b.MD.Tidy(); err != nil || b.Disk.Mark == b.Gen().Disk || isBlank(b) {
		return err
	}
	if err := r.Step("sync what was found in %s", b.Name); err != nil {
		return err
	}
	return b.MD.Sync()
}

// isBlank reports whether nothing was found in a Maildir, and nothing is missing in it: nothing that the base will learn rests on what
// lies there, as in one that was just made.
func isBlank(b *Box) bool {
	d := b.Disk
	return len(b.Row.Generations) <= 1 && len(b.Records)+len(d.Messages)+len(d.Foreign)+len(d.NotMail) == 0
}

// ReadDisk scans the Maildir's side, and makes durable what it found.
func (r *Run) ReadDisk(ctx context.Context, b *Box) error {
	if err := r.ScanDisk(ctx, b); err != nil {
		return err
	}
	return r.TidyDisk(b)
}

// Learn commits what the scan of the server showed.
func (r *Run) Learn(ctx context.Context, b *Box) error {
	c := state.Commit{Put: plan.Learn(r.World(b))}
	if b.Fresh || len(b.Tie.Tied) > 0 {
		c = b.withTies(c, r.Now().Unix())
	}
	if b.Server != nil && b.Server.UIDLs != nil {
		c.UIDLs = b.Server.UIDLs()
	}
	if b.Server != nil && b.Server.Complete && b.Server.Mark != b.Gen().Mark && plan.SameNumbers(b.Gen(), b.Server.Mark) {
		c.Mark = &b.Server.Mark
	}
	if b.Server != nil && b.Server.Complete && (b.Server.All || b.Server.Window) && (b.Full || r.Due(b.Gen())) {
		c.Compared = r.Now().Unix()
	} else if b.Fresh && b.Server != nil && r.Due(b.Gen()) {
		c.Compared = plan.InPart
	}
	if b.Gen().Clean && (len(c.Put) > 0 || len(c.Forget) > 0) {
		dirty := false
		c.Clean = &dirty
	}
	if r.DryRun {
		b.Records = plan.Apply(b.Records, c.Put, c.Forget)
		return nil
	}
	lost := b.Sent.lose(c.Put)
	if err := r.Commit(ctx, b, c); err != nil {
		return err
	}
	for _, uid := range lost {
		name, _ := b.FileOf(uid, 1)
		if err := r.LostThere(b, b.Sent.named[uid], uid, name); err != nil {
			return err
		}
	}
	return nil
}

// World is a mailbox as Plan and Learn look at it.
func (r *Run) World(b *Box) plan.World {
	w := plan.World{Base: b.Records, Server: b.Server, Disk: b.Disk, Policy: r.Policy, DiskProves: b.Proves, Away: b.Leaving.Away}
	if b.Fresh {
		w.Policy = w.Policy.Careful()
	}
	w.Estimates = r.Row.EstimatedSizes
	if g := b.Gen(); g != nil {
		w.Unsettable = g.Unsettable
	}
	return w
}
