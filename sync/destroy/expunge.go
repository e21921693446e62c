// Package destroy carries over deletions, of messages on the server and of files here: a copy is deleted only
// where the other side is sure to have deleted it, and is moved to the trash where there is one.
package destroy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/bind"
	"mailsync/sync/folder"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// Run is the deletions of a run.
type Run struct {
	*mailbox.Run
	bind   *bind.Run
	send   *send.Run
	folder *folder.Run
}

// New returns the deletions of a run.
func New(r *mailbox.Run, b *bind.Run, s *send.Run, sh *folder.Run) *Run {
	return &Run{Run: r, bind: b, send: s, folder: sh}
}

// Expunge carries deletions that the user made on disk over to the server. Before it
// asks the server for anything it looks at the disk once more: what is there again, or
// in another Maildir by now, was not deleted.
func (r *Run) Expunge(ctx context.Context, b *mailbox.Box, ops []plan.Op) error {
	ops, err := r.send.Spared(ctx, b, ops)
	if err != nil || len(ops) == 0 {
		return port.Wrap("expunge", err)
	}
	missing, err := r.stillMissing(ctx, b, mailbox.UIDsOf(ops))
	if err != nil {
		return fmt.Errorf("look at the disk once more: %w", err)
	}
	if len(missing) < len(ops) {
		b.Leave(mailbox.Disturbed)
	}
	route, err := plan.Way(r.Ability(b), false, false)
	if err != nil {
		return port.Wrap("expunge", err)
	}
	if route == plan.LeaveInTrash {
		if err := r.announce(ctx, b, missing); err != nil {
			return fmt.Errorf("expunge: %w", err)
		}
	}
	return r.ExpungeUIDs(ctx, b, missing, route, nil, func(done state.Expunged) error {
		return r.Commit(ctx, b, state.Commit{Forget: done.Gone})
	})
}

// ExpungeUIDs has the server delete messages, by the route that there is. Size and date of each must
// be those of its record; confirm, if not nil, is asked for each in the session that
// expunges. record is called with what became of them, also where the server failed.
func (r *Run) ExpungeUIDs(ctx context.Context, b *mailbox.Box, uids []state.UID, route plan.Route, confirm func(state.OnServer) bool, record func(state.Expunged) error) error {
	if len(uids) == 0 {
		return nil
	}
	changed := map[state.UID]bool{}
	req := state.ExpungeRequest{Raw: b.Listed.Raw, UIDValidity: b.Gen().Mark.UIDValidity, Keywords: b.KW}
	if confirm != nil {
		req.Confirm = func(m state.OnServer) bool {
			changed[m.UID] = !confirm(m)
			return !changed[m.UID]
		}
	}
	if route != plan.ExpungeHere {
		req.Trash = r.TrashMailbox(b)
	}
	for _, uid := range uids {
		rec := b.Record(uid)
		req.Messages = append(req.Messages, state.Doomed{UID: uid, Size: rec.Size, Date: rec.Date})
	}
	if err := r.Step("expunge %d in %s", len(uids), b.Name); err != nil {
		return err
	}
	done, err := r.Server.Expunge(ctx, req)
	err = port.Wrap("expunge", err)
	for _, uid := range done.Gone {
		if _, trashed := slices.BinarySearch(done.Trashed, uid); trashed {
			r.Did(b, port.MovedToTrash, uid, 0)
		} else {
			r.Did(b, port.DeletedThere, uid, 0)
		}
	}
	if failed := record(done); failed != nil {
		return errors.Join(err, failed)
	}
	for _, uid := range done.Kept {
		b.Leave(mailbox.Refused)
		if changed[uid] {
			r.Note(b.Name, fmt.Sprintf("uid %d stays on the server: its flags were changed meanwhile", uid), "")
			continue
		}
		if err := r.Problem(b.Name, uid, errors.New("expunge: the server shows another size or date for this message than before; it stays on the server")); err != nil {
			return err
		}
	}
	return err
}

// stillMissing looks at the whole disk once more and returns those of the UIDs whose
// files are nowhere: not in b's Maildir, which has to be the one it was, and not in any other of
// the account that changed since it was scanned. A user who moves a file while a run is
// on has deleted nothing.
func (r *Run) stillMissing(ctx context.Context, b *mailbox.Box, uids []state.UID) ([]state.UID, error) {
	m, err := b.MD.Marker()
	if err != nil {
		return nil, fmt.Errorf("read marker of %q: %w", b.Row.Path, err)
	}
	if err := r.bind.Check(b, m); err != nil {
		return nil, err
	}
	if err := r.Step("scan %s once more", b.Name); err != nil {
		return nil, err
	}
	again, err := b.MD.Scan(ctx, b.Gen().Token, uids, b.KW)
	if err != nil {
		return nil, err
	}
	if !again.Complete || !again.Mark.Same(b.Disk.Mark) {
		return nil, nil
	}
	there := map[state.UID]bool{}
	for _, f := range again.Messages {
		there[f.UID] = true
	}
	for _, other := range r.Boxes {
		if other == b || other.Row.ID == 0 {
			continue
		}
		before := len(there)
		if err := r.foreignIn(ctx, other, b.Gen().Token, there); err != nil {
			return nil, err
		}
		if len(there) > before {
			if err := r.Unsettle(ctx, other); err != nil {
				return nil, err
			}
		}
	}
	if err := r.foreignBeside(ctx, b.Gen().Token, there); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(uids), func(u state.UID) bool { return there[u] }), nil
}

// foreignBeside is foreignIn for the Maildirs of the account that are no part of this run:
// of mailboxes that are excluded, not asked for, or gone on the server.
func (r *Run) foreignBeside(ctx context.Context, token string, there map[state.UID]bool) error {
	in := map[string]bool{}
	for _, b := range r.Boxes {
		in[b.Row.Path] = true
	}
	for _, row := range r.Rows {
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
func (r *Run) foreignIn(ctx context.Context, b *mailbox.Box, token string, there map[state.UID]bool) error {
	md := b.MD
	if md == nil {
		var err error
		md, err = r.Tree.Open(b.Row.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return port.NotMounted("the Maildir %q is gone", b.Row.Path)
		}
		if err != nil {
			return err
		}
	}
	disk := b.Disk
	mark, err := md.Mark()
	if err != nil {
		return err
	}
	if disk == nil || mark != disk.Mark || !mark.Trusted {
		if disk, err = md.Scan(ctx, b.Gen().Token, nil, state.NewKeywords(b.Row.Keywords)); err != nil {
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
