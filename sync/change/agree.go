package change

import (
	"context"
	"encoding/hex"
	"fmt"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// Agree records states and agreements. A file that is adopted is read first: its bytes
// have to be those that its name describes.
func (r *Run) Agree(ctx context.Context, b *mailbox.Box, ops []plan.Op) error {
	var c state.Commit
	for _, o := range ops {
		was := b.Record(o.UID)
		rec := was
		rec.Status, rec.Agreed, rec.Variant = o.Status, o.Flags, o.Variant
		switch {
		case o.Status == state.Live && plan.InDoubt(was): // only by --accept
			rec.Tries = plan.LengthAccepted
		case o.Status == state.Live && was.Status != state.Live:
			rec.Tries = 0
		}
		if o.Name != "" {
			got, err := r.adopted(b, o)
			if err != nil {
				return err
			}
			rec.Form = got.Form
			rec.Status, rec.Tries = plan.Adoptable(rec.Size, got)
			if rec.Status == state.Doubtful {
				b.Leave(mailbox.Unmerged) // the server's bytes decide, in the next run
			} else {
				c.Proofs = append(c.Proofs, state.Proof{UID: o.UID, Digest: got.Digest, Bytes: got.Bytes, ByServer: got.Vouched})
			}
		}
		c.Put = append(c.Put, rec)
	}
	proven := make([]state.UID, len(c.Proofs))
	for i, p := range c.Proofs {
		proven[i] = p.UID
	}
	if err := r.Since(ctx, b, c.Proofs, proven); err != nil {
		return err
	}
	return r.Commit(ctx, b, c)
}

// adopted reads a file that is to be tied to the server's message. One that cannot be read has no size.
func (r *Run) adopted(b *mailbox.Box, o plan.Op) (state.Received, error) {
	if err := r.Step("read %s uid %d", b.Name, o.UID); err != nil {
		return state.Received{}, err
	}
	got, err := b.MD.Inspect(o.Name, nil)
	if state.KindOf(err) == state.Storage {
		return state.Received{}, err
	}
	if err != nil {
		return state.Received{Incoming: state.Incoming{Size: -1}, Bytes: -1}, nil
	}
	return got, nil
}

// Fold makes two files of one identity one, where their bytes are equal: the planned
// flags are already those of both, so the second is moved to the trash. It looks once more which files there
// are: a mail program may fold them, too, and then the second is the only one.
func (r *Run) Fold(ctx context.Context, b *mailbox.Box, ops []plan.Op) error {
	now, err := b.MD.Scan(ctx, b.Gen().Token, nil, b.KW)
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, o := range ops {
		first, ok := plan.AnotherThan(now, o, gone)
		if !ok {
			b.Leave(mailbox.Disturbed)
			continue
		}
		one, err1 := b.MD.Inspect(first, nil)
		two, err2 := b.MD.Inspect(o.Name, nil)
		if err1 != nil || err2 != nil || one.Digest != two.Digest {
			r.Note(b.Name, fmt.Sprintf("two files carry the identity of uid %d and differ (%s…); both stay", o.UID, hex.EncodeToString(two.Digest[:4])), "")
			continue
		}
		if err := r.Step("trash %s", o.Name); err != nil {
			return err
		}
		b.Wrote = true
		if err := b.MD.Trash(o.Name); err != nil {
			return err
		}
		gone[o.Name] = true
	}
	return r.SyncDirs(b)
}
