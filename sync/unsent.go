package sync

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
)

// unsent is a file that should be on the server and is not: its append or its move failed, or the server
// confirmed it and does not list it. It may be all that is left of a message whose file was
// removed elsewhere.
type unsent struct {
	box  *box
	name string
	is   *likeness // once it was read
}

// likeness is what a file and a message on the server have in common if they are one message.
type likeness struct {
	digest    [state.DigestSize]byte
	bytes     int64
	messageID string
}

// keepsBack remembers that a file is not on the server. What it may be is not expunged in this run.
// got is what was read of it, nil for one that nobody read.
func (r *run) keepsBack(b *box, name string, got *state.Received) {
	u := unsent{box: b, name: name}
	if got != nil {
		u.is, _ = b.likeness(name, got) // else it is read again where it matters
	}
	r.turn.take()
	defer r.turn.give()
	r.unsent = append(r.unsent, u)
}

// keepsBackOps is keepsBack of the files of operations.
func (r *run) keepsBackOps(b *box, ops []Op) {
	for _, o := range ops {
		r.keepsBack(b, o.Name, nil)
	}
}

// likeness reads a file, or what of it is not in got.
func (b *box) likeness(name string, got *state.Received) (*likeness, error) {
	ident, err := b.md.Ident(name)
	if err != nil {
		return nil, err
	}
	if got == nil {
		read, err := b.md.Inspect(name, nil)
		if err != nil {
			return nil, err
		}
		got = &read
	}
	return &likeness{got.Digest, got.Bytes, ident.MessageID}, nil
}

// traits are those of all files that are not on the server.
type traits struct {
	digests    map[[state.DigestSize]byte]bool
	lengths    map[int64]bool
	messageIDs map[string]bool
}

// traitsOfUnsent reads the files that are not on the server. One that cannot be read may be any message.
func (r *run) traitsOfUnsent() (t traits, err error) {
	t = traits{map[[state.DigestSize]byte]bool{}, map[int64]bool{}, map[string]bool{}}
	for i := range r.unsent {
		u := &r.unsent[i]
		if u.is == nil {
			if u.is, err = u.box.likeness(u.name, nil); err != nil {
				return t, fmt.Errorf("%q is not on the server and cannot be read, and what was removed here may be part of it: no deletion was carried over to the server: %w", u.name, err)
			}
		}
		t.digests[u.is.digest], t.lengths[u.is.bytes] = true, true
		if u.is.messageID != "" {
			t.messageIDs[u.is.messageID] = true
		}
	}
	return t, nil
}

// suspect is a message that is to be expunged, as the base and the server know it.
type suspect struct {
	proof  state.Proof
	proven bool   // proof is of it
	size   int64  // that the server announced, -1 unknown
	id     string // its Message-ID, "" none
	told   bool   // the server told that, or that there is none
}

// has reports whether one of the files may be that message. Where no digest is known the length decides, as
// far as the server's sizes are no estimates.
func (t *traits) has(m suspect, estimates bool) bool {
	switch {
	case m.proven && t.digests[m.proof.Digest], !m.proven && (estimates || m.size < 0 || t.lengths[m.size]):
		return true
	}
	return len(t.messageIDs) > 0 && (!m.told || t.messageIDs[m.id])
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
	told := map[state.UID]string{}
	if len(t.messageIDs) > 0 {
		idents, err := r.Server.Idents(ctx, b.listed.Raw, b.gen().Mark.UIDValidity, uidsOf(ops))
		if err != nil {
			return nil, fmt.Errorf("look up what is to be expunged: %w", err)
		}
		for _, id := range idents {
			told[id.UID] = id.MessageID
		}
	}
	kept := slices.DeleteFunc(slices.Clone(ops), func(o Op) bool {
		m := suspect{size: b.record(o.UID).Size}
		m.proof, m.proven = proofs[o.UID]
		m.id, m.told = told[o.UID]
		return t.has(m, r.row.EstimatedSizes)
	})
	if n := len(ops) - len(kept); n > 0 {
		b.undone = true
		r.note(b.name, fmt.Sprintf("%d messages that were removed here stay on the server: files here that may be the same messages are not there yet", n), "")
	}
	return kept, nil
}
