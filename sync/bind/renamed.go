package bind

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// renaming is a mailbox that the server gave another name, and where its Maildir goes.
type renaming struct {
	row    state.MailboxRow
	box    *mailbox.Box
	target string
}

// Renamed finds the mailboxes that the server renamed and renames their Maildirs. A
// mailbox is a renamed one only if its old name is missing from a complete listing and
// its MAILBOXID is the same, or UIDVALIDITY and every message that both have are.
func (r *Run) Renamed(ctx context.Context) error {
	var fresh []*mailbox.Box
	for _, b := range r.Boxes {
		known := func(row state.MailboxRow) bool { return state.RawKey(row.Raw) == state.RawKey(b.Listed.Raw) }
		if !slices.ContainsFunc(r.Rows, known) {
			fresh = append(fresh, b)
		}
	}
	var pairs []renaming
	for _, row := range r.Vanished {
		b, err := r.renamedTo(ctx, row, fresh)
		if err != nil {
			return err
		}
		again := func(b *mailbox.Box) bool { return state.RawKey(b.Listed.Raw) == state.RawKey(row.Raw) } // restore made it
		if b == nil && slices.ContainsFunc(r.Boxes, again) {
			continue
		}
		if b == nil {
			r.Note(row.Path, "the mailbox is gone on the server; its Maildir stays as it is", "")
			continue
		}
		fresh = slices.DeleteFunc(fresh, func(other *mailbox.Box) bool { return other == b })
		pairs = append(pairs, renaming{row: row, box: b})
	}
	for i := range pairs {
		p := &pairs[i]
		taken := func(path string) bool {
			return slices.ContainsFunc(r.Rows, func(row state.MailboxRow) bool { return row.Path == path && row.ID != p.row.ID })
		}
		p.target = r.Tree.Place(p.box.Listed.Levels, taken)
	}
	// Parents first: what lies below a Maildir goes with it.
	slices.SortFunc(pairs, func(x, y renaming) int { return cmp.Compare(x.row.Path, y.row.Path) })
	for _, p := range pairs {
		if err := r.rename(ctx, p, pairs); err != nil {
			if err := r.Problem(p.box.Name, 0, err); err != nil {
				return err
			}
			p.box.Refused = err
		}
	}
	return nil
}

// renamedTo returns the box that a missing mailbox is now, nil if there is none, or more
// than one.
func (r *Run) renamedTo(ctx context.Context, row state.MailboxRow, fresh []*mailbox.Box) (*mailbox.Box, error) {
	gen := row.Current()
	if gen == nil {
		return nil, nil
	}
	var found []*mailbox.Box
	for _, b := range fresh {
		same := row.MailboxID != "" && row.MailboxID == b.Listed.MailboxID
		if !same {
			var err error
			if same, err = r.sameMessages(ctx, row, gen, b); err != nil {
				return nil, err
			}
		}
		if same {
			found = append(found, b)
		}
	}
	if len(found) != 1 {
		return nil, nil
	}
	return found[0], nil
}

// sameMessages reports whether a mailbox has the UIDVALIDITY of a row's, and the name that the
// server has for it, or where it tells none, whether every message that both have is the same.
func (r *Run) sameMessages(ctx context.Context, row state.MailboxRow, gen *state.Generation, b *mailbox.Box) (bool, error) {
	if b.Listed.HasMark && b.Listed.Mark.UIDValidity != gen.Mark.UIDValidity || gen.Tally.OnServer == 0 {
		return false, nil
	}
	records, err := r.RecordsOf(ctx, gen)
	if err != nil {
		return false, err
	}
	sn, err := r.Server.Scan(ctx, state.ScanRequest{Raw: b.Listed.Raw, Full: true, Keywords: state.NewKeywords(row.Keywords)})
	if err != nil {
		if port.Ends(err) {
			return false, err
		}
		return false, nil // whatever is wrong with it will be told when it is scanned
	}
	if row.MailboxID != "" && sn.MailboxID != "" {
		return row.MailboxID == sn.MailboxID, nil
	}
	return plan.Compare(gen, sn.Mark) == plan.SameNumbers && plan.Agrees(records, sn.Messages), nil
}

// rename takes a mailbox over under its new name: its folder, then its marker, then the
// base. Cut off in between, the next run finds the same pair and goes on from there. Where
// the folder cannot be renamed the mailbox keeps the path it has.
func (r *Run) rename(ctx context.Context, p renaming, pairs []renaming) error {
	b, old := p.box, p.row.Path
	b.Row = p.row
	b.Row.Raw, b.Row.Sep = b.Listed.Raw, b.Listed.Sep
	b.Row.MailboxID = cmp.Or(b.Row.MailboxID, b.Listed.MailboxID) // a rename keeps it (RFC 8474 section 4.1)
	b.Follows = true
	path, err := r.renameDir(p, pairs)
	if err != nil {
		return err
	}
	b.Row.Path = path
	if path == old && p.target != old {
		r.Note(b.Name, fmt.Sprintf("the server renamed %q to it; its Maildir stays %q", p.row.Raw, old), "")
	} else {
		r.Note(b.Name, fmt.Sprintf("the server renamed %q to it, and its Maildir is %q now", p.row.Raw, path), "")
	}
	if r.DryRun {
		b.Row.Path = old
		r.replaceRow(b.Row)
		return nil
	}
	if b.MD, err = r.Tree.Open(path); err != nil {
		return err
	}
	if err := r.setMarker(b); err != nil {
		return err
	}
	if err := r.save(ctx, b); err != nil {
		return err
	}
	r.replaceRow(b.Row)
	return nil
}

// replaceRow takes a row of this run for the one that the base had.
func (r *Run) replaceRow(row state.MailboxRow) {
	for i := range r.Rows {
		if r.Rows[i].ID == row.ID {
			r.Rows[i] = row
		}
	}
}

// renameDir renames a mailbox's folder, if that is clean, and returns the path where its
// Maildir is then.
func (r *Run) renameDir(p renaming, pairs []renaming) (string, error) {
	old := p.row.Path
	ours, err := r.isOurs(old, p.row)
	if errors.Is(err, fs.ErrNotExist) {
		// A run that was interrupted renamed it, or it went with the folder above.
		if ours, err = r.isOurs(p.target, p.row); ours {
			return p.target, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			return "", port.NotMounted("the Maildir %q is gone", old)
		}
	}
	if err != nil {
		return "", err
	}
	if !ours {
		return "", state.Faultf(state.Storage, "the server renamed %q to %q, and the Maildir %q is not the one it was", p.row.Raw, p.box.Name, old).
			WithHint("move it back, or remove the copy")
	}
	if p.target == old || r.DryRun || !goesAlong(p, pairs, r.Rows) {
		return old, nil
	}
	if err := r.Step("rename %s to %s", old, p.target); err != nil {
		return "", err
	}
	err = r.Tree.Rename(old, p.target)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrInvalid) {
		return old, nil
	}
	if err != nil {
		return "", err
	}
	return p.target, nil
}

// isOurs reports whether the Maildir at a path is a row's, by its marker; fs.ErrNotExist
// where there is none.
func (r *Run) isOurs(path string, row state.MailboxRow) (bool, error) {
	md, err := r.Tree.Open(path)
	if err != nil {
		return false, err
	}
	m, err := md.Marker()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	g := row.Current()
	return err == nil && m.AccountID == r.Row.ID && m.Role == state.RoleMailbox && g != nil &&
		slices.ContainsFunc(m.Generations, func(mg state.MarkerGeneration) bool { return mg.Token == g.Token }), err
}

// goesAlong reports whether every Maildir below the one that is renamed goes to the same
// place by its own new name: only then may the folder take them along.
func goesAlong(p renaming, pairs []renaming, rows []state.MailboxRow) bool {
	for _, row := range rows {
		below, ok := strings.CutPrefix(row.Path, p.row.Path+"/")
		if !ok {
			continue
		}
		same := func(o renaming) bool { return o.row.ID == row.ID && o.target == p.target+"/"+below }
		if !slices.ContainsFunc(pairs, same) {
			return false
		}
	}
	return true
}
