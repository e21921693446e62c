package mailbox

import (
	"cmp"
	"context"
	"slices"

	"mailsync/state"
)

// LeaveOlder settles what the records of a box's older generations say of files: those
// that were given another identity, or went, are not theirs any more. The records stay, as
// of messages that are not here: should the server return to those numbers, they say which
// they are. Of a generation that is not current, Clean says that this was done.
func (r *Run) LeaveOlder(ctx context.Context, b *Box, disk *state.DiskSnapshot) error {
	type identity struct {
		token   string
		uid     state.UID
		variant uint8
	}
	here := map[identity]bool{}
	for _, f := range disk.Foreign {
		here[identity{f.Token, f.UID, f.Variant}] = true
	}
	for i := range b.Row.Generations {
		g := &b.Row.Generations[i]
		if g.Current || g.ID == 0 || g.Clean && !b.Full {
			continue
		}
		records, err := r.RecordsOf(ctx, g)
		if err != nil {
			return err
		}
		done := true
		c := state.Commit{Gen: g.ID}
		if !g.Clean {
			c.Clean = &done
		}
		for _, rec := range records {
			if rec.Status.HasFile() && !here[identity{g.Token, rec.UID, max(1, rec.Variant)}] {
				rec.Status = state.Outstanding
				c.Put = append(c.Put, rec)
			}
		}
		if len(c.Put) == 0 && c.Clean == nil {
			continue
		}
		if err := r.CommitTo(ctx, c, "commit an older generation of %s: %d records", b.Name, len(c.Put)); err != nil {
			return err
		}
		g.Clean = true
	}
	return nil
}

// UnsettleOlder notes, before a file of an older generation gets another identity, that the records
// of those have to be settled once more.
func (r *Run) UnsettleOlder(ctx context.Context, b *Box) error {
	for i := range b.Row.Generations {
		g := &b.Row.Generations[i]
		if g.Current || g.ID == 0 || !g.Clean {
			continue
		}
		c := state.Commit{Gen: g.ID, Clean: new(bool)}
		if err := r.CommitTo(ctx, c, "commit that an older generation of %s is to be settled", b.Name); err != nil {
			return err
		}
		g.Clean = false
	}
	return nil
}

// LeftOlder settles the records of files that got identities in the current generation.
func (r *Run) LeftOlder(ctx context.Context, b *Box, tied []Delivered) error {
	for i := range b.Row.Generations {
		g := &b.Row.Generations[i]
		c := state.Commit{Gen: g.ID}
		for _, d := range tied {
			if d.Token == g.Token && !g.Current {
				d.Was.Status = state.Outstanding
				c.Put = append(c.Put, d.Was)
			}
		}
		if len(c.Put) == 0 {
			continue
		}
		slices.SortFunc(c.Put, func(x, y state.Record) int { return cmp.Compare(x.UID, y.UID) })
		if err := r.CommitTo(ctx, c, "commit an older generation of %s: %d records", b.Name, len(c.Put)); err != nil {
			return err
		}
	}
	return nil
}
