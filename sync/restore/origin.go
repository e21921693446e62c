package restore

import (
	"context"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// origin is where a restore to another server takes its messages from.
type origin struct {
	from    []port.Source
	memory  port.Memory // of the account that the sources are of; not asked where they have no generations
	deleted bool        // \Deleted travels
}

// owned is what is recorded of a token's generation, and the keywords of its mailbox.
type owned struct {
	recorded
	words *state.Keywords
	own   bool // that is the mailbox that is loaded
}

// ownerOf finds what is recorded of a token in a source or in the others; nil where no source's files carry it.
func (o *origin) ownerOf(ctx context.Context, s *port.Source, words *state.Keywords, token string) (b *owned, err error) {
	row := &s.Row
	b = &owned{words: words, own: plan.HasToken(row, token)}
	if !b.own {
		i := slices.IndexFunc(o.from, func(s port.Source) bool { return plan.HasToken(&s.Row, token) })
		if i < 0 {
			return nil, nil
		}
		row = &o.from[i].Row
		b.words = state.NewKeywords(row.Keywords)
	}
	i := slices.IndexFunc(row.Generations, func(g state.Generation) bool { return g.Token == token })
	if b.records, err = o.memory.Records(ctx, row.Generations[i].ID); err == nil {
		b.proofs, err = o.memory.Proofs(ctx, row.Generations[i].ID, nil)
	}
	return b, err
}

// load loads the messages of a source that are not older than since, with their flags in the target's keywords.
//
// The keyword letters of a file that somebody moved or copied here from another mailbox are not read: it is not known in
// which of both Maildirs they were written, and what was agreed on of the message is known.
func (o *origin) load(ctx context.Context, s *port.Source, kw *state.Keywords, since int64) (*loading, error) {
	token := ""
	if g := s.Row.Current(); g != nil {
		token = g.Token
	}
	own := state.NewKeywords(s.Row.Keywords)
	disk, err := s.Maildir.Scan(ctx, token, nil, own)
	if err != nil {
		return nil, err
	}
	files := make([]state.Foreign, 0, len(disk.Messages)+len(disk.Foreign))
	for _, m := range disk.Messages {
		files = append(files, state.Foreign{Token: token, UID: m.UID, Variant: m.Variant, Flags: m.Flags, Silent: m.Silent, Name: disk.NameAt(m.Name)})
	}
	files = append(files, disk.Foreign...)
	if s.Archived {
		files = slices.DeleteFunc(files, func(f state.Foreign) bool { return !plan.HasToken(&s.Row, f.Token) }) // another mailbox's
	}
	owners := map[string]*owned{"": nil}
	l := &loading{source: s, merge: true, left: slices.Clone(disk.NotMail)}
	l.recall = func(c *message, f state.Foreign) (rec state.Record, known bool, err error) {
		owner, asked := owners[f.Token]
		if !asked {
			if owner, err = o.ownerOf(ctx, s, own, f.Token); err != nil {
				return rec, false, err
			}
			owners[f.Token] = owner
		}
		flags, words := f.Flags, own
		if owner != nil {
			rec, known = plan.RecordOf(owner.records, f.UID, f.Variant)
			words = owner.words
		}
		switch {
		case owner == nil:
		case !owner.own:
			if flags &= state.System; known {
				flags = plan.HadFlags(rec, f.Silent, flags, state.System)
			}
			known = false
		case known && (rec.Status.HasFile() || rec.Status == state.Archived):
			flags = plan.HadFlags(rec, f.Silent, f.Flags, disk.Can)
			if p, ok := owner.proofs[f.UID]; ok {
				c.proof = &p
			}
		}
		if !o.deleted {
			flags &^= state.Deleted
		}
		for _, name := range words.NamesOf(flags) {
			if bit, ok := kw.Bit(name); ok {
				c.flags |= bit
			}
		}
		return rec, known, nil
	}
	return l, l.load(ctx, files, since)
}
