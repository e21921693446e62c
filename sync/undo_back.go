package sync

import (
	"context"
	"fmt"

	"mailsync/state"
)

// What another client put back on the server before an undo did is looked for before anything is
// appended: its file is tied to it, and nothing is there twice.

// returned looks for messages of a mailbox that are back on the server.
type returned struct{ searching }

func (r *run) lookForBack(b *box) *returned {
	return &returned{searching{run: r, b: b, idents: map[state.UID]state.Ident{}, used: map[state.UID]bool{}}}
}

// tied ties the files whose messages are back, and returns the others.
func (s *returned) tied(ctx context.Context, batch []outgoing) ([]outgoing, error) {
	if err := s.ask(ctx, batch); err != nil {
		return nil, err
	}
	var left, found []outgoing
	for _, f := range batch {
		uid, err := s.message(ctx, state.Intent{Bytes: f.got.Bytes, Digest: f.got.Digest}, f, true)
		if err != nil {
			return nil, err
		}
		if uid == 0 {
			left = append(left, f)
			continue
		}
		f.got.UID = uid
		found = append(found, f)
	}
	if len(found) > 0 {
		s.note(s.b.name, fmt.Sprintf("%d of its messages were back on the server already", len(found)), "")
	}
	return left, s.tie(ctx, s.b, found)
}

// ask asks the server who those messages are that are not here and have the size of a file.
func (s *returned) ask(ctx context.Context, batch []outgoing) error {
	sizes := map[int64]bool{}
	for _, f := range batch {
		sizes[f.got.Bytes] = true
	}
	var uids []state.UID
	for _, rec := range s.b.records {
		_, asked := s.idents[rec.UID]
		if _, here := s.b.fileOf(rec.UID, max(1, rec.Variant)); rec.Status == state.Outstanding && sizes[rec.Size] && !asked && !here {
			uids = append(uids, rec.UID)
			s.idents[rec.UID] = state.Ident{UID: rec.UID} // a server may tell nothing of it
		}
	}
	if len(uids) == 0 {
		return nil
	}
	idents, err := s.Server.Idents(ctx, s.b.listed.Raw, s.b.gen().Mark.UIDValidity, uids)
	for _, id := range idents {
		s.idents[id.UID] = id
	}
	return err
}
