package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
)

// foundHere makes mailboxes on the server of Maildirs that mail programs made, where files
// that they put here go to the server. A Maildir whose files carry tokens that nobody of
// this account gave is somebody else's, or a copy: it is left alone.
func (r *run) foundHere(ctx context.Context, listing *state.Listing) error {
	if !r.Policy.Append || r.Partial || r.DryRun || len(listing.Broken) > 0 {
		return nil
	}
	taken := map[string]bool{}
	tokens := map[string]bool{"": true}
	for _, row := range r.rows {
		taken[row.Path] = true
		for _, g := range row.Generations {
			tokens[g.Token] = true
		}
	}
	for _, f := range r.found {
		for _, g := range f.Marker.Generations {
			tokens[g.Token] = true
		}
	}
	there := map[string]bool{}
	for _, l := range listing.Mailboxes {
		if !l.NoSelect {
			there[displayName(l.Levels)] = true
		}
	}
	found, err := r.Tree.Unmarked(ctx)
	if err != nil {
		return fmt.Errorf("look for new Maildirs: %w", err)
	}
	for _, f := range found {
		name := displayName(f.Levels)
		if taken[f.Path] || there[name] || r.Include != nil && !r.Include(state.Listed{Levels: f.Levels, Size: -1}) {
			continue
		}
		if err := r.makeMailbox(ctx, f, name, tokens); err != nil {
			if err := r.problem(name, 0, fmt.Errorf("make the mailbox on the server: %w", err)); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeMailbox makes one mailbox of a Maildir that was found.
func (r *run) makeMailbox(ctx context.Context, f state.Unmarked, name string, tokens map[string]bool) error {
	md, err := r.Tree.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone again
	}
	if err != nil {
		return err
	}
	disk, err := md.Scan(ctx, "", nil, state.NewKeywords(nil))
	if err != nil {
		return err
	}
	if slices.ContainsFunc(disk.Foreign, func(f state.Foreign) bool { return !tokens[f.Token] }) {
		r.note(name, "the Maildir holds messages of another account, or is a copy; it was left alone", "")
		return nil
	}
	if err := r.step("create mailbox %s", name); err != nil {
		return err
	}
	made, err := r.Server.CreateMailbox(ctx, f.Levels, "")
	if err != nil {
		return err
	}
	r.boxes = append(r.boxes, &box{listed: made, name: name, turn: newTurn()})
	return nil
}
