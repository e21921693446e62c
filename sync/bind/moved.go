package bind

import (
	"context"
	"fmt"
	"io/fs"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// A marker says at which path its Maildir was made. Found elsewhere, the Maildir is a
// copy if there is one at that path still; if not, the user moved it.

// marked returns, by mailbox, the Maildirs that a walk of the root found for mailboxes
// that the base knows nothing of; Err says why one may not be used. It notes which paths
// are taken and which tokens belong to which mailbox, and reports copies.
func (r *Run) marked(all []state.Found, taken map[string]bool) map[string]state.Found {
	markers := map[string]state.Found{}
	for _, f := range all {
		if f.Err != nil || f.Marker.AccountID != r.Row.ID {
			continue // another account's: who comes to its path is told
		}
		taken[f.Path] = true
		key := state.RawKey(f.Marker.Raw)
		if f.Marker.Role != state.RoleMailbox {
			key = "" // no mailbox of the server's
		}
		for _, g := range f.Marker.Generations {
			r.Owners[g.Token] = key
		}
		if key == "" {
			continue
		}
		switch _, known := markers[key]; {
		case f.Path == f.Marker.Path:
			markers[key] = f
		case r.isThere(f.Marker.Path):
			r.noteCopy(f)
		case known && markers[key].Path == markers[key].Marker.Path:
			r.noteCopy(f)
		case known:
			f.Err = state.Faultf(state.Storage, "the Maildirs %q and %q both say that they were moved from %q", markers[key].Path, f.Path, f.Marker.Path).
				WithHint("keep one of them in the tree")
			markers[key] = f
		default:
			if !r.Moved {
				f.Err = r.strayed(f.Marker, f.Path)
			}
			markers[key] = f
		}
	}
	return markers
}

func (r *Run) isThere(path string) bool {
	_, err := r.Tree.Open(path)
	return err == nil
}

func (r *Run) noteCopy(f state.Found) {
	r.Note(f.Path, fmt.Sprintf("the Maildir %q is a copy of %q; it is neither synced nor appended", f.Path, f.Marker.Path),
		"move it out of the tree, or remove it")
}

// strayed says what a Maildir is whose marker tells of another path.
func (r *Run) strayed(m state.Marker, path string) error {
	if r.isThere(m.Path) {
		return state.Faultf(state.Storage, "the Maildir %q is a copy of %q; it is neither synced nor appended", path, m.Path).
			WithHint("move it out of the tree, or remove it")
	}
	return state.Faultf(state.Storage, "the Maildir %q was moved to %q", m.Path, path).
		WithHint("move it back, or run once with --moved to follow it")
}

// Walk finds every marked Maildir below the root, once a run.
func (r *Run) Walk(ctx context.Context) ([]state.Found, error) {
	r.walking.Lock()
	defer r.walking.Unlock()
	if r.Found == nil {
		found, err := r.Tree.Find(ctx)
		if err != nil {
			return nil, fmt.Errorf("look for Maildirs: %w", err)
		}
		r.Found = append([]state.Found{}, found...)
	}
	return r.Found, nil
}

// astray looks for the Maildir of a box that is not at its path any more. It returns the
// Maildir where the user moved it to, if the user said so, and fs.ErrNotExist where one is
// to be begun afresh.
func (r *Run) astray(ctx context.Context, b *mailbox.Box) (port.Maildir, error) {
	found, err := r.Walk(ctx)
	if err != nil {
		return nil, err
	}
	var moved []state.Found
	for _, f := range found {
		m := f.Marker
		if f.Err == nil && m.AccountID == r.Row.ID && m.Role == state.RoleMailbox && state.RawKey(m.Raw) == state.RawKey(b.Row.Raw) &&
			(m.Path == b.Row.Path || m.Path == f.Path) {
			moved = append(moved, f)
		}
	}
	switch {
	case len(moved) == 1 && moved[0].Path == b.Row.Path:
		return r.complete(b, moved[0].Marker)
	case len(moved) == 1 && (r.Moved || moved[0].Marker.Path == moved[0].Path):
		// The second: an earlier run followed it, and was interrupted before the base knew.
		return r.follow(ctx, b, moved[0].Path)
	case r.New:
		return nil, fs.ErrNotExist
	case len(moved) == 1:
		return nil, r.strayed(moved[0].Marker, moved[0].Path)
	case len(moved) > 1:
		return nil, state.Faultf(state.Storage, "the Maildirs %q and %q both say that they were moved from %q", moved[0].Path, moved[1].Path, b.Row.Path).
			WithHint("keep one of them in the tree")
	}
	return nil, port.NotMounted("the Maildir %q is gone", b.Row.Path)
}

// complete makes the folders that a Maildir lost, as some backups leave out empty ones.
// They are others than the base knows, so that nothing counts as removed in this run.
func (r *Run) complete(b *mailbox.Box, m state.Marker) (port.Maildir, error) {
	if r.DryRun {
		return nil, state.Faultf(state.Storage, "the Maildir %q lacks a folder", b.Row.Path)
	}
	if err := r.Step("complete %s", b.Name); err != nil {
		return nil, err
	}
	r.Note(b.Name, "a folder of its Maildir was gone and is made again; what is missing here is fetched again", "")
	return r.Tree.Create(b.Row.Path, m)
}

// follow gives a box the path that its Maildir has now: its marker first, then the base.
func (r *Run) follow(ctx context.Context, b *mailbox.Box, path string) (port.Maildir, error) {
	md, err := r.Tree.Open(path)
	if err != nil {
		return nil, err
	}
	r.Note(b.Name, fmt.Sprintf("the Maildir %q is %q now", b.Row.Path, path), "")
	b.Row.Path, b.MD, b.Follows = path, md, true
	if err := r.setMarker(b); err != nil || r.DryRun || b.Row.ID == 0 {
		return md, err
	}
	return md, r.save(ctx, b)
}

// SameServer sees that an account whose host or user has another name in the
// configuration is on the server that its mail came from: UIDVALIDITY and messages of
// every mailbox that was synced have to agree, unless the user says that it moved. One that
// cannot be looked at fails, and the others are gone on with if one of them agrees.
func (r *Run) SameServer(ctx context.Context) error {
	if !r.Elsewhere() || r.Moved {
		return nil
	}
	var failed error
	agreed := 0
	for _, b := range r.Boxes {
		if b.Gen() == nil || b.Gen().Tally == (state.Tally{}) {
			continue
		}
		records, err := r.RecordsOf(ctx, b.Gen())
		if err != nil {
			return err
		}
		sn, err := r.Server.Scan(ctx, state.ScanRequest{Raw: b.Listed.Raw, Full: true, Keywords: state.NewKeywords(b.Row.Keywords)})
		if err != nil {
			if port.Ends(err) {
				return err
			}
			b.Refused, failed = err, err // it has to agree before it is gone on with
			continue
		}
		if sn.UIDLs == nil && b.Gen().Tally.OnServer == 0 {
			continue
		}
		same := plan.Compare(b.Gen(), sn.Mark) == plan.SameNumbers && plan.Agrees(records, sn.Messages)
		if sn.UIDLs != nil {
			same = same && plan.KnowsOne(records, sn.Messages)
		}
		if !same {
			return state.Faultf(state.Storage, "the Maildirs were filled from %s at %s, and %q is another mailbox at %s; nothing was done", r.Row.User, r.Row.Host, b.Name, r.Host).
				WithHint("give %s at %s a maildir of its own, or run once with --moved if it is the same account", r.User, r.Host)
		}
		agreed++
	}
	if failed != nil && agreed == 0 {
		return failed
	}
	r.Note("", fmt.Sprintf("%s at %s is %s at %s now: its messages are the same", r.Row.User, r.Row.Host, r.User, r.Host), "")
	return nil
}

// Elsewhere reports that host or user are not those that the base knows.
func (r *Run) Elsewhere() bool { return r.Row.Host != r.Host || r.Row.User != r.User }

// MoveIn makes host and user what they are now, once every marker says so.
func (r *Run) MoveIn() bool {
	if !r.Elsewhere() {
		return false
	}
	for _, b := range r.Boxes {
		if b.Failed {
			return false
		}
	}
	r.Row.Host, r.Row.User = r.Host, r.User
	return true
}

// ReportCopies reports every copy of a Maildir in the tree.
func (r *Run) ReportCopies(ctx context.Context) error {
	if !r.Saved {
		return nil // the walk was made, and what it found was told
	}
	found, err := r.Walk(ctx)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Err == nil && f.Marker.AccountID == r.Row.ID && f.Path != f.Marker.Path && r.isThere(f.Marker.Path) {
			r.noteCopy(f)
		}
	}
	return nil
}
