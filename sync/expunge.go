package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
)

// expunge carries deletions that the user made on disk over to the server. Before it
// asks the server for anything it looks at the disk once more: what is there again, or
// lies in another Maildir by now, was not deleted.
func (r *run) expunge(ctx context.Context, b *box, ops []Op) error {
	ops, err := r.spared(ctx, b, ops)
	if err != nil || len(ops) == 0 {
		return wrap("expunge", err)
	}
	missing, err := r.stillMissing(ctx, b, uidsOf(ops))
	if err != nil {
		return fmt.Errorf("look at the disk once more: %w", err)
	}
	b.undone = b.undone || len(missing) < len(ops)
	route, err := Way(r.ability(b), false, false)
	if err != nil {
		return wrap("expunge", err)
	}
	if route == LeaveInTrash {
		if err := r.announce(ctx, b, missing); err != nil {
			return fmt.Errorf("expunge: %w", err)
		}
	}
	done, err := r.letGo(ctx, b, missing, route, nil)
	r.addN(&r.result.DeletedOnServer, len(done.Gone)-len(done.Trashed))
	r.addN(&r.result.MovedToTrash, len(done.Trashed))
	if commit := r.commit(ctx, b, state.Commit{Forget: done.Gone}); commit != nil {
		return errors.Join(wrap("expunge", err), commit)
	}
	for _, uid := range done.Kept {
		b.undone = true
		if err := r.problem(b.name, uid, fmt.Errorf("expunge: the server shows another size or date for this message than before; it was not deleted")); err != nil {
			return err
		}
	}
	return wrap("expunge", err)
}

// letGo has the server delete messages, by the route that there is. Size and date of each must
// be those of its record; confirm, if not nil, is asked for each in the session that
// expunges. What it returns holds also beside an error, and is still to be committed.
func (r *run) letGo(ctx context.Context, b *box, uids []state.UID, route Route, confirm func(state.OnServer) bool) (state.Expunged, error) {
	if len(uids) == 0 {
		return state.Expunged{}, nil
	}
	req := state.ExpungeRequest{Raw: b.listed.Raw, UIDValidity: b.gen().Mark.UIDValidity, Keywords: b.kw, Confirm: confirm}
	if route != ExpungeHere {
		req.Trash = r.trashMailbox(b)
	}
	for _, uid := range uids {
		rec := b.record(uid)
		req.Messages = append(req.Messages, state.Doomed{UID: uid, Size: rec.Size, Date: rec.Date})
	}
	if err := r.step("expunge %d in %s", len(uids), b.name); err != nil {
		return state.Expunged{}, err
	}
	return r.Server.Expunge(ctx, req)
}

// trashMailbox is the raw name of the server's trash, "" where it has none or b is it.
func (r *run) trashMailbox(b *box) string {
	if b.listed.Role == "trash" {
		return ""
	}
	return r.trash
}

// stillMissing looks at the whole disk once more and returns those of the UIDs whose
// files are nowhere: not in b's Maildir, which has to be the one it was, and not in any other of
// the account that changed since it was scanned. A user who moves a file while a run is
// on has deleted nothing.
func (r *run) stillMissing(ctx context.Context, b *box, uids []state.UID) ([]state.UID, error) {
	m, err := b.md.Marker()
	if err != nil {
		return nil, fmt.Errorf("read marker of %q: %w", b.row.Path, err)
	}
	if err := r.check(b, m); err != nil {
		return nil, err
	}
	if err := r.step("scan %s once more", b.name); err != nil {
		return nil, err
	}
	again, err := b.md.Scan(ctx, b.gen().Token, uids, b.kw)
	if err != nil {
		return nil, err
	}
	if !again.Complete || !again.Mark.Same(b.disk.Mark) {
		return nil, nil
	}
	there := map[state.UID]bool{}
	for _, f := range again.Messages {
		there[f.UID] = true
	}
	for _, other := range r.boxes {
		if other == b || other.row.ID == 0 {
			continue
		}
		before := len(there)
		if err := r.foreignIn(ctx, other, b.gen().Token, there); err != nil {
			return nil, err
		}
		if len(there) > before {
			if err := r.unsettle(ctx, other); err != nil {
				return nil, err
			}
		}
	}
	if err := r.foreignBeside(ctx, b.gen().Token, there); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(uids), func(u state.UID) bool { return there[u] }), nil
}

// unsettle has the next run look at a mailbox in which files of another one lie. It was settled
// by a run that could not look at the other, and would never be seen as where they were moved to.
func (r *run) unsettle(ctx context.Context, b *box) error {
	b.undone = true
	if g := b.gen(); g == nil || !g.Clean {
		return nil
	}
	return r.commit(ctx, &box{name: b.name, row: b.row}, state.Commit{Clean: new(bool)})
}

// foreignBeside is foreignIn for the Maildirs of the account that are no part of this run:
// of mailboxes that are excluded, not asked for, or gone on the server.
func (r *run) foreignBeside(ctx context.Context, token string, there map[state.UID]bool) error {
	in := map[string]bool{}
	for _, b := range r.boxes {
		in[b.row.Path] = true
	}
	for _, row := range r.rows {
		if in[row.Path] || row.Role == state.RoleArchive {
			continue
		}
		md, err := r.Tree.Open(row.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		disk, err := md.Scan(ctx, token, nil, state.NewKeywords(row.Keywords))
		if err != nil {
			return err
		}
		for _, f := range disk.Messages { // by that token, all of them are the other mailbox's
			there[f.UID] = true
		}
	}
	return nil
}

// foreignIn adds to there the UIDs of the files with that token in another mailbox's
// Maildir. One that did not change since this run scanned it is not read again.
func (r *run) foreignIn(ctx context.Context, b *box, token string, there map[state.UID]bool) error {
	md := b.md
	if md == nil {
		var err error
		md, err = r.Tree.Open(b.row.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return notMounted("the Maildir %q is gone", b.row.Path)
		}
		if err != nil {
			return err
		}
	}
	disk := b.disk
	mark, err := md.Mark()
	if err != nil {
		return err
	}
	if disk == nil || mark != disk.Mark || !mark.Trusted {
		if disk, err = md.Scan(ctx, b.gen().Token, nil, state.NewKeywords(b.row.Keywords)); err != nil {
			return err
		}
	}
	for _, f := range disk.Foreign {
		if f.Token == token {
			there[f.UID] = true
		}
	}
	return nil
}
