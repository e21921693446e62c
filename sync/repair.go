package sync

import (
	"context"
	"errors"
	"strings"
	"time"

	"mailsync/state"
)

// Repair fetches again what Verify found missing or damaged, where the server still has
// it. A damaged file goes to the trash once its message is durable anew and has the
// bytes that were recorded; where the server sends other bytes, both stay, and that is
// said. The records are set in doubt first, so that a run that is cut off leaves the rest
// to any later one. The Result is never nil; what could not be had is in it.
func (a *Account) Repair(ctx context.Context, found []Finding) *Result {
	hurt := map[string][]Finding{}
	for _, f := range found {
		hurt[f.path] = append(hurt[f.path], f)
	}
	whole := *a
	whole.Full = true // what the server has is to be known, not what it had
	r := newRun(&whole)
	r.result.Began = time.Now()
	for _, phase := range []func(context.Context) error{
		r.identify,
		func(ctx context.Context) error { return r.listHurt(ctx, hurt) },
		r.scan,
		func(ctx context.Context) error { return r.mend(ctx, hurt) },
		r.fetch,
		r.takeLeft,
	} {
		if err := phase(ctx); err != nil {
			r.result.Fatal = err
			break
		}
	}
	r.result.Ended = time.Now()
	return &r.result
}

// listHurt lists the mailboxes in which something is to be repaired. The others stay as
// they are.
func (r *run) listHurt(ctx context.Context, hurt map[string][]Finding) error {
	raws := map[string]bool{}
	for _, row := range r.rows {
		if len(hurt[row.Path]) > 0 && row.Role != state.RoleArchive {
			raws[state.RawKey(row.Raw)] = true
		}
	}
	include := r.Include
	r.Include = func(l state.Listed) bool { return raws[state.RawKey(l.Raw)] && (include == nil || include(l)) }
	return r.list(ctx)
}

// mending is one message that is fetched again.
type mending struct {
	want *state.Proof // what was recorded of it, nil: nothing
	file string       // the damaged file, "" where it is missing
}

// mend plans what is to be fetched again, and commits that it is in doubt before
// anything is fetched.
func (r *run) mend(ctx context.Context, hurt map[string][]Finding) error {
	for _, b := range r.boxes {
		if b.failed || b.server == nil {
			continue
		}
		put, err := r.mendBox(b, hurt[b.row.Path])
		if err != nil {
			return err
		}
		b.undone = true
		if len(b.ops) == 0 || r.DryRun {
			for _, o := range b.ops {
				if r.Watch != nil {
					r.Watch.Op(b.name, o)
				}
			}
			b.ops = nil
			continue
		}
		if err := r.commit(ctx, b, state.Commit{Put: put, Clean: new(bool)}); err != nil {
			return err
		}
	}
	return nil
}

var (
	errGoneThere = errors.New("it cannot be had again: the server has it no more")
	errOlder     = errors.New("it cannot be had again: it is of an earlier numbering of the mailbox")
)

func (r *run) mendBox(b *box, found []Finding) (put []state.Record, err error) {
	b.mend = map[state.UID]mending{}
	mine := map[state.UID]Finding{}
	for _, f := range found {
		switch f.Fault {
		case Missing, Altered, Truncated, Unreadable, NotHere, SizeDiffers:
			if f.UID == 0 || f.id.name != "" {
				continue // the whole Maildir: that is for sync; in an archive: the server has it no more
			}
			if f.id.token != b.gen().Token {
				if err := r.problem(b.name, f.UID, errOlder); err != nil {
					return nil, err
				}
				continue
			}
			mine[f.UID] = worse(mine[f.UID], f)
		}
	}
	for _, m := range b.server.Messages {
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
		if err := r.problem(b.name, uid, errGoneThere); err != nil {
			return nil, err
		}
	}
	sortOps(b.ops)
	return put, nil
}

// worse is the finding that decides where a message has two.
func worse(a, b Finding) Finding {
	if a.known && !b.known {
		return a
	}
	return b
}

// mendOne plans the fetch of one message that the server has, and returns its record in
// doubt.
func (r *run) mendOne(b *box, m state.OnServer, f Finding) (rec state.Record, changed bool) {
	rec = b.record(m.UID)
	o := Op{Kind: OpFetch, UID: m.UID, Variant: max(1, rec.Variant), Flags: m.Flags, Size: m.Size, Date: m.Date}
	name := strings.TrimPrefix(f.File, b.row.Path+"/")
	switch {
	case f.Fault == NotHere:
	case f.Fault == SizeDiffers:
		// What comes is judged as in a sync: its record stays what it is until then.
		for _, d := range filesOf(b.disk, m.UID) {
			if d.Variant == o.Variant {
				o.Name, o.Disk = b.disk.NameAt(d.Name), state.Spoken(d.Silent, d.Flags, rec.Agreed)
			}
		}
		if o.Name == "" {
			return rec, false
		}
	case f.Fault == Missing:
		rec.Status = state.Outstanding
		b.mend[m.UID] = mending{want: f.want}
	case !f.known:
		// A damaged file that nothing is recorded of, beside a message that is here: it was
		// left by a repair that was cut off.
		if rec.Status == state.Live && rec.Variant != f.id.variant {
			b.ops = append(b.ops, Op{Kind: OpRemove, UID: m.UID, Variant: f.id.variant, Name: name})
		}
		return rec, false
	default:
		// It gets an identity of its own beside the damaged file, which may not even be readable.
		rec.Status, rec.Tries = state.Doubtful, 0
		o.Name, o.Variant = name, o.Variant+1
		for _, d := range filesOf(b.disk, m.UID) {
			if b.disk.NameAt(d.Name) == name {
				o.Disk = state.Spoken(d.Silent, d.Flags, rec.Agreed)
			}
		}
		b.mend[m.UID] = mending{want: f.want, file: name}
	}
	b.ops = append(b.ops, o)
	return rec, true
}

// mended says which file a body that was fetched to repair it replaces, "" for none.
func (f *fetching) mended(b *box, a *arrival) (old string, err error) {
	m, ok := b.mend[a.op.UID]
	switch {
	case !ok:
		return "", nil
	case m.want == nil || m.want.Digest == a.received.Digest:
		return m.file, nil
	}
	return "", f.problem(b.name, a.op.UID, state.Faultf(state.Differs, "the server sends other bytes than it did when this message was first fetched; what is here stays beside them"))
}

// takeLeft moves what an earlier repair left to the trash.
func (r *run) takeLeft(context.Context) error {
	for _, b := range r.boxes {
		for _, o := range b.take(OpRemove) {
			if err := r.step("trash %s", o.Name); err != nil {
				return err
			}
			b.wrote = true
			if err := b.md.Trash(o.Name); err != nil {
				return err
			}
		}
		if err := r.syncDirs(b); err != nil {
			return err
		}
	}
	return nil
}
