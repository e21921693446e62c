package shelf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/port"
)

// Destine says where the files of messages go that are about to leave. One that an earlier
// run had released goes where that run meant it to.
func (r *Run) Destine(ctx context.Context, b *mailbox.Box, all []*mailbox.Departing) error {
	if !slices.ContainsFunc(all, func(d *mailbox.Departing) bool { return d.Rec.Status == state.Released || r.Release.Alone }) {
		return nil
	}
	meant, err := r.Meant(ctx, b)
	if err != nil {
		return err
	}
	for _, d := range all {
		if to, ok := meant[d.Op.UID]; ok && d.Rec.Status == state.Released {
			d.To = to
			continue
		}
		if !r.Release.Alone {
			continue
		}
		d.To = state.Departure{UID: d.Op.UID}
		if d.To.Run, err = r.archiveRun(ctx); err != nil {
			return err
		}
		if into := r.Release.Into; into != nil {
			tree, err := r.ShelfTree(into.Root, true)
			if err != nil {
				return err
			}
			mailbox := tree.Place(b.Listed.Levels, func(string) bool { return false })
			d.To.Root, d.To.Path = into.Root, into.Path(mailbox, d.Rec.Date)
		}
	}
	return nil
}

// OnTheWay are the released messages of a mailbox whose files have a place in an archive:
// a run was interrupted before it came to its end with them.
func (r *Run) OnTheWay(ctx context.Context, b *mailbox.Box) (map[state.UID]bool, error) {
	if !slices.ContainsFunc(b.Records, func(rec state.Record) bool { return rec.Status == state.Released }) {
		return nil, nil
	}
	meant, err := r.Meant(ctx, b)
	if err != nil {
		return nil, err
	}
	away := map[state.UID]bool{}
	for uid, to := range meant {
		if to.Root != "" && b.Record(uid).Status == state.Released {
			away[uid] = true
		}
	}
	return away, nil
}

// Meant are the departures of a mailbox, by UID.
func (r *Run) Meant(ctx context.Context, b *mailbox.Box) (map[state.UID]state.Departure, error) {
	list, err := r.Base.Departures(ctx, b.Gen().ID)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	all := make(map[state.UID]state.Departure, len(list))
	for _, d := range list {
		all[d.UID] = d
	}
	return all, nil
}

// archiveRun is the number of this archive run: one more than the last one's, or that of
// the last one where it did not come to its end.
func (r *Run) archiveRun(ctx context.Context) (int64, error) {
	if r.ArchiveNumber != 0 {
		return r.ArchiveNumber, nil
	}
	rows, err := r.Base.Mailboxes(ctx)
	if err != nil {
		return 0, fmt.Errorf("read state: %w", err)
	}
	var last int64
	open := false
	for _, row := range rows {
		for _, g := range row.Generations {
			list, err := r.Base.Departures(ctx, g.ID)
			if err != nil {
				return 0, fmt.Errorf("read state: %w", err)
			}
			for _, d := range list {
				if d.Run > last {
					last, open = d.Run, false
				}
				open = open || d.Run == last && r.IsReleased(g.ID, d.UID)
			}
		}
	}
	r.ArchiveNumber = last + 1
	if open {
		r.ArchiveNumber = last
	}
	return r.ArchiveNumber, nil
}

// ShelfTree opens a folder of archives, once a run.
func (r *Run) ShelfTree(root string, create bool) (port.Tree, error) {
	if tree := r.roots[root]; tree != nil {
		return tree, nil
	}
	if r.Release.Shelf == nil {
		return nil, fmt.Errorf("the archive %s is not configured here", root)
	}
	tree, err := r.Release.Shelf(root, create)
	if err != nil {
		return nil, fmt.Errorf("open archive %s: %w", root, err)
	}
	if r.roots == nil {
		r.roots = map[string]port.Tree{}
	}
	r.roots[root] = tree
	return tree, nil
}

// Shelf opens the archive Maildir of a departure, or makes it, marker first.
func (r *Run) Shelf(ctx context.Context, b *mailbox.Box, to state.Departure) (port.Maildir, error) {
	key := to.Root + "\x00" + to.Path
	if md := b.Leaving.Shelves[key]; md != nil {
		return md, nil
	}
	tree, err := r.ShelfTree(to.Root, true)
	if err != nil {
		return nil, err
	}
	md, err := tree.Open(to.Path)
	var m state.Marker
	if err == nil {
		m, err = md.Marker()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if md, err = r.newShelf(tree, to); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("archive %s/%s: %w", to.Root, to.Path, err)
	case m.Role != state.RoleArchive || m.AccountID != r.Row.ID:
		return nil, state.Faultf(state.Storage, "%s/%s is not an archive of this account (it is %s's at %s)", to.Root, to.Path, m.User, m.Host).
			WithHint("give each account an archive of its own")
	}
	if err := md.Tidy(); err != nil {
		return nil, err
	}
	if _, err := md.Scan(ctx, b.Gen().Token, nil, b.KW); err != nil {
		return nil, err
	}
	if b.Leaving.Shelves == nil {
		b.Leaving.Shelves = map[string]port.Maildir{}
	}
	b.Leaving.Shelves[key] = md
	return md, nil
}

func (r *Run) newShelf(tree port.Tree, to state.Departure) (port.Maildir, error) {
	if err := r.Step("create archive %s", to.Path); err != nil {
		return nil, err
	}
	md, err := tree.Create(to.Path, state.Marker{Format: state.MarkerFormat, AccountID: r.Row.ID, Host: r.Host, User: r.User,
		Path: to.Path, Role: state.RoleArchive})
	if err != nil {
		return nil, err
	}
	if r.Release.Remember != nil {
		if err := r.Release.Remember(to.Root, r.Row.ID); err != nil {
			return nil, fmt.Errorf("remember the archive: %w", err)
		}
	}
	return md, nil
}
