package undo

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// An undo takes back the last archive run that took something off the server. A
// run that the server refused, or that was interrupted before its first expunge, leaves only releases:
// they are withdrawn, for a user who takes back the last run wants nothing more to leave.

// Taken is a message that an archive run released, as an undo looks at it.
type Taken struct {
	Run    int64
	Known  bool // the base still has its record
	Status state.Status
}

// away reports whether the message is off the server by that run, and can be put back.
func (t Taken) away() bool {
	return t.Known && (t.Status == state.OnlyHere || t.Status == state.Archived)
}

// LastTaken returns the number of the last archive run that took something, 0 if none did. A
// message of which nothing is known but the run was taken, and is back, or was removed here.
func LastTaken(all []Taken) (run int64) {
	for _, t := range all {
		if t.away() || !t.Known {
			run = max(run, t.Run)
		}
	}
	return run
}

// departed is a message that an archive run released in a mailbox.
type departed struct {
	Taken
	old bool // the mailbox has been numbered anew since
}

// taken returns what archive runs released in a mailbox; b is its box, nil without one.
func (r *Run) taken(ctx context.Context, row *state.MailboxRow, b *mailbox.Box) (all []departed, err error) {
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
				if records, err = r.RecordsNow(ctx, g, b); err != nil {
					return nil, err
				}
			}
			t := departed{Taken: Taken{Run: d.Run}, old: !g.Current}
			if i, known := plan.PlaceOf(records, d.UID); known {
				t.Known, t.Status = true, records[i].Status
			}
			all = append(all, t)
		}
	}
	return all, nil
}

// ListDeparted lists the mailboxes in which archive runs released something.
func (r *Run) ListDeparted(ctx context.Context) error {
	took := map[string]bool{} // by the raw name of the mailbox
	for i := range r.Rows {
		all, err := r.taken(ctx, &r.Rows[i], nil)
		if err != nil {
			return err
		}
		if r.Rows[i].Role == state.RoleForgotten {
			if len(all) > 0 && !r.Excludes(r.Rows[i]) {
				r.unlisted = append(r.unlisted, r.Rows[i])
			}
			continue
		}
		took[state.RawKey(r.Rows[i].Raw)] = len(all) > 0
	}
	include, listed := r.Include, map[string]bool{}
	r.Include = func(l state.Listed) bool {
		listed[state.RawKey(l.Raw)] = true
		return took[state.RawKey(l.Raw)] && (include == nil || include(l))
	}
	if err := r.list.List(ctx); err != nil {
		return err
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		if key := state.RawKey(row.Raw); row.Role != state.RoleForgotten && took[key] && !listed[key] && (include == nil || include(r.AsListed(*row))) {
			r.unlisted = append(r.unlisted, *row)
		}
	}
	return nil
}

// FindLast finds the run that is taken back, now that it is known what became of its messages.
func (r *Run) FindLast(ctx context.Context) error {
	var all []Taken
	taken := func(row *state.MailboxRow, b *mailbox.Box) ([]departed, error) {
		list, err := r.taken(ctx, row, b)
		for _, t := range list {
			all = append(all, t.Taken)
		}
		return list, err
	}
	for _, b := range r.Boxes {
		if _, err := taken(&b.Row, b); err != nil {
			return err
		}
	}
	lost := make([][]departed, len(r.unlisted))
	for i := range lost {
		var err error
		if lost[i], err = taken(&r.unlisted[i], nil); err != nil {
			return err
		}
	}
	last := LastTaken(all)
	away := func(t Taken) bool { return t.Run == last && t.away() }
	r.folder.ArchiveNumber = last
	r.Result.NothingToUndo = !slices.ContainsFunc(all, away)
	for i, list := range lost {
		if !slices.ContainsFunc(list, func(t departed) bool { return away(t.Taken) }) {
			continue
		}
		name := r.NameOf(r.unlisted[i])
		err := state.Faultf(state.Other, "the mailbox is gone on the server; what was archived from it stays here").
			WithHint("make it there again, and undo once more; if it has another name there, sync first")
		if r.unlisted[i].Role == state.RoleForgotten {
			err = state.Faultf(state.Other, "the mailbox was forgotten; what was archived from it stays here").
				WithHint("\"mailsync forget --undo %s %s\" takes it back; then make it on the server again, and undo once more", r.Name, plan.ShellWord(name))
		}
		if err := r.Problem(name, 0, err); err != nil {
			return err
		}
	}
	return nil
}
