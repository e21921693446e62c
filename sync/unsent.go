package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
)

// unsent is a file that should be on the server and is not: its append or its move failed, or the server
// confirmed it and does not list it. It may be all that is left of a message whose file was
// removed elsewhere.
type unsent struct {
	box  *box
	name string
	got  *state.Received // once it was read
}

// keepsBack remembers files that are not on the server. What they may be part of is not expunged in
// this run.
func (r *run) keepsBack(b *box, files ...unsent) {
	r.turn.take()
	defer r.turn.give()
	for _, u := range files {
		u.box = b
		r.unsent = append(r.unsent, u)
	}
}

// keepsBackOps is keepsBack of files that nobody read.
func (r *run) keepsBackOps(b *box, ops []Op) {
	for _, o := range ops {
		r.keepsBack(b, unsent{name: o.Name})
	}
}

// traits are what an unsent file and a message on the server have in common if they are one message.
type traits struct {
	digests    map[[state.DigestSize]byte]bool
	lengths    map[int64]bool
	messageIDs map[string]bool
}

// traitsOfUnsent reads the files that are not on the server. One that cannot be read may be any message.
func (r *run) traitsOfUnsent() (*traits, error) {
	t := &traits{map[[state.DigestSize]byte]bool{}, map[int64]bool{}, map[string]bool{}}
	for _, u := range r.unsent {
		ident, err := u.box.md.Ident(u.name)
		if err == nil && u.got == nil {
			u.got = new(state.Received)
			*u.got, err = u.box.md.Inspect(u.name, nil)
		}
		if errors.Is(err, fs.ErrNotExist) && u.got != nil {
			err = nil // it went meanwhile, and is known by its bytes
		}
		if err != nil {
			return nil, fmt.Errorf("%q is not on the server and cannot be read, and what was removed here may be part of it: no deletion was carried over to the server: %w", u.name, err)
		}
		t.digests[u.got.Digest], t.lengths[u.got.Bytes] = true, true
		if ident.MessageID != "" {
			t.messageIDs[ident.MessageID] = true
		}
	}
	return t, nil
}

// spared leaves those messages out of what is to be expunged that an unsent file may be: one of the same
// bytes, or of the same Message-ID. Where the user moved it, the server's copy is the only one that it shows.
func (r *run) spared(ctx context.Context, b *box, ops []Op) ([]Op, error) {
	if len(r.unsent) == 0 {
		return ops, nil
	}
	t, err := r.traitsOfUnsent()
	if err != nil {
		return nil, err
	}
	proofs, err := r.Base.Proofs(ctx, b.gen().ID, uidsOf(ops))
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	named := map[state.UID]bool{}
	if len(t.messageIDs) > 0 {
		idents, err := r.Server.Idents(ctx, b.listed.Raw, b.gen().Mark.UIDValidity, uidsOf(ops))
		if err != nil {
			return nil, fmt.Errorf("look up what is to be expunged: %w", err)
		}
		for _, id := range idents {
			named[id.UID] = t.messageIDs[id.MessageID]
		}
	}
	kept := slices.DeleteFunc(slices.Clone(ops), func(o Op) bool {
		p, proven := proofs[o.UID]
		return t.digests[p.Digest] || named[o.UID] || !proven && t.lengths[b.record(o.UID).Size]
	})
	if n := len(ops) - len(kept); n > 0 {
		b.undone = true
		r.note(b.name, fmt.Sprintf("%d messages that were removed here stay on the server: files here that may be the same messages are not there yet", n), "")
	}
	return kept, nil
}
