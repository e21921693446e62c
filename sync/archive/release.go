// Package archive lets messages leave the server: it chooses them, proves what is here, deletes what is there, and
// files away.
package archive

import (
	"cmp"
	"context"
	"fmt"

	"mailsync/state"
	"mailsync/sync/destroy"
	"mailsync/sync/folder"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Run is the part of a run in which messages leave the server.
type Run struct {
	*mailbox.Run
	folder  *folder.Run
	destroy *destroy.Run

	copies map[string][]mailbox.CopyOf // of each message that leaves from several mailboxes
	went   map[string]*plan.Lot        // of messages of which copies left: what was counted
}

// New returns the part of a run in which messages leave the server.
func New(r *mailbox.Run, sh *folder.Run, d *destroy.Run) *Run {
	return &Run{Run: r, folder: sh, destroy: d, copies: map[string][]mailbox.CopyOf{}, went: map[string]*plan.Lot{}}
}

// Choose decides which messages leave the server, over the whole account.
func (r *Run) Choose(ctx context.Context) error {
	if r.Release == nil || !r.Release.Asks() {
		return nil
	}
	if err := r.identsOf(ctx); err != nil {
		return err
	}
	if err := r.like(ctx); err != nil {
		return err
	}
	all := r.allResidents()
	c := r.Release.Cutoff
	c.NoClock = !r.AgesCount
	quota, byServer, err := r.quota(ctx, all)
	if err != nil {
		return err
	}
	var used int64
	if quota != nil {
		used = quota.Used
		if r.Release.UntilQuota > 0 {
			c.Below = max(1, quota.Limit/100*int64(r.Release.UntilQuota))
		}
	}
	if c.Below > 0 && byServer && r.OnlyTrash() {
		waiting, err := r.destroy.InTrash(ctx)
		if err != nil {
			return fmt.Errorf("look at what is in the trash: %w", err)
		}
		used -= waiting
	}
	chosen, err := r.chosen(c, all, used)
	if err != nil {
		return err
	}
	r.Result.Released = &port.Released{Messages: chosen.Messages, Chosen: len(chosen.Leaves), Bytes: chosen.Freed, Quota: quota}
	if r.OnlyTrash() && r.Release.Via != port.ViaExpunge {
		r.Result.Released.ToTrash, r.Result.Released.Bytes = true, 0
	}
	for _, i := range chosen.Leaves {
		r.leave(all[i])
	}
	for _, i := range chosen.Stuck {
		b := r.Boxes[all[i].Box]
		if err := r.short(b, b.Record(all[i].UID), all[i].Sent); err != nil {
			return err
		}
	}
	for _, b := range r.Boxes {
		if b.Leaving.Messages > 0 {
			b.Leaving.Mailbox = b.Name
			r.Result.Released.Mailboxes = append(r.Result.Released.Mailboxes, b.Leaving.Leaving)
		}
	}
	return nil
}

// chosen asks the cutoff, once more where some of what it chose cannot leave.
func (r *Run) chosen(c plan.Cutoff, all []plan.Resident, used int64) (plan.Choice, error) {
	chosen := c.Choose(all, used, r.Now())
	barred, err := r.barred(all, chosen.Leaves)
	if err != nil {
		return chosen, err
	}
	if barred {
		chosen = c.Choose(all, used, r.Now())
	}
	if c.Collected {
		r.undeletable(all, c.Undeletable(all, r.Now()))
	}
	return chosen, nil
}

// leave notes that a message is to leave.
func (r *Run) leave(m plan.Resident) {
	b := r.Boxes[m.Box]
	l := &b.Leaving
	if l.UIDs == nil {
		l.UIDs = map[state.UID]bool{}
	}
	p, known := l.Proofs[m.UID]
	l.UIDs[m.UID] = known && !p.ByServer || plan.Again(b.Record(m.UID), true) && !r.Accepts(b.Name, m.UID)
	if l.Messages == 0 {
		l.Oldest, l.Newest = m.Date, m.Date
	}
	l.Oldest, l.Newest = min(l.Oldest, m.Date), max(l.Newest, m.Date)
	l.Messages++
	l.Bytes += m.Octets()
	if word := m.CopyKey(); word != "" {
		r.copies[word] = append(r.copies[word], mailbox.CopyOf{Box: b, UID: m.UID})
	}
}

// allResidents are the messages that the server has in mailboxes of which that is known.
func (r *Run) allResidents() (all []plan.Resident) {
	blind := false // what a view shows may be in a mailbox that was not looked at
	for i, b := range r.Boxes {
		if b.Failed || b.Idle || b.Server != nil && !b.Server.Complete {
			blind = blind || b.Failed || !b.Idle
			continue
		}
		onDisk := map[state.UID]state.Flags{}
		for _, f := range b.Disk.Messages {
			onDisk[f.UID] |= state.FlagsByName(f.Silent, f.Flags, b.Record(f.UID).Agreed)
		}
		for _, rec := range b.Records {
			if rec.Status.OnServer() {
				all = append(all, r.resident(i, rec, onDisk))
			}
		}
	}
	for i := range all {
		all[i].Fixed = all[i].Fixed || blind && all[i].View
	}
	return all
}

// resident is one message that the server has in the mailbox r.Boxes[i].
func (r *Run) resident(i int, rec state.Record, onDisk map[state.UID]state.Flags) plan.Resident {
	b := r.Boxes[i]
	_, fixed := b.Leaving.Fixed[rec.UID]
	p, proven := b.Leaving.Proofs[rec.UID]
	m := plan.Resident{Box: i, View: b.IsView() && !r.Can.EmailIDs, Like: b.Leaving.Like[rec.UID], UID: rec.UID, Status: rec.Status, Date: rec.Date, Size: rec.Size, Sent: -1,
		Fixed:   fixed,
		Short:   plan.Stuck(rec, r.Row.EstimatedSizes) && !r.Accepts(b.Name, rec.UID),
		Flagged: rec.Seen&state.Flagged != 0, Unread: rec.Seen&state.Seen == 0,
		Same: cmp.Or(p.EmailID, b.Leaving.Idents[rec.UID])}
	if flags, here := onDisk[rec.UID]; here {
		m.Flagged = m.Flagged || flags&state.Flagged != 0
		m.Unread = m.Unread || flags&state.Seen == 0
	}
	if proven {
		m.Fetched, m.Sent = p.Fetched, p.Bytes
	}
	return m
}

// wayOut is the route by which messages that make room leave a mailbox.
func (r *Run) wayOut(b *mailbox.Box) (plan.Route, error) {
	byTrash := r.Release.Via == port.ViaTrash || r.Release.Via == port.ViaAuto && r.Can.Labels
	return plan.Way(r.Ability(b), byTrash, r.Release.Via == port.ViaExpunge)
}

// Trashes reports whether what leaves a mailbox stays in the server's trash.
func (r *Run) Trashes(b *mailbox.Box) bool {
	route, err := plan.Way(r.Ability(b), false, false)
	if r.Release != nil {
		route, err = r.wayOut(b)
	}
	return err == nil && route == plan.LeaveInTrash
}

// barred reports the mailboxes that messages are to leave and cannot, and keeps theirs where they
// are, before anything is released. any is whether there are such mailboxes.
func (r *Run) barred(all []plan.Resident, goes []int) (any bool, err error) {
	why := map[int]error{} // by Resident.Box
	for _, i := range goes {
		n := all[i].Box
		if _, seen := why[n]; seen {
			continue
		}
		b := r.Boxes[n]
		if _, why[n] = r.wayOut(b); why[n] == nil {
			continue
		}
		any = true
		if err := r.Problem(b.Name, 0, why[n]); err != nil {
			return any, err
		}
	}
	for i := range all {
		all[i].Fixed = all[i].Fixed || why[all[i].Box] != nil
	}
	return any, nil
}

// identsOf loads what is proven of every mailbox, and asks the server for the words by
// which it knows copies of one message, where it has such words and they are not known.
func (r *Run) identsOf(ctx context.Context) error {
	for _, b := range r.Boxes {
		if b.Failed || b.Idle || b.Gen() == nil || b.Gen().ID == 0 && b.Server == nil {
			continue
		}
		l := &b.Leaving
		if b.Gen().ID != 0 {
			var err error
			if l.Proofs, err = r.Base.Proofs(ctx, b.Gen().ID, nil); err != nil {
				return fmt.Errorf("read state: %w", err)
			}
		}
		if r.Release.Cutoff.Collected {
			if err := r.fix(ctx, b); err != nil {
				return err
			}
		}
		var ask []state.UID
		for _, rec := range b.Records {
			if rec.Status.OnServer() && l.Proofs[rec.UID].EmailID == "" {
				ask = append(ask, rec.UID)
			}
		}
		if !r.Can.EmailIDs || len(ask) == 0 {
			continue
		}
		idents, err := r.sameAs(ctx, b, ask)
		if err != nil {
			return err
		}
		if b.Failed {
			continue
		}
		l.Idents = map[state.UID]string{}
		for _, id := range idents {
			l.Idents[id.UID] = id.EmailID
		}
	}
	return nil
}

// sameAs asks the server for what copies of one message have in common. Without an answer the mailbox
// has failed: a copy that is to be kept could be missed. An error of sameAs ends the run.
func (r *Run) sameAs(ctx context.Context, b *mailbox.Box, uids []state.UID) ([]state.Ident, error) {
	idents, err := r.Server.Idents(ctx, b.Listed.Raw, b.Gen().Mark.UIDValidity, uids)
	if err == nil {
		return idents, nil
	}
	b.Fail()
	return nil, r.Problem(b.Name, 0, fmt.Errorf("ask which messages are the same: %w", err))
}

// quota is what the account uses and may use: by the server, else by the
// configuration and the messages' sizes. nil where neither knows.
func (r *Run) quota(ctx context.Context, all []plan.Resident) (q *state.Quota, byServer bool, err error) {
	if !r.Release.Alone {
		return nil, false, nil
	}
	q, err = r.askQuota(ctx)
	if q != nil || err != nil && port.Ends(err) {
		return q, true, err
	}
	if r.Release.Quota > 0 {
		return &state.Quota{Used: plan.Used(all), Limit: r.Release.Quota}, false, nil
	}
	if r.Release.UntilQuota == 0 {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("ask for the quota: %w", err)
	}
	return nil, false, state.Faultf(state.Other, "the server reports no quota, so it cannot be known when there is room").
		WithHint(`give it with the key "quota" in the account's archive table, or with --quota`)
}

// askQuota returns the fullest quota root of INBOX, or of the first mailbox without one.
func (r *Run) askQuota(ctx context.Context) (*state.Quota, error) {
	if len(r.Boxes) == 0 {
		return nil, nil
	}
	roots, err := r.Server.Quota(ctx, r.Boxes[0].Listed.Raw) // sorted: INBOX is the first
	if err != nil {
		return nil, err
	}
	var fullest *state.Quota
	for _, q := range roots {
		if q.Limit > 0 && (fullest == nil || float64(q.Used)/float64(q.Limit) > float64(fullest.Used)/float64(fullest.Limit)) {
			fullest = &q
		}
	}
	return fullest, nil
}

// Reported reads the quota again when all was done, or, where the server has none, takes
// off what went.
func (r *Run) Reported(ctx context.Context) error {
	rel := r.Result.Released
	if r.DryRun || rel == nil {
		return nil
	}
	rel.Stay = max(0, rel.Chosen-rel.Left-rel.Trashed)
	if rel.Quota == nil {
		return nil
	}
	after, err := r.askQuota(ctx)
	switch {
	case err != nil && rel.Quota.Root != "":
		return r.Problem("", 0, fmt.Errorf("ask for the quota again: %w", err))
	case after == nil || err != nil:
		after = &state.Quota{Used: rel.Quota.Used - rel.Freed, Limit: rel.Quota.Limit}
	}
	rel.After = after
	return nil
}
