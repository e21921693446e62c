package sync

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
)

// A file that the user moved to another Maildir has the identity of the mailbox that it came from until the move was
// carried to the server, which need not be. Once the server has lost that message, it goes back to where its file lies.

// home is the mailbox of a message whose file lies in another one's Maildir, and what is known of its messages.
type home struct {
	row     *state.MailboxRow
	gen     *state.Generation // that the file is of
	box     *box              // nil: this run did not look at it
	records []state.Record
}

// homeOf finds the mailbox that a token is of, nil where nothing is known of it.
func (h *homing) homeOf(ctx context.Context, token string) (*home, error) {
	for i := range h.rows {
		row := &h.rows[i]
		var of *box
		for _, b := range h.boxes {
			if state.RawKey(b.listed.Raw) == state.RawKey(row.Raw) && b.gen() != nil && b.server != nil && b.server.Complete && !b.failed {
				of, row = b, &b.row
			}
		}
		k := slices.IndexFunc(row.Generations, func(g state.Generation) bool { return g.Token == token })
		if k < 0 || row.Role == state.RoleArchive {
			continue
		}
		records, err := h.recordsNow(ctx, &row.Generations[k], of)
		if err != nil {
			return nil, err
		}
		return &home{row, &row.Generations[k], of, records}, nil
	}
	return nil, nil
}

// flags are those of a file that lies in another mailbox's Maildir, in the bits of that.
func (m *home) flags(f state.Foreign, in *box) state.Flags {
	owner := &box{records: m.records, disk: &state.DiskSnapshot{Can: state.System}, kw: state.NewKeywords(m.row.Keywords)}
	if m.box != nil && m.box.disk != nil {
		owner.disk = m.box.disk
	}
	file := lying{name: f.Name, of: token{uid: f.UID, variant: max(1, f.Variant)}, flags: f.Flags, letters: f.Letters, silent: f.Silent}
	return carriedFlags(file, owner, in, in)
}

// mayHave reports whether the server may have the message of a file in the mailbox that it was in. One that is
// numbered anew may have it under any number, as one of its length that has no file.
func (m *home) mayHave(f state.Foreign) bool {
	if m.gen.Current {
		rec, known := recordOf(m.records, f.UID, f.Variant)
		return known && rec.Status.OnServer()
	}
	return m.box == nil || slices.ContainsFunc(m.box.server.Messages, func(o state.OnServer) bool {
		return (f.Size < 0 || o.Size < 0 || o.Size == f.Size) && !m.box.record(o.UID).Status.HasFile()
	})
}

// movedHere are the files in a mailbox's Maildir that are of other mailboxes' messages, and which the server does not
// have any more, with their mailboxes by token. What an archive run took stays off the server.
func (h *homing) movedHere(ctx context.Context, b *box) (files []state.Foreign, homes map[string]*home, err error) {
	homes = map[string]*home{}
	unsure := 0
	for _, f := range b.disk.Foreign {
		if !b.strange(f.Token) {
			continue
		}
		m, asked := homes[f.Token]
		if !asked {
			if m, err = h.homeOf(ctx, f.Token); err != nil {
				return nil, nil, err
			}
			homes[f.Token] = m
		}
		if m == nil {
			continue
		}
		rec, known := recordOf(m.records, f.UID, f.Variant)
		switch {
		case known && (rec.Status == state.Archived || rec.Status == state.Released):
		case !h.listed[state.RawKey(m.row.Raw)], !m.mayHave(f):
			files = append(files, f)
		case !m.gen.Current:
			unsure++
		}
	}
	if unsure > 0 {
		h.note(b.name, fmt.Sprintf("%d files that were moved here are not sent: the server may have their messages where they were", unsure), "")
	}
	return files, homes, nil
}
