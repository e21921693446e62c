// Package folder knows the archive folders: where the file of each archived message belongs, which are on
// their way there, and which are found there again.
package folder

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

// Run is what a run knows of archive folders.
type Run struct {
	*mailbox.Run
	ArchiveNumber int64 // of this archive run, 0: not known yet

	roots   map[string]port.Tree  // archive folders that are open
	indexed map[string][]archived // what is in the configured one, by token; nil: not looked at
}

// New returns what a run knows of archive folders.
func New(r *mailbox.Run) *Run { return &Run{Run: r, roots: map[string]port.Tree{}} }

// Assign sets where the files of messages that are about to leave are moved: what an earlier
// run had released, to where that run meant it to be.
func (r *Run) Assign(ctx context.Context, b *mailbox.Box, all []*mailbox.Departing) error {
	var meant map[state.UID]state.Departure
	var err error
	// All that ever left are read for that: not for each batch of an archive run.
	if slices.ContainsFunc(all, func(d *mailbox.Departing) bool { return d.Rec.Status == state.Released }) {
		if meant, err = r.Departures(ctx, b); err != nil {
			return err
		}
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
			tree, err := r.Root(into.Root, true)
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
// a run was interrupted before it had finished with them.
func (r *Run) OnTheWay(ctx context.Context, b *mailbox.Box) (map[state.UID]bool, error) {
	if !slices.ContainsFunc(b.Records, func(rec state.Record) bool { return rec.Status == state.Released }) {
		return nil, nil
	}
	meant, err := r.Departures(ctx, b)
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

// Departures are the departures of a mailbox, by UID.
func (r *Run) Departures(ctx context.Context, b *mailbox.Box) (map[state.UID]state.Departure, error) {
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
// the last one where it was interrupted.
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

// Root opens an archive folder, once a run.
func (r *Run) Root(root string, create bool) (port.Tree, error) {
	if tree := r.roots[root]; tree != nil {
		return tree, nil
	}
	if r.Release.Folder == nil {
		return nil, fmt.Errorf("the archive %s is not configured here", root)
	}
	tree, err := r.Release.Folder(root, create)
	if err != nil {
		return nil, fmt.Errorf("open archive %s: %w", root, err)
	}
	r.roots[root] = tree
	return tree, nil
}

// Open opens the archive Maildir of a departure, and makes it, marker first, if create says so; else one
// that is not there is fs.ErrNotExist.
func (r *Run) Open(ctx context.Context, b *mailbox.Box, to state.Departure, create bool) (*mailbox.Scanned, error) {
	key := to.Root + "\x00" + to.Path
	if known := b.Leaving.Folders[key]; known != nil {
		return known, nil
	}
	tree, err := r.Root(to.Root, create)
	if err != nil {
		return nil, err
	}
	md, err := tree.Open(to.Path)
	if errors.Is(err, fs.ErrNotExist) && !create {
		return nil, err
	}
	var m state.Marker
	if err == nil {
		m, err = md.Marker()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if md, err = r.create(tree, to); err != nil {
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
	disk, err := md.Scan(ctx, b.Gen().Token, nil, b.KW)
	if err != nil {
		return nil, err
	}
	if b.Leaving.Folders == nil {
		b.Leaving.Folders = map[string]*mailbox.Scanned{}
	}
	opened := &mailbox.Scanned{Maildir: md, Disk: disk}
	b.Leaving.Folders[key] = opened
	return opened, nil
}

// Copy copies a file into another Maildir: durably, and under its name there only if its bytes are
// still those that were read.
func Copy(from port.Maildir, name string, read state.Received, to port.Maildir, as state.Incoming, kw *state.Keywords) (state.Placed, error) {
	body, err := from.Body(name, read.Form)
	if err != nil {
		return state.Placed{}, err
	}
	got, err := to.Receive(as, body)
	if err = errors.Join(err, body.Close()); err != nil {
		return state.Placed{}, err
	}
	if got.Digest != read.Digest {
		to.Discard(got)
		return state.Placed{}, fmt.Errorf("the file %q changed while it was read", name)
	}
	placed, err := to.Publish(got, kw)
	if err != nil {
		to.Discard(got)
	}
	return placed, err
}

func (r *Run) create(tree port.Tree, to state.Departure) (port.Maildir, error) {
	if err := r.Step("create archive %s", to.Path); err != nil {
		return nil, err
	}
	md, err := tree.Create(to.Path, state.Marker{AccountID: r.Row.ID, Host: r.Host, User: r.User,
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

// archived is a message in an archive, as the name of its file describes it.
type archived struct {
	file state.Foreign
	to   state.Departure
}

// Recall gives a mailbox of which the base knows no message the records of those in the
// configured archive: they are not to be fetched or archived again. Where the state is lost, nothing
// else knows of them.
func (r *Run) Recall(ctx context.Context, b *mailbox.Box) error {
	if r.Release == nil || r.Release.Into == nil || len(b.Records) > 0 || b.Gen() == nil {
		return nil
	}
	known, err := r.index(ctx)
	if err != nil {
		return err
	}
	var c state.Commit
	mine := slices.Clone(known[b.Gen().Token])
	slices.SortFunc(mine, func(x, y archived) int { return cmp.Compare(x.file.UID, y.file.UID) })
	for i, s := range mine {
		if i > 0 && s.file.UID == mine[i-1].file.UID {
			continue
		}
		c.Put = append(c.Put, state.Record{UID: s.file.UID, Variant: s.file.Variant, Status: state.Archived, Size: s.file.Size, Date: state.NoDate})
		c.Leave = append(c.Leave, s.to)
	}
	if r.DryRun {
		b.Records = plan.Apply(b.Records, c.Put, nil)
		return nil
	}
	return r.Commit(ctx, b, c)
}

// index reads the names in every archive of the account, once a run, by the tokens in them.
func (r *Run) index(ctx context.Context) (map[string][]archived, error) {
	r.Mu.Lock()
	defer r.Mu.Unlock()
	if r.indexed != nil {
		return r.indexed, nil
	}
	index := map[string][]archived{}
	root := r.Release.Into.Root
	tree, err := r.Root(root, false)
	if errors.Is(err, fs.ErrNotExist) {
		r.indexed = index
		return index, nil
	}
	if err != nil {
		return nil, err
	}
	found, err := tree.Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for archives in %s: %w", root, err)
	}
	for _, f := range found {
		if f.Err != nil {
			return nil, f.Err
		}
		if f.Marker.Role != state.RoleArchive || f.Marker.AccountID != r.Row.ID {
			continue
		}
		md, err := tree.Open(f.Path)
		if err != nil {
			return nil, err
		}
		disk, err := md.Scan(ctx, "", nil, &state.Keywords{})
		if err != nil {
			return nil, err
		}
		for _, file := range disk.Foreign {
			if file.Token != "" && file.UID != 0 {
				to := state.Departure{UID: file.UID, Root: root, Path: f.Path}
				index[file.Token] = append(index[file.Token], archived{file, to})
			}
		}
	}
	r.indexed = index
	return index, nil
}
