package restore

import (
	"context"
	"fmt"
	"io"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// cargo is one message that is to be on the server.
type cargo struct {
	source *port.Source
	name   string
	flags  state.Flags // in the goal's keywords
	proof  *state.Proof
	ident  state.FileIdent
	got    *state.Received // once it was read
}

// load lists the messages of a source, and what of it is left out. Two files of one identity with the same bytes are
// one message.
func (r *restoring) load(ctx context.Context, s *port.Source, kw *state.Keywords) (all []*cargo, left []state.Passed, older int, err error) {
	books := map[string]*recorded{}
	token := ""
	for _, g := range s.Row.Generations {
		b, err := r.memory(g.ID)
		if err != nil {
			return nil, nil, 0, port.Wrap("read state", err)
		}
		books[g.Token] = &b
		if g.Current {
			token = g.Token
		}
	}
	words := state.NewKeywords(s.Row.Keywords)
	disk, err := s.Maildir.Scan(ctx, token, nil, words)
	if err != nil {
		return nil, nil, 0, err
	}
	left = slices.Clone(disk.Passed)
	files := make([]state.Foreign, 0, len(disk.Messages)+len(disk.Foreign))
	for _, m := range disk.Messages {
		files = append(files, state.Foreign{Token: token, UID: m.UID, Variant: m.Variant, Flags: m.Flags, Silent: m.Silent, Name: disk.NameAt(m.Name)})
	}
	files = append(files, disk.Foreign...)
	if s.Shelf {
		files = slices.DeleteFunc(files, func(f state.Foreign) bool { return books[f.Token] == nil }) // another mailbox's
	}
	first := map[port.Identity]*cargo{}
	for _, f := range files {
		c := &cargo{source: s, name: f.Name}
		names, err := r.recalled(c, f, books[f.Token], words, disk.Can)
		if err != nil {
			return nil, nil, 0, port.Wrap("read state", err)
		}
		for _, name := range names {
			if bit, ok := kw.Bit(name); ok {
				c.flags |= bit
			}
		}
		if err := c.identify(); err != nil {
			if err := leaveUnread(ctx, &left, f.Name, err); err != nil {
				return nil, nil, 0, err
			}
			continue
		}
		if c.proof != nil {
			c.ident.Size = c.proof.Bytes
		}
		c.undated(books[f.Token], f)
		id := port.Identity{Token: f.Token, Uid: f.UID, Variant: max(1, f.Variant)}
		if twin := first[id]; f.Token != "" && f.UID != 0 && twin != nil {
			same, err := r.sameFile(twin, c)
			if err != nil {
				if err := leaveUnread(ctx, &left, f.Name, err); err != nil {
					return nil, nil, 0, err
				}
				continue
			}
			if same {
				twin.flags |= c.flags
				continue
			}
		}
		first[id] = c
		all = append(all, c)
	}
	redate(all)
	all, older = notBefore(all, r.Since)
	return all, left, older, nil
}

// recalled takes what is recorded of a file's message, and returns the names of the flags that it had. b is that
// of its token, nil where there is none.
func (r *restoring) recalled(c *cargo, f state.Foreign, b *recorded, words *state.Keywords, can state.Flags) ([]string, error) {
	if b == nil {
		if owner := r.ownerOf(f.Token); owner != nil {
			return r.strangerFlags(f, owner)
		}
		b = &recorded{}
	}
	flags := f.Flags
	if rec, ok := plan.RecordOf(b.records, f.UID, f.Variant); ok && (rec.Status.HasFile() || rec.Status == state.Archived) {
		flags = plan.HadFlags(rec, f.Silent, f.Flags, can)
		if p, ok := b.proofs[f.UID]; ok {
			c.proof = &p
		}
	}
	if !r.Deleted {
		flags &^= state.Deleted
	}
	return words.NamesOf(flags), nil
}

// ownerOf is the source whose files carry a token, nil if there is none.
func (r *restoring) ownerOf(token string) *port.Source {
	for i := range r.From {
		if plan.HasToken(&r.From[i].Row, token) {
			return &r.From[i]
		}
	}
	return nil
}

// strangerFlags are the flags, by name, of a file that somebody moved or copied here from another
// mailbox. Its letters are not read: which Maildir's they are only both would tell, and what was
// agreed on of the message is known.
func (r *restoring) strangerFlags(f state.Foreign, owner *port.Source) ([]string, error) {
	flags := f.Flags & state.System
	for _, g := range owner.Row.Generations {
		if g.Token != f.Token {
			continue
		}
		b, err := r.memory(g.ID)
		if err != nil {
			return nil, err
		}
		if rec, known := plan.RecordOf(b.records, f.UID, f.Variant); known {
			flags = plan.HadFlags(rec, f.Silent, flags, state.System)
		}
	}
	if !r.Deleted {
		flags &^= state.Deleted
	}
	return state.NewKeywords(owner.Row.Keywords).NamesOf(flags), nil
}

// undated takes a file's date away where the server told none: the name has the time it came.
func (c *cargo) undated(b *recorded, f state.Foreign) {
	if b == nil {
		return
	}
	i, ok := plan.PlaceOf(b.records, f.UID)
	if ok && plan.CameUndated(b.records[i], f.Variant) {
		c.ident.Date = state.NoDate
	}
}

func (r *restoring) sameFile(a, b *cargo) (bool, error) {
	one, err := a.read()
	if err != nil {
		return false, err
	}
	two, err := b.read()
	return err == nil && one.Digest == two.Digest, err
}

// read reads the file, once.
func (c *cargo) read() (*state.Received, error) {
	if c.got == nil {
		got, err := c.source.Maildir.Inspect(c.name, c.proof)
		if err != nil {
			return nil, err
		}
		c.got = &got
	}
	return c.got, nil
}

// digest is that of the bytes that go to the server: the recorded one where there is one.
func (c *cargo) digest() ([state.DigestSize]byte, error) {
	if c.proof != nil {
		return c.proof.Digest, nil
	}
	got, err := c.read()
	if err != nil {
		return [state.DigestSize]byte{}, err
	}
	return got.Digest, nil
}

// sound reads the file and says what is wrong with it: damaged mail is not put on a
// server in place of what it was.
func (c *cargo) sound() error {
	got, err := c.read()
	switch {
	case err != nil:
		return err
	case c.proof != nil && (got.Digest != c.proof.Digest || got.Bytes != c.proof.Bytes),
		c.proof == nil && got.Hints.Hash != "" && !got.Vouched:
		return state.Faultf(state.Other, "the file is damaged: its bytes are not those that were fetched").
			WithHint(`"mailsync verify" names all such files, and --repair fetches them again where the server still has them`)
	}
	return nil
}

// open opens the bytes as the server once sent them.
func (c *cargo) open() (io.ReadCloser, error) { return c.source.Maildir.Body(c.name, c.got.Form) }

func (c *cargo) String() string { return fmt.Sprintf("%s: %s", c.source.Name, c.name) }
