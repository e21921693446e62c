package restore

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// A file that the user moved to another Maildir has the identity of its former mailbox until a run carries the move
// to the server, which may never happen. Once the server has lost that message, it is put back where its file is.

// former is the mailbox of a message whose file is in another one's Maildir, and what is known of its messages.
type former struct {
	*recorded
	row *state.MailboxRow
	gen *state.Generation // that the file is of
	box *mailbox.Box      // nil: this run did not look at it
}

// formerOf finds the mailbox that a token is of, nil if it is not known.
func (h *Own) formerOf(ctx context.Context, token string) (*former, error) {
	for i := range h.Rows {
		row := &h.Rows[i]
		var of *mailbox.Box
		for _, b := range h.Boxes {
			if state.RawKey(b.Listed.Raw) == state.RawKey(row.Raw) && b.Gen() != nil && b.Server != nil && b.Server.Complete && !b.Failed {
				of, row = b, &b.Row
			}
		}
		k := slices.IndexFunc(row.Generations, func(g state.Generation) bool { return g.Token == token })
		if k < 0 || row.Role != state.RoleMailbox {
			continue
		}
		book, err := h.recorded(ctx, &row.Generations[k], of)
		if err != nil {
			return nil, err
		}
		return &former{book, row, &row.Generations[k], of}, nil
	}
	return nil, nil
}

// flags are those of a file that is in another mailbox's Maildir, in the bits of that.
func (m *former) flags(f state.Foreign, in *mailbox.Box) state.Flags {
	owner := &mailbox.Box{States: mailbox.States{Records: m.records, Disk: &state.DiskSnapshot{Can: state.System}}, KW: state.NewKeywords(m.row.Keywords)}
	if m.box != nil && m.box.Disk != nil {
		owner.Disk = m.box.Disk
	}
	file := match.Located{Name: f.Name, Of: match.Token{UID: f.UID, Variant: max(1, f.Variant)}, Flags: f.Flags, Letters: f.Letters, Silent: f.Silent}
	return mailbox.CarriedFlags(file, owner, in, in)
}

// mayHave reports whether the server may have the message of a file in its former mailbox. One that is
// numbered anew may have it under any number, as a message of its length without a file.
func (m *former) mayHave(f state.Foreign) bool {
	if m.gen.Current {
		rec, known := plan.RecordOf(m.records, f.UID, f.Variant)
		return known && rec.Status.OnServer()
	}
	return m.box == nil || slices.ContainsFunc(m.box.Server.Messages, func(o state.OnServer) bool {
		return (f.Size < 0 || o.Size < 0 || o.Size == f.Size) && !m.box.Record(o.UID).Status.HasFile()
	})
}

// movedHere are the files in a mailbox's Maildir of other mailboxes' messages that the server does not
// have any more, with their mailboxes by token. What an archive run took stays off the server.
func (h *Own) movedHere(ctx context.Context, b *mailbox.Box) (files []state.Foreign, formers map[string]*former, err error) {
	formers = map[string]*former{}
	unsure := 0
	for _, f := range b.Disk.Foreign {
		if !b.OfOther(f.Token) {
			continue
		}
		m, asked := formers[f.Token]
		if !asked {
			if m, err = h.formerOf(ctx, f.Token); err != nil {
				return nil, nil, err
			}
			formers[f.Token] = m
		}
		if m == nil {
			continue
		}
		rec, known := plan.RecordOf(m.records, f.UID, f.Variant)
		switch {
		case known && (rec.Status == state.Archived || rec.Status == state.Released):
		case !h.listed[state.RawKey(m.row.Raw)], !m.mayHave(f):
			files = append(files, f)
		case !m.gen.Current:
			unsure++
		}
	}
	if unsure > 0 {
		h.Note(b.Name, fmt.Sprintf("%d files that were moved here are not sent: the server may have their messages where they were", unsure), "")
	}
	return files, formers, nil
}
