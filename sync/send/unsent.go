package send

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// traits are what all files that are not on the server are known by.
type traits struct {
	digests    map[[state.DigestSize]byte]bool
	lengths    map[int64]bool
	messageIDs map[string]bool
}

// traitsOfUnsent reads the files that are not on the server. One that cannot be read may be any message.
func (r *Run) traitsOfUnsent() (t traits, err error) {
	t = traits{map[[state.DigestSize]byte]bool{}, map[int64]bool{}, map[string]bool{}}
	for i := range r.Unsent {
		u := &r.Unsent[i]
		if u.Is == nil {
			if u.Is, err = u.Box.Likeness(u.Name, nil); err != nil {
				return t, fmt.Errorf("%q is not on the server and cannot be read, and what was removed here may be part of it: no deletion was carried over to the server: %w", u.Name, err)
			}
		}
		t.digests[u.Is.Digest], t.lengths[u.Is.Bytes] = true, true
		if u.Is.MessageID != "" {
			t.messageIDs[u.Is.MessageID] = true
		}
	}
	return t, nil
}

// suspect is a message that is to be expunged, as the base and the server know it.
type suspect struct {
	proof state.Proof // without a UID if there is none
	size  int64       // that the server announced, -1 unknown
	id    string      // its Message-ID, "" without one
	known bool        // the server reported id
}

// has reports whether one of the files may be that message. Where no digest is known the length decides, as
// far as the server's sizes are not estimates.
func (t *traits) has(m suspect, estimates bool) bool {
	proven := m.proof.UID != 0
	if proven && t.digests[m.proof.Digest] || !proven && (estimates || m.size < 0 || t.lengths[m.size]) {
		return true
	}
	return len(t.messageIDs) > 0 && (!m.known || t.messageIDs[m.id])
}

// Spared leaves those messages out of what is to be expunged that an unsent file may be: one of the same
// bytes, or of the same Message-ID. Where the user moved it, the server's copy is the only one that it shows.
func (r *Run) Spared(ctx context.Context, b *mailbox.Box, ops []plan.Op) ([]plan.Op, error) {
	if len(r.Unsent) == 0 {
		return ops, nil
	}
	t, err := r.traitsOfUnsent()
	if err != nil {
		return nil, err
	}
	proofs, err := r.Base.Proofs(ctx, b.Gen().ID, mailbox.UIDsOf(ops))
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	ids := map[state.UID]string{}
	if len(t.messageIDs) > 0 {
		idents, err := r.Server.Idents(ctx, b.Listed.Raw, b.Gen().Mark.UIDValidity, mailbox.UIDsOf(ops))
		if err != nil {
			return nil, fmt.Errorf("look up what is to be expunged: %w", err)
		}
		ids = match.MessageIDs(idents)
	}
	kept := slices.DeleteFunc(slices.Clone(ops), func(o plan.Op) bool {
		m := suspect{proof: proofs[o.UID], size: b.Record(o.UID).Size}
		m.id, m.known = ids[o.UID]
		return t.has(m, r.Row.EstimatedSizes)
	})
	if n := len(ops) - len(kept); n > 0 {
		b.Leave(mailbox.HeldBack)
		r.Note(b.Name, fmt.Sprintf("%d messages that were removed here stay on the server: files here that may be the same messages are not there yet", n),
			"they are deleted there once these files are sent, or removed")
	}
	return kept, nil
}
