package bind

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// renamed finds the mailboxes that the server renamed, and renames the folders of their Maildirs. A
// mailbox is a renamed one only if its old name is missing from a complete listing.
func (r *Run) renamed(ctx context.Context) error {
	fresh := r.fresh()
	to, err := r.renamedTo(ctx, fresh)
	if err != nil {
		return err
	}
	var pairs []plan.Renaming
	boxes := map[int64]*mailbox.Box{}
	for i, row := range r.Vanished {
		if to[i] < 0 {
			again := func(b *mailbox.Box) bool { return state.SameName(b.Listed.Raw, row.Raw) } // restore made it
			if !slices.ContainsFunc(r.Boxes, again) {
				r.noteGone(row)
			}
			continue
		}
		boxes[row.ID] = fresh[to[i]]
		taken := func(path string) bool {
			return slices.ContainsFunc(r.Rows, func(o state.MailboxRow) bool { return o.Path == path && o.ID != row.ID })
		}
		pairs = append(pairs, plan.Renaming{Row: row, Target: r.Tree.Place(boxes[row.ID].Listed.Levels, taken)})
	}
	// Parents first: the Maildirs below a folder are renamed with it.
	slices.SortFunc(pairs, func(x, y plan.Renaming) int { return cmp.Compare(x.Row.Path, y.Row.Path) })
	for _, p := range pairs {
		b := boxes[p.Row.ID]
		if b.Refused = r.rename(ctx, b, p, pairs); b.Refused != nil {
			if err := r.Problem(b.Name, 0, b.Refused); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteGone reports a mailbox that is gone on the server, unless the configuration excludes it.
func (r *Run) noteGone(row state.MailboxRow) {
	if r.Excludes(row) {
		return
	}
	name := r.NameOf(row)
	r.Note(name, "the mailbox is gone on the server; its Maildir stays as it is",
		fmt.Sprintf("to end this note, run \"mailsync forget %s %s\", or exclude the mailbox", r.Name, plan.ShellWord(name)))
}

// fresh are the boxes of which the base knows nothing.
func (r *Run) fresh() []*mailbox.Box {
	return slices.DeleteFunc(slices.Clone(r.Boxes), func(b *mailbox.Box) bool {
		return slices.ContainsFunc(r.Rows, func(row state.MailboxRow) bool {
			return row.Role == state.RoleMailbox && state.SameName(row.Raw, b.Listed.Raw)
		})
	})
}

// RenamedTo returns the name that the server has given to a mailbox that is missing from a complete
// listing, "" where it is none of those that are new there.
func (r *Run) RenamedTo(ctx context.Context, row state.MailboxRow) (string, error) {
	fresh := r.fresh()
	to, err := r.renamedTo(ctx, fresh)
	for i, v := range r.Vanished {
		if err == nil && v.ID == row.ID && to[i] >= 0 {
			return fresh[to[i]].Name, nil
		}
	}
	return "", err
}

// renamedTo returns which of the new boxes each mailbox that vanished is now, -1 for none.
func (r *Run) renamedTo(ctx context.Context, fresh []*mailbox.Box) ([]int, error) {
	same := make([][]bool, len(r.Vanished))
	scanned := make([]*state.ServerSnapshot, len(fresh))
	for i, row := range r.Vanished {
		same[i] = make([]bool, len(fresh))
		for k, b := range fresh {
			if !plan.AsksListing(row, b.Listed) {
				same[i][k] = plan.SameMailbox(row, nil, b.Listed, nil)
				continue
			}
			records, err := r.RecordsOf(ctx, row.Current())
			if err == nil && scanned[k] == nil {
				scanned[k], err = r.Server.Scan(ctx, state.ScanRequest{Raw: b.Listed.Raw, Full: true, Keywords: state.NewKeywords(row.Keywords)})
				if err != nil && !port.Ends(err) {
					continue // what is wrong with it is reported when its turn comes
				}
			}
			if err != nil {
				return nil, err
			}
			same[i][k] = plan.SameMailbox(row, records, b.Listed, scanned[k])
		}
	}
	return plan.RenamedTo(same), nil
}

// rename takes a mailbox over under its new name: its folder, its marker, and the base. If the run is
// interrupted in between, the next one finds the same pair and continues from there. Where the folder cannot be renamed
// the mailbox keeps the path it has.
func (r *Run) rename(ctx context.Context, b *mailbox.Box, p plan.Renaming, pairs []plan.Renaming) error {
	old := p.Row.Path
	b.Row = p.Row
	b.Row.Raw, b.Row.Sep = b.Listed.Raw, b.Listed.Sep
	b.Row.MailboxID = cmp.Or(b.Row.MailboxID, b.Listed.MailboxID) // a rename keeps it (RFC 8474 section 4.1)
	b.Follows = true
	path, err := r.renameDir(b, p, pairs)
	if err != nil {
		return err
	}
	if path == old && p.Target != old {
		r.Note(b.Name, fmt.Sprintf("the server renamed %q to it; its Maildir stays %q", p.Row.Raw, old), "")
	} else {
		r.Note(b.Name, fmt.Sprintf("the server renamed %q to it, and its Maildir is %q now", p.Row.Raw, path), "")
	}
	b.Row.Path = path
	if _, err := r.takePath(ctx, b); err != nil {
		return err
	}
	for i := range r.Rows {
		if r.Rows[i].ID == b.Row.ID {
			r.Rows[i] = b.Row
		}
	}
	return nil
}

// renameDir renames a mailbox's folder, if that is to be, and returns the path where its
// Maildir is then.
func (r *Run) renameDir(b *mailbox.Box, p plan.Renaming, pairs []plan.Renaming) (string, error) {
	old := p.Row.Path
	here, err := r.owner(old, p.Row)
	if err != nil {
		return "", err
	}
	there := plan.Nobody
	if here == plan.Nobody {
		if there, err = r.owner(p.Target, p.Row); err != nil {
			return "", err
		}
	}
	switch p.Folder(here, there, pairs, r.Rows) {
	case plan.Renamed:
		return p.Target, nil
	case plan.Missing:
		return "", port.NotMounted("the Maildir %q is gone", old)
	case plan.NotOurs:
		return "", state.Faultf(state.Storage, "the server renamed %q to %q, and the Maildir %q is not the one it was", p.Row.Raw, b.Name, old).
			WithHint("move it back, or remove the copy")
	case plan.Stay:
		return old, nil
	}
	if r.DryRun {
		return old, nil
	}
	if err := r.Step("rename %s to %s", old, p.Target); err != nil {
		return "", err
	}
	err = r.Tree.Rename(old, p.Target)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrInvalid) {
		return old, nil
	}
	if err == nil {
		r.Infof(b.Name, "renamed on the server from %q, and its Maildir with it", old)
	}
	return p.Target, err
}

// owner reports whether the Maildir at a path is a row's, by its marker.
func (r *Run) owner(path string, row state.MailboxRow) (plan.Owner, error) {
	md, err := r.Tree.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return plan.Nobody, nil
	}
	if err != nil {
		return plan.Nobody, err
	}
	m, err := md.Marker()
	g := row.Current()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return plan.Others, nil
	case err == nil && m.AccountID == r.Row.ID && m.Role == state.RoleMailbox && g != nil &&
		slices.ContainsFunc(m.Generations, func(mg state.MarkerGeneration) bool { return mg.Token == g.Token }):
		return plan.Mine, nil
	}
	return plan.Others, err
}
