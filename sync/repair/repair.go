// Package repair fetches again what verify found missing or damaged.
package repair

import (
	"context"
	"errors"
	"strings"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Run is the repairing of a run.
type Run struct {
	*mailbox.Run
	hurt map[string][]port.Finding // by state.RawKey of the mailbox
}

// New returns the repairing of a run, of what was found.
func New(r *mailbox.Run, hurt map[string][]port.Finding) *Run { return &Run{r, hurt} }

// Plan plans what is to be fetched again, and commits that it is in doubt before
// anything is fetched.
func (r *Run) Plan(ctx context.Context) error {
	for _, b := range r.Boxes {
		if b.Failed || b.Server == nil {
			continue
		}
		put, err := r.mendBox(b, r.hurt[state.RawKey(b.Listed.Raw)])
		if err != nil {
			return err
		}
		b.Leave(mailbox.PutOff)
		if b.Ops.Len() == 0 || r.DryRun {
			r.Foresee(b.Name, b.Ops, false)
			b.Ops = plan.Ops{}
			continue
		}
		if err := r.Commit(ctx, b, state.Commit{Put: put, Change: state.Unclean()}); err != nil {
			return err
		}
	}
	return nil
}

var (
	errGoneThere = errors.New("it cannot be fetched again: the server does not have it any more")
	errOlder     = errors.New("it cannot be fetched again: it is of an earlier numbering of the mailbox")
)

func (r *Run) mendBox(b *mailbox.Box, found []port.Finding) (put []state.Record, err error) {
	b.Bodies.Repairs = map[state.UID]mailbox.Repair{}
	mine := map[state.UID]port.Finding{}
	for _, f := range found {
		switch f.Fault {
		case port.Missing, port.Altered, port.Truncated, port.Unreadable, port.NotHere, port.SizeDiffers:
			if f.UID == 0 || f.Id.Name != "" {
				continue // of a Maildir, sync takes care; what is in an archive, the server does not have any more
			}
			if f.Id.Token != b.Gen().Token {
				if err := r.Problem(b.Name, f.UID, errOlder); err != nil {
					return nil, err
				}
				continue
			}
			if f.Known || !mine[f.UID].Known {
				mine[f.UID] = f
			}
		}
	}
	for _, m := range b.Server.Messages {
		f, ok := mine[m.UID]
		if !ok {
			continue
		}
		delete(mine, m.UID)
		if rec, changed := r.mendOne(b, m, f); changed {
			put = append(put, rec)
		}
	}
	for uid := range mine {
		if err := r.Problem(b.Name, uid, errGoneThere); err != nil {
			return nil, err
		}
	}
	b.Ops.Sort()
	return put, nil
}

// mendOne plans the fetch of one message that the server has, and returns its record in
// doubt.
func (r *Run) mendOne(b *mailbox.Box, m state.OnServer, f port.Finding) (rec state.Record, changed bool) {
	rec = b.Record(m.UID)
	o := plan.Op{Kind: plan.OpFetch, UID: m.UID, Variant: max(1, rec.Variant), Flags: m.Flags, Size: m.Size, Date: m.Date}
	name := strings.TrimPrefix(f.File, b.Row.Path+"/")
	switch {
	case f.Fault == port.NotHere:
	case f.Fault == port.SizeDiffers:
		// What is fetched is judged as in a sync: its record stays what it is until then.
		for _, d := range plan.FilesOf(b.Disk, m.UID) {
			if d.Variant == o.Variant {
				o.Name, o.Disk = b.Disk.NameAt(d.Name), state.FlagsByName(d.Silent, d.Flags, rec.Agreed)
			}
		}
		if o.Name == "" {
			return rec, false
		}
	case f.Fault == port.Missing:
		rec.Status = state.Outstanding
		b.Bodies.Repairs[m.UID] = mailbox.Repair{Want: f.Want}
	case !f.Known:
		// A damaged file that nothing is recorded of, beside a message that is here: it was
		// left by a repair that was interrupted.
		if rec.Status == state.Live && rec.Variant != f.Id.Variant {
			b.Ops.Add(plan.Op{Kind: plan.OpRemove, UID: m.UID, Variant: f.Id.Variant, Name: name})
		}
		return rec, false
	default:
		// It gets an identity of its own beside the damaged file, which may not even be readable.
		rec.Status, rec.Tries = state.Doubtful, 0
		o.Name, o.Variant = name, o.Variant+1
		for _, d := range plan.FilesOf(b.Disk, m.UID) {
			if b.Disk.NameAt(d.Name) == name {
				o.Disk = state.FlagsByName(d.Silent, d.Flags, rec.Agreed)
			}
		}
		b.Bodies.Repairs[m.UID] = mailbox.Repair{Want: f.Want, File: name}
	}
	b.Ops.Add(o)
	return rec, true
}

// TrashLeft moves what an earlier repair left to the trash.
func (r *Run) TrashLeft(context.Context) error {
	for _, b := range r.Boxes {
		for _, o := range b.Take(plan.OpRemove) {
			if err := r.Step("trash %s", o.Name); err != nil {
				return err
			}
			b.Wrote = true
			if err := b.MD.Trash(o.Name); err != nil {
				return err
			}
		}
		if err := r.SyncDirs(b); err != nil {
			return err
		}
	}
	return nil
}
