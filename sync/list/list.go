// Package list identifies the account, and lists its mailboxes: on the server, on disk, and in the base.
package list

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/bind"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Run is the listing of a run.
type Run struct {
	*mailbox.Run
	bind *bind.Run
}

// New returns the listing of a run.
func New(r *mailbox.Run, b *bind.Run) *Run { return &Run{Run: r, bind: b} }

// Identify finds out who this account is: from the base, or, where that knows nothing,
// from the markers on disk.
func (r *Run) Identify(ctx context.Context) error {
	row, err := r.Base.Account(ctx)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	if r.Rows, err = r.Base.Mailboxes(ctx); err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	r.Row = row
	if row.ID != "" {
		r.Saved = true
		return r.learnSizes(ctx, r.Rows)
	}
	if _, err := r.bind.Walk(ctx); err != nil {
		return err
	}
	for _, f := range r.Found {
		switch m := f.Marker; {
		case f.Err != nil:
			return state.Faultf(state.Storage, "the state is gone, and a marker cannot be read: %w", f.Err).
				WithHint("bring %q back from a backup, or move that Maildir elsewhere", f.Path)
		case (m.Host != r.Host || m.User != r.User) && !r.Moved:
			return state.Faultf(state.Storage, "the Maildir %q was filled from %s at %s", f.Path, m.User, m.Host).
				WithHint("give %s at %s a maildir of its own, or run once with --moved if it is the same account", r.User, r.Host)
		case row.ID == "":
			row.ID = m.AccountID
		}
	}
	if r.RootKnown && len(r.Found) == 0 && !r.New {
		return port.NotMounted("the Maildir root holds nothing of ours any more")
	}
	if row.ID == "" {
		row.ID = rand.Text()
	}
	row.Host, row.User = r.Host, r.User
	r.Row = row
	return nil
}

// List asks the server for its mailboxes and makes a box of each that is included.
func (r *Run) List(ctx context.Context) error {
	last := r.lastUses()
	include := func(l state.Listed) bool {
		if !r.Can.Uses && l.Role == "" {
			l.Role = last[state.RawKey(l.Raw)]
		}
		return !l.NoSelect && (r.Include == nil || r.Include(l))
	}
	want := include
	if r.Census {
		want = func(l state.Listed) bool { return !l.NoSelect }
	}
	listing, err := r.Server.List(ctx, want)
	if err != nil {
		return err
	}
	if len(listing.Mailboxes) == 0 && len(r.Rows) > 0 {
		return errors.New("the server lists no mailbox at all, and it had some; nothing was done")
	}
	for _, name := range listing.Broken {
		if err := r.Problem(name, 0, port.ErrUnreadableName()); err != nil {
			return err
		}
	}
	r.Result.Unreadable, r.Result.Listed = len(listing.Broken), len(listing.Broken) == 0
	r.Result.Unknown = slices.Clone(listing.Broken)
	r.Can.UIDPlus, r.Can.Move = listing.UIDPlus, listing.Move
	r.Can.Labels, r.Can.EmailIDs, r.Can.Uses = listing.Labels, listing.EmailIDs, listing.Uses
	listed, err := r.take(listing, include)
	if err != nil {
		return err
	}
	if err := r.foundHere(ctx, listing); err != nil {
		return err
	}
	slices.SortFunc(r.Boxes, func(a, b *mailbox.Box) int { return plan.CompareNames(a.Name, b.Name) })
	if len(listing.Broken) == 0 {
		for _, row := range r.Rows {
			if row.Role == state.RoleMailbox && !listed[state.RawKey(row.Raw)] {
				r.Vanished = append(r.Vanished, row)
			}
		}
	}
	r.Result.Mailboxes = len(r.Boxes)
	r.Infof("", "mailboxes: %d listed, %d included", len(r.Boxes)+r.Result.Excluded.Mailboxes, len(r.Boxes))
	if r.Watch != nil {
		r.Watch.Listed(len(r.Boxes))
	}
	return nil
}

// take makes boxes of the mailboxes that are included, and returns the keys of all that are listed.
func (r *Run) take(listing *state.Listing, include func(state.Listed) bool) (listed map[string]bool, err error) {
	listed = map[string]bool{}
	for _, l := range listing.Mailboxes {
		key := state.RawKey(l.Raw)
		if listed[key] {
			continue
		}
		listed[key] = true
		if l.Role == "trash" && !l.NoSelect && r.Trash == "" {
			r.Trash = l.Raw
		}
		if l.NoSelect && l.Err != nil && r.hadMail(key) {
			if err := r.Problem(plan.DisplayName(l.Levels), 0, l.Err); err != nil {
				return nil, err
			}
		}
		if include(l) {
			r.Boxes = append(r.Boxes, &mailbox.Box{Listed: l, Name: plan.DisplayName(l.Levels)})
		} else if !l.NoSelect {
			r.Result.Exclude(l)
		}
	}
	return listed, nil
}

// hadMail reports whether the base knows of messages on the server in a mailbox.
func (r *Run) hadMail(key string) bool {
	return slices.ContainsFunc(r.Rows, func(row state.MailboxRow) bool {
		g := row.Current()
		return row.Role == state.RoleMailbox && state.RawKey(row.Raw) == key && g != nil && g.Tally.OnServer > 0
	})
}

// lastUses are the special uses of mailboxes (RFC 6154, e.g. sent mail) that are remembered as the server last reported
// them, by state.RawKey: in the base, for commands that ask no server, and in the marker, for a tree whose state is gone or
// that was copied to another machine. A listing without any use, as of a server that
// does not know them, or that refused the better LIST this time, changes none.
func (r *Run) lastUses() map[string]string {
	last := map[string]string{}
	for _, f := range r.Found {
		if m := f.Marker; f.Err == nil && m.AccountID == r.Row.ID && m.Role == state.RoleMailbox {
			last[state.RawKey(m.Raw)] = m.Use
		}
	}
	for _, row := range r.Rows {
		if row.Role == state.RoleMailbox {
			last[state.RawKey(row.Raw)] = row.Use
		}
	}
	return last
}

// learnSizes finds out whether the sizes that the server announces are estimates, by what is known of its
// messages, and remembers it.
func (r *Run) learnSizes(ctx context.Context, rows []state.MailboxRow) error {
	if r.Row.EstimatedSizes || !plan.Estimates(rows) {
		return nil
	}
	r.Row.EstimatedSizes = true
	if r.DryRun {
		return nil
	}
	return r.SaveAccount(ctx)
}

// Compared looks at the sizes of what this very run tied or fetched: where they are estimates, it
// fetches nothing once more for them and counts nothing as doubtful.
func (r *Run) Compared(ctx context.Context) error {
	misfits := 0
	for _, b := range r.Boxes {
		if b.Looked {
			misfits += plan.MisfitsIn(b.Records)
		}
	}
	if r.DryRun || !r.Saved || r.Row.EstimatedSizes || misfits < plan.EnoughMisfits {
		return nil
	}
	rows, err := r.Base.Mailboxes(ctx)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	return r.learnSizes(ctx, rows)
}
