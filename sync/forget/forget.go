// Package forget lets go of a mailbox that is gone on the server: it is no longer reported, and its Maildir stays,
// as foreign. The Maildir's marker and the base's row get the role state.RoleForgotten. What is recorded of its
// messages stays in the base: what archive runs took, and that files of it elsewhere are not new mail. So it can be
// taken back.
//
// The marker is written first. If the run is interrupted in between, every later run finds a marker that is not the mailbox's,
// changes nothing there, and names this command, which continues.
package forget

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/bind"
	"mailsync/sync/list"
	"mailsync/sync/mailbox"
	"mailsync/sync/port"
)

// Run forgets a mailbox, or takes it back.
type Run struct {
	*mailbox.Run
	ID   int64 // of the mailbox's row
	list *list.Run
	bind *bind.Run
}

// New returns a run that forgets the mailbox of a row, or takes it back.
func New(r *mailbox.Run, id int64, l *list.Run, b *bind.Run) *Run {
	return &Run{Run: r, ID: id, list: l, bind: b}
}

// Gone makes sure that the server does not have the mailbox any more, under no name. A marker that names it
// forgotten proves that an earlier run was sure of it.
func (r *Run) Gone(ctx context.Context) error {
	row, m, err := r.look()
	if err != nil || m != nil && m.Role == state.RoleForgotten {
		return err
	}
	r.Policy.Append, r.Partial = false, true // nothing is made on the server
	if err := r.list.List(ctx); err != nil {
		return err
	}
	if r.Result.Unreadable > 0 {
		return state.Faultf(state.Other, "the server lists %d mailboxes under names that cannot be read, and it may be one of them", r.Result.Unreadable).
			WithHint("rename these on the server first")
	}
	if !slices.ContainsFunc(r.Vanished, func(v state.MailboxRow) bool { return v.ID == row.ID }) {
		return state.Faultf(state.Usage, "the mailbox is not gone: the server lists it").
			WithHint("to leave it out of every run, add it to the account's \"exclude\"")
	}
	to, err := r.bind.RenamedTo(ctx, row)
	if err == nil && to != "" {
		err = state.Faultf(state.Usage, "the mailbox is not gone: the server has renamed it to %q", to).
			WithHint("the next \"mailsync sync %s\" follows", r.Name)
	}
	return err
}

// Forget lets go of the mailbox.
func (r *Run) Forget(ctx context.Context) error {
	row, m, err := r.look()
	if err != nil || r.DryRun {
		return err
	}
	if m != nil && m.Role != state.RoleForgotten {
		if err := r.mark(row, *m, state.RoleForgotten); err != nil {
			return err
		}
	}
	return r.save(ctx, row, state.RoleForgotten)
}

// TakeBack makes a forgotten mailbox one of the account again.
func (r *Run) TakeBack(ctx context.Context) error {
	row, m, err := r.look()
	if err != nil {
		return err
	}
	for _, o := range r.Rows {
		if o.ID != row.ID && o.Role == state.RoleMailbox && state.SameName(o.Raw, row.Raw) {
			return state.Faultf(state.Usage, "the server has had a mailbox of this name since, whose Maildir is %q", o.Path).
				WithHint("copy the messages from %q there, or restore them with --from", row.Path)
		}
	}
	if r.DryRun {
		return nil
	}
	if err := r.save(ctx, row, state.RoleMailbox); err != nil || m == nil {
		return err
	}
	return r.mark(row, *m, state.RoleMailbox)
}

// look returns the mailbox's row and the marker of its Maildir: the one that is to be there, where it has none;
// nil where there is no Maildir, or another mailbox's.
func (r *Run) look() (row state.MailboxRow, m *state.Marker, err error) {
	i := slices.IndexFunc(r.Rows, func(row state.MailboxRow) bool { return row.ID == r.ID })
	if i < 0 {
		return row, nil, state.Faultf(state.Usage, "the state knows no such mailbox any more")
	}
	row = r.Rows[i]
	md, err := r.Tree.Open(row.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return row, nil, nil
	}
	if err != nil {
		return row, nil, err
	}
	is, err := md.Marker()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		is = r.bind.MarkerOf(row)
		return row, &is, nil
	case err != nil:
		return row, nil, fmt.Errorf("read marker of %q: %w", row.Path, err)
	case is.AccountID != r.Row.ID || is.Role == state.RoleArchive || !state.SameName(is.Raw, row.Raw):
		return row, nil, nil
	}
	return row, &is, nil
}

// mark writes the Maildir's marker, durably.
func (r *Run) mark(row state.MailboxRow, m state.Marker, role string) error {
	if err := r.Step("mark %s as %s", row.Path, role); err != nil {
		return err
	}
	md, err := r.Tree.Open(row.Path)
	if err != nil {
		return err
	}
	m.Role = role
	return md.SetMarker(m)
}

// save writes the base's row. What is missing in the Maildir proves nothing after that, should it ever be a mailbox's again.
func (r *Run) save(ctx context.Context, row state.MailboxRow, role string) error {
	if row.Role == role {
		return nil
	}
	if err := r.Step("save mailbox %s as %s", row.Path, role); err != nil {
		return err
	}
	row.Role, row.Generations = role, slices.Clone(row.Generations)
	for i := range row.Generations {
		row.Generations[i].Disk, row.Generations[i].Clean = state.DirMark{}, false
	}
	return port.Wrap("write state", r.Base.SaveMailbox(ctx, &row))
}
