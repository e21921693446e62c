package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
)

// destine says where the files of messages go that are about to leave. One that an earlier
// run had released goes where that run meant it to.
func (r *run) destine(ctx context.Context, b *box, all []*departing) error {
	if !slices.ContainsFunc(all, func(d *departing) bool { return d.rec.Status == state.Released || r.Release.Alone }) {
		return nil
	}
	meant, err := r.meant(ctx, b)
	if err != nil {
		return err
	}
	for _, d := range all {
		if to, ok := meant[d.op.UID]; ok && d.rec.Status == state.Released {
			d.to = to
			continue
		}
		if !r.Release.Alone {
			continue
		}
		d.to = state.Departure{UID: d.op.UID}
		if d.to.Run, err = r.archiveRun(ctx); err != nil {
			return err
		}
		if into := r.Release.Into; into != nil {
			tree, err := r.shelfTree(into.Root, true)
			if err != nil {
				return err
			}
			mailbox := tree.Place(b.listed.Levels, func(string) bool { return false })
			d.to.Root, d.to.Path = into.Root, into.Path(mailbox, d.rec.Date)
		}
	}
	return nil
}

// onTheWay are the released messages of a mailbox whose files have a place in an archive:
// a run broke off before it came to its end with them.
func (r *run) onTheWay(ctx context.Context, b *box) (map[state.UID]bool, error) {
	if !slices.ContainsFunc(b.records, func(rec state.Record) bool { return rec.Status == state.Released }) {
		return nil, nil
	}
	meant, err := r.meant(ctx, b)
	if err != nil {
		return nil, err
	}
	away := map[state.UID]bool{}
	for uid, to := range meant {
		if to.Root != "" && b.record(uid).Status == state.Released {
			away[uid] = true
		}
	}
	return away, nil
}

// meant are the departures of a mailbox, by UID.
func (r *run) meant(ctx context.Context, b *box) (map[state.UID]state.Departure, error) {
	list, err := r.Base.Departures(ctx, b.gen().ID)
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
func (r *run) archiveRun(ctx context.Context) (int64, error) {
	if r.archiveNumber != 0 {
		return r.archiveNumber, nil
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
				open = open || d.Run == last && r.isReleased(g.ID, d.UID)
			}
		}
	}
	r.archiveNumber = last + 1
	if open {
		r.archiveNumber = last
	}
	return r.archiveNumber, nil
}

func (r *run) isReleased(gen state.GenID, uid state.UID) bool {
	return slices.ContainsFunc(r.boxes, func(b *box) bool {
		return b.gen() != nil && b.gen().ID == gen && b.record(uid).Status == state.Released
	})
}

// shelfTree opens a folder of archives, once a run.
func (r *run) shelfTree(root string, create bool) (Tree, error) {
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
		r.roots = map[string]Tree{}
	}
	r.roots[root] = tree
	return tree, nil
}

// shelf opens the archive Maildir of a departure, or makes it, marker first.
func (r *run) shelf(ctx context.Context, b *box, to state.Departure) (Maildir, error) {
	key := to.Root + "\x00" + to.Path
	if md := b.leaving.shelves[key]; md != nil {
		return md, nil
	}
	tree, err := r.shelfTree(to.Root, true)
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
	case m.Role != state.RoleArchive || m.AccountID != r.row.ID:
		return nil, state.Faultf(state.Storage, "%s/%s is not an archive of this account (it is %s's at %s)", to.Root, to.Path, m.User, m.Host).
			WithHint("give each account an archive of its own")
	}
	if err := md.Tidy(); err != nil {
		return nil, err
	}
	if _, err := md.Scan(ctx, b.gen().Token, nil, b.kw); err != nil {
		return nil, err
	}
	if b.leaving.shelves == nil {
		b.leaving.shelves = map[string]Maildir{}
	}
	b.leaving.shelves[key] = md
	return md, nil
}

func (r *run) newShelf(tree Tree, to state.Departure) (Maildir, error) {
	if err := r.step("create archive %s", to.Path); err != nil {
		return nil, err
	}
	md, err := tree.Create(to.Path, state.Marker{Format: state.MarkerFormat, AccountID: r.row.ID, Host: r.Host, User: r.User,
		Path: to.Path, Role: state.RoleArchive})
	if err != nil {
		return nil, err
	}
	if r.Release.Remember != nil {
		if err := r.Release.Remember(to.Root, r.row.ID); err != nil {
			return nil, fmt.Errorf("remember the archive: %w", err)
		}
	}
	return md, nil
}
