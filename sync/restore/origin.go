package restore

import (
	"context"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// origin is what a restore to another server takes its messages from.
type origin struct {
	from    []port.Source
	memory  port.Memory // of the account that the sources are of; not asked where they have no generations
	deleted bool        // \Deleted travels
}

// load loads the messages of a source that are not older than since, with their flags in the target's keywords.
func (o *origin) load(ctx context.Context, s *port.Source, kw *state.Keywords, since int64) (*loading, error) {
	books := map[string]*recorded{}
	token := ""
	for _, g := range s.Row.Generations {
		b, err := o.recorded(ctx, g.ID)
		if err != nil {
			return nil, port.Wrap("read state", err)
		}
		books[g.Token] = b
		if g.Current {
			token = g.Token
		}
	}
	words := state.NewKeywords(s.Row.Keywords)
	disk, err := s.Maildir.Scan(ctx, token, nil, words)
	if err != nil {
		return nil, err
	}
	files := make([]state.Foreign, 0, len(disk.Messages)+len(disk.Foreign))
	for _, m := range disk.Messages {
		files = append(files, state.Foreign{Token: token, UID: m.UID, Variant: m.Variant, Flags: m.Flags, Silent: m.Silent, Name: disk.NameAt(m.Name)})
	}
	files = append(files, disk.Foreign...)
	if s.Shelf {
		files = slices.DeleteFunc(files, func(f state.Foreign) bool { return books[f.Token] == nil }) // another mailbox's
	}
	l := &loading{source: s, merge: true, left: slices.Clone(disk.Passed)}
	l.recall = func(c *message, f state.Foreign) (rec state.Record, known bool, err error) {
		flags, words := f.Flags, words
		if b := books[f.Token]; b != nil {
			rec, known = plan.RecordOf(b.records, f.UID, f.Variant)
			if known && (rec.Status.HasFile() || rec.Status == state.Archived) {
				flags = plan.HadFlags(rec, f.Silent, f.Flags, disk.Can)
				if p, ok := b.proofs[f.UID]; ok {
					c.proof = &p
				}
			}
		} else if stranger, owner, err := o.strangerFlags(ctx, f); err != nil {
			return rec, false, err
		} else if owner != nil {
			flags, words = stranger, state.NewKeywords(owner.Row.Keywords)
		}
		if !o.deleted {
			flags &^= state.Deleted
		}
		for _, name := range words.NamesOf(flags) {
			if bit, ok := kw.Bit(name); ok {
				c.flags |= bit
			}
		}
		return rec, known, err
	}
	return l, l.load(ctx, files, since)
}

// recorded loads what is recorded of a generation.
func (o *origin) recorded(ctx context.Context, gen state.GenID) (b *recorded, err error) {
	b = &recorded{}
	if b.records, err = o.memory.Records(ctx, gen); err == nil {
		b.proofs, err = o.memory.Proofs(ctx, gen, nil)
	}
	return b, err
}

// strangerFlags are the flags, in the keywords of its owner, of a file that somebody moved or copied here from another
// mailbox. Its letters are not read: which Maildir's they are only both would tell, and what was
// agreed on of the message is known. owner is nil where no source's files carry its token.
func (o *origin) strangerFlags(ctx context.Context, f state.Foreign) (flags state.Flags, owner *port.Source, err error) {
	i := slices.IndexFunc(o.from, func(s port.Source) bool { return plan.HasToken(&s.Row, f.Token) })
	if i < 0 {
		return f.Flags, nil, nil
	}
	flags, owner = f.Flags&state.System, &o.from[i]
	for _, g := range owner.Row.Generations {
		if g.Token != f.Token {
			continue
		}
		b, err := o.recorded(ctx, g.ID)
		if err != nil {
			return 0, nil, err
		}
		if rec, known := plan.RecordOf(b.records, f.UID, f.Variant); known {
			flags = plan.HadFlags(rec, f.Silent, flags, state.System)
		}
	}
	return flags, owner, nil
}
