package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mailsync/state"
)

// link is a message whose file was linked into a mailbox.
type link struct {
	of copyOf
	to *box
}

func (r *run) give(l link) {
	if r.given == nil {
		r.given = map[link]bool{}
	}
	r.given[l] = true
}

// shareBatch is how many messages are asked about, linked and committed at once.
const shareBatch = 500

// share links what waits, now that what it waited for was fetched. What the server does not
// call the same, or has no whole file here, is left to be fetched as any other.
func (r *run) share(ctx context.Context) error {
	for i, b := range r.boxes {
		done := b.fetches()
		ops := done[len(done)-b.waiting:]
		b.ops, b.waiting = b.ops[len(done):], 0
		var left []Op
		for batch := range slices.Chunk(ops, shareBatch) {
			rest := batch
			if !b.failed && !r.stopped() && ctx.Err() == nil {
				var err error
				if rest, err = r.shareBatch(ctx, i, batch); err != nil {
					b.failed, b.undone = true, true
					if err := r.problem(b.name, 0, fmt.Errorf("link messages that are in other mailboxes, too: %w", err)); err != nil {
						return err
					}
				}
			}
			left = append(left, rest...)
		}
		b.ops = append(left, b.ops...)
	}
	return ctx.Err()
}

// shareBatch links those of some messages of a mailbox that the server calls the same as ones
// that are here, and returns the others. As with what is fetched, the files are durable
// before their records say so.
func (r *run) shareBatch(ctx context.Context, box int, ops []Op) (left []Op, err error) {
	b := r.boxes[box]
	ids, err := r.identsAbout(ctx, b, uidsOf(ops))
	if err != nil {
		return ops, err
	}
	sources, err := r.sourcesOf(ctx, box, ops, ids)
	if err != nil {
		return ops, err
	}
	b.pulling = true
	defer func() { b.pulling = false }()
	var c state.Commit
	var found []state.UID
	for _, o := range ops {
		linked := false
		for _, s := range sources[o.UID] {
			if r.given[link{s.of, b}] {
				continue // two messages of one Maildir share no file
			}
			rec, placed, err := r.linkFrom(ctx, b, o, s, ids[o.UID].MessageID)
			if err != nil {
				return ops, err
			}
			if linked = placed.Name != ""; !linked {
				continue
			}
			r.give(link{s.of, b})
			c.Put = append(c.Put, rec)
			c.Proofs = append(c.Proofs, state.Proof{UID: o.UID, Digest: s.proof.Digest, Bytes: s.proof.Bytes, EmailID: s.proof.EmailID})
			if placed.Found {
				found = append(found, o.UID)
			}
			break
		}
		if !linked {
			left = append(left, o)
		}
	}
	if len(c.Put) == 0 {
		return left, nil
	}
	if err := r.syncDirs(b); err != nil {
		return ops, err
	}
	if err := r.since(ctx, b, c.Proofs, found); err != nil {
		return ops, err
	}
	if err := r.commit(ctx, b, c); err != nil {
		return ops, err
	}
	r.addN(&r.result.Fetched, len(c.Put))
	if r.Watch != nil {
		r.Watch.Planned(len(c.Put), 0)
		r.Watch.Fetched(len(c.Put), 0)
	}
	return left, nil
}

// linkFrom gives a message the file of one that the server calls the same, if that is whole:
// it has the bytes that the server sent, the date of both, and the Message-ID that the
// server tells of this one. The place is empty where it is not.
func (r *run) linkFrom(ctx context.Context, b *box, o Op, s source, messageID string) (rec state.Record, placed state.Placed, err error) {
	file, err := s.md.Inspect(s.name, &s.proof)
	if err != nil || file.Digest != s.proof.Digest || file.Bytes != s.proof.Bytes || file.Bytes != o.Size || file.Date != o.Date {
		return rec, placed, nil
	}
	if id, err := s.md.Ident(s.name); err != nil || id.MessageID != messageID {
		return rec, placed, nil
	}
	if known, _, err := r.alreadyHere(ctx, b, file); known != nil || err != nil {
		return rec, placed, err // it is tied to that once it was fetched
	}
	if err := r.step("link %s of %s to uid %d of %s", s.name, s.path, o.UID, b.name); err != nil {
		return rec, placed, err
	}
	as := file
	as.Incoming = state.Incoming{UID: o.UID, Variant: max(1, o.Variant), Token: b.gen().Token, Date: o.Date,
		Size: file.Bytes, Flags: r.firstFlags(b, o.Flags)}
	as.Fresh, as.Durable = true, s.arrived
	as.Vouched = false // no bytes of this message were ever compared with it
	b.wrote = true
	placed, err = b.md.Link(s.path, s.name, as, b.kw)
	if err != nil {
		if state.KindOf(err) != state.Storage {
			err = nil // its file went, or other bytes have this identity: fetching it finds out
		}
		return rec, state.Placed{}, err
	}
	rec = b.record(o.UID)
	rec.Status, rec.Tries, rec.Variant, rec.Form = state.Live, 0, as.Variant, file.Form
	rec.Seen, rec.Date = o.Flags, o.Date
	rec.Agreed = agreement(rec.Seen&placed.Flags, rec.Seen, placed.Flags)
	b.undone = b.undone || placed.Found // what it carries beyond the server's flags is merged in the next run
	return rec, placed, nil
}

// identsAbout asks the server what identifies messages. That it does not tell is no failure:
// then they are fetched.
func (r *run) identsAbout(ctx context.Context, b *box, uids []state.UID) (map[state.UID]state.Ident, error) {
	idents, err := r.Server.Idents(ctx, b.listed.Raw, b.gen().Mark.UIDValidity, uids)
	if err != nil && (ends(err) || ctx.Err() != nil) {
		return nil, errors.Join(err, ctx.Err())
	}
	ids := make(map[state.UID]state.Ident, len(idents))
	for _, id := range idents {
		if id.EmailID != "" && id.MessageID != "" {
			ids[id.UID] = id
		}
	}
	return ids, nil
}
