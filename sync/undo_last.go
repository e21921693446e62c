package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"mailsync/state"
)

// Which archive run an undo takes back: the last one that took something off the server. A
// run that the server refused, or that broke off before its first expunge, leaves releases
// and nothing else: they are withdrawn, for who takes back the last run wants no more to go.

// Taken is a message that an archive run let go, as an undo looks at it.
type Taken struct {
	Run    int64
	Known  bool // the base has its record still
	Status state.Status
}

// away reports whether the message is off the server by that run, and can be put back.
func (t Taken) away() bool {
	return t.Known && (t.Status == state.OnlyHere || t.Status == state.Archived)
}

// LastTaken returns the number of the last archive run that took something, 0 where none did. A
// message of which nothing is known but the run was taken, and is back, or was removed here.
func LastTaken(all []Taken) (run int64) {
	for _, t := range all {
		if t.away() || !t.Known {
			run = max(run, t.Run)
		}
	}
	return run
}

// departed is a message that an archive run let go, and where.
type departed struct {
	Taken
	old bool // it is of a numbering that is not the mailbox's any more
}

// taken returns what archive runs let go of a mailbox; b is its box, nil without one.
func (r *run) taken(ctx context.Context, row *state.MailboxRow, b *box) (all []departed, err error) {
	for i := range row.Generations {
		g := &row.Generations[i]
		if g.ID == 0 {
			continue
		}
		list, err := r.Base.Departures(ctx, g.ID)
		if err != nil {
			return nil, fmt.Errorf("read state: %w", err)
		}
		var records []state.Record
		for _, d := range list {
			if d.Run == 0 {
				continue // deleted from a POP3 server
			}
			if records == nil {
				if records, err = r.recordsNow(ctx, g, b); err != nil {
					return nil, err
				}
			}
			t := departed{Taken: Taken{Run: d.Run}, old: !g.Current}
			if i, known := placeOf(records, d.UID); known {
				t.Known, t.Status = true, records[i].Status
			}
			all = append(all, t)
		}
	}
	return all, nil
}

// recordsNow are the records of a generation, with what this run learned where it scanned it.
func (r *run) recordsNow(ctx context.Context, g *state.Generation, b *box) ([]state.Record, error) {
	if b != nil && g.Current && !b.failed && b.records != nil {
		return b.records, nil
	}
	return r.recordsOf(ctx, g)
}

// asListed is a mailbox that the server does not list any more, as patterns look at it.
func asListed(row *state.MailboxRow) state.Listed {
	return state.Listed{Raw: row.Raw, Levels: strings.Split(row.Path, "/"), Role: row.Use, Size: -1}
}

// listDeparted lists the mailboxes that archive runs let something go from.
func (r *run) listDeparted(ctx context.Context) error {
	took := map[string]bool{} // by the raw name of the mailbox
	for i := range r.rows {
		all, err := r.taken(ctx, &r.rows[i], nil)
		if err != nil {
			return err
		}
		took[state.RawKey(r.rows[i].Raw)] = len(all) > 0
	}
	include, listed := r.Include, map[string]bool{}
	r.Include = func(l state.Listed) bool {
		listed[state.RawKey(l.Raw)] = true
		return took[state.RawKey(l.Raw)] && (include == nil || include(l))
	}
	if err := r.list(ctx); err != nil {
		return err
	}
	for i := range r.rows {
		row := &r.rows[i]
		if key := state.RawKey(row.Raw); took[key] && !listed[key] && (include == nil || include(asListed(row))) {
			r.unlisted = append(r.unlisted, *row)
		}
	}
	return nil
}

// findLast finds the run that is taken back, now that it is known what became of its messages.
func (r *run) findLast(ctx context.Context) error {
	var all []Taken
	lost := make([][]departed, len(r.unlisted))
	for _, b := range r.boxes {
		list, err := r.taken(ctx, &b.row, b)
		if err != nil {
			return err
		}
		for _, t := range list {
			all = append(all, t.Taken)
		}
	}
	for i := range lost {
		var err error
		if lost[i], err = r.taken(ctx, &r.unlisted[i], nil); err != nil {
			return err
		}
		for _, t := range lost[i] {
			all = append(all, t.Taken)
		}
	}
	last := LastTaken(all)
	r.archiveNumber = last
	r.result.NothingToUndo = true
	for _, t := range all {
		r.result.NothingToUndo = r.result.NothingToUndo && !(t.Run == last && t.away())
	}
	for i, list := range lost {
		if !slices.ContainsFunc(list, func(t departed) bool { return t.Run == last && t.away() }) {
			continue
		}
		err := state.Faultf(state.Other, "the mailbox is gone on the server; what was archived from it stays here").
			WithHint("make it there again, and undo once more; if it has another name there, sync first")
		if err := r.problem(r.unlisted[i].Path, 0, err); err != nil {
			return err
		}
	}
	return nil
}

// stay withdraws the releases of a mailbox: what an archive run let go and did not take stays on
// the server, and a copy that went ahead leaves the archive. Only what the server has by a
// listing that is complete, or because it says that nothing changed, and whose file is here, is
// settled so; of the rest the next run finds out what it is.
func (r *run) stay(ctx context.Context, b *box) error {
	var all []*departing
	if b.server != nil && !b.server.Complete {
		return nil
	}
	for _, rec := range b.records {
		name, here := nameIn(b.disk, rec.UID, max(1, rec.Variant))
		if rec.Status == state.Released && here {
			all = append(all, &departing{op: Op{UID: rec.UID}, rec: rec, name: name})
		}
	}
	if len(all) == 0 {
		return nil
	}
	meant, err := r.meant(ctx, b)
	if err != nil {
		return err
	}
	var held []*departing
	for _, d := range all {
		d.to = meant[d.op.UID]
		if err := r.filedAhead(ctx, b, d); err != nil {
			if err := r.problem(b.name, d.op.UID, fmt.Errorf("withdraw its release: %w", err)); err != nil {
				return err
			}
			continue
		}
		held = append(held, d)
	}
	if err := r.withdraw(ctx, b, held); err != nil || len(held) == 0 {
		return err
	}
	r.note(b.name, fmt.Sprintf("of its messages, %d that an archive run let go and did not take stay on the server", len(held)), "")
	return nil
}

// filedAhead finds the copy in its archive of a message that is to stay, where it has one. The
// file in the mailbox has to have the same bytes.
func (r *run) filedAhead(ctx context.Context, b *box, d *departing) error {
	if d.to.Root == "" {
		return nil
	}
	tree, err := r.shelfTree(d.to.Root, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := tree.Open(d.to.Path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	md, err := r.shelf(ctx, b, d.to)
	if err != nil {
		return err
	}
	disk, err := md.Scan(ctx, b.gen().Token, nil, b.kw)
	if err != nil {
		return err
	}
	name, there := nameIn(disk, d.op.UID, max(1, d.rec.Variant))
	if !there {
		return nil
	}
	got, err := b.md.Inspect(d.name, nil)
	if err != nil {
		return err
	}
	d.shelf, d.there = md, state.Placed{Name: name}
	d.proof = state.Proof{UID: d.op.UID, Digest: got.Digest, Bytes: got.Bytes}
	return nil
}

// lastDepartures are, of messages that are to be forgotten, a departure of the last archive run
// that took one: it stays, so that an undo knows that there was this run, and does not
// take back the one before in its place.
func (r *run) lastDepartures(ctx context.Context, b *box, uids []state.UID) ([]state.Departure, error) {
	only := slices.DeleteFunc(slices.Clone(uids), func(uid state.UID) bool { return b.record(uid).Status != state.OnlyHere })
	if len(only) == 0 {
		return nil, nil
	}
	meant, err := r.meant(ctx, b)
	if err != nil {
		return nil, err
	}
	var last state.Departure
	for _, uid := range only {
		if d := meant[uid]; d.Run > last.Run {
			last = state.Departure{UID: d.UID, Run: d.Run}
		}
	}
	if last.Run == 0 {
		return nil, nil
	}
	return []state.Departure{last}, nil
}
