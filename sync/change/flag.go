// Package change changes flags on both sides, and records what they agree on.
package change

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Run is the changes of a run.
type Run struct{ *mailbox.Run }

// New returns the changes of a run.
func New(r *mailbox.Run) *Run { return &Run{Run: r} }

// FlagServer adds and removes flags on the server. Agreed on is what it echoed, not
// what it was sent. A message that changed since the scan is left alone at first, and
// asked again for what the disk changed on top of what it has now. A flag that does not
// stick then is one that the server does not keep: it is not sent again.
func (r *Run) FlagServer(ctx context.Context, b *mailbox.Box, ops []plan.Op) error {
	tried, lost := changed(ops), state.Flags(0)
	since := uint64(0)
	if b.Server != nil {
		since = b.Server.Mark.ModSeq
	}
	denied, why, left, err := r.store(ctx, b, ops, since)
	if err == nil && len(left) > 0 {
		var also state.Flags
		also, _, left, err = r.store(ctx, b, left, 0)
		denied |= also
		lost = changed(left)
	}
	if err != nil {
		return err
	}
	g := b.Gen()
	return r.unsettable(ctx, b, g.Unsettable&^tried|lost|denied, g.Denied&^tried|denied, why)
}

// changed are the flags that operations are to change on the server.
func changed(ops []plan.Op) (f state.Flags) {
	for _, o := range ops {
		f |= o.Flags ^ o.Server
	}
	return f
}

// store sends flag changes, commits what was echoed, and returns those operations, as
// they are by then, that did not happen by their echo, and which flags the mailbox does not let
// this user change: of those nothing is left to do.
func (r *Run) store(ctx context.Context, b *mailbox.Box, ops []plan.Op, since uint64) (denied state.Flags, why error, left []plan.Op, err error) {
	changes := make([]state.FlagChange, len(ops))
	for i, o := range ops {
		changes[i] = state.FlagChange{UID: o.UID, Add: o.Flags &^ o.Server, Remove: o.Server &^ o.Flags}
	}
	if err := r.Step("store flags of %d in %s", len(ops), b.Name); err != nil {
		return 0, nil, nil, err
	}
	stored, err := r.Server.Store(ctx, state.StoreRequest{
		Raw: b.Listed.Raw, UIDValidity: b.Gen().Mark.UIDValidity, Changes: changes, Keywords: b.KW, Since: since})
	if errors.Is(err, state.ErrRenumbered) {
		return 0, nil, nil, err
	}
	echoed := map[state.UID]state.Flags{}
	for _, m := range stored.Echoed {
		echoed[m.UID] = m.Flags
	}
	var put []state.Record
	for _, o := range ops {
		now, ok := echoed[o.UID]
		if !ok {
			b.Spoil(o.UID)
			continue
		}
		rec := b.Record(o.UID)
		rec.Agreed = plan.Agreement(rec.Agreed, now, o.Disk)
		rec.Seen = now
		put = append(put, rec)
		if now != o.Server {
			r.Did(b, port.FlaggedThere, o.UID, 0)
		}
		if now != o.Flags {
			b.Spoil(o.UID) // what was planned for the disk was planned on other flags
		}
		if want := state.Pick((o.Flags^o.Server)&^stored.Denied, o.Flags, now); want != now {
			o.Server, o.Flags = now, want
			left = append(left, o)
		}
	}
	return stored.Denied & changed(ops), stored.Why, left, errors.Join(port.Wrap("store flags", err), r.Commit(ctx, b, state.Commit{Put: put}))
}

// unsettable remembers which flags do not stick, and which of them the mailbox itself denies. It reports
// those of which that is new.
func (r *Run) unsettable(ctx context.Context, b *mailbox.Box, all, denied state.Flags, why error) error {
	g := b.Gen()
	if all == g.Unsettable && denied == g.Denied {
		return nil
	}
	if now := all &^ g.Unsettable; now != 0 {
		text := "flags that cannot be set here stay as they are on both sides: " + strings.Join(b.KW.NamesOf(now), " ")
		if why != nil {
			text += " (" + state.PlainText(why) + ")"
		}
		r.Note(b.Name, text, "they are carried over once the mailbox keeps them")
	}
	return r.Commit(ctx, b, state.Commit{Change: state.Change{Unsettable: &all, Denied: &denied}})
}

// Withheld remembers the flags that would travel, and that the mailbox does not keep by the server's answer
// when it was opened.
func (r *Run) Withheld(ctx context.Context, b *mailbox.Box, flags state.Flags) error {
	if now := flags &^ b.Gen().Unsettable; now == 0 || r.DryRun {
		return nil
	}
	return r.unsettable(ctx, b, b.Gen().Unsettable|flags, b.Gen().Denied|flags&^b.Gen().Unsettable, nil)
}

// FlagDisk renames files to carry other flags, and commits that they do after the
// directory is durable.
func (r *Run) FlagDisk(ctx context.Context, b *mailbox.Box, ops []plan.Op) error {
	for batch := range slices.Chunk(ops, mailbox.FlagBatch) {
		var put []state.Record
		for _, o := range batch {
			rec := b.Record(o.UID)
			if rec.Variant > 1 && rec.Variant != o.Variant {
				b.Spoil(o.UID) // another file took its place in this run
				continue
			}
			if err := r.Step("flag %s uid %d", b.Name, o.UID); err != nil {
				return err
			}
			b.Wrote = true
			placed, err := b.MD.Flag(o.Name, o.Flags, o.Flags^o.Disk, b.KW)
			if err != nil {
				b.Spoil(o.UID)
				if err := r.Problem(b.Name, o.UID, fmt.Errorf("flag on disk: %w", err)); err != nil {
					return err
				}
				continue
			}
			rec.Agreed = plan.Agreement(rec.Agreed, o.Server, state.Pick(b.Disk.Can, placed.Flags, rec.Agreed))
			put = append(put, rec)
			if o.Flags != o.Disk { // else only its name was silent
				r.Did(b, port.FlaggedHere, o.UID, 0)
			}
			if placed.Flags&b.Disk.Can != o.Flags&b.Disk.Can {
				b.Spoil(o.UID) // another program changed it meanwhile, or no letter is left
			}
		}
		if err := r.SyncDirs(b); err != nil {
			return err
		}
		if err := r.Commit(ctx, b, state.Commit{Put: put}); err != nil {
			return err
		}
	}
	return nil
}

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
			if err := ctx.Err(); err != nil {
				return err
			}
			got, err := r.adopted(b, o)
			if err != nil {
				return err
			}
			rec.Form = got.Form
			rec.Status, rec.Tries = plan.Adoptable(rec.Size, got)
			if rec.Status == state.Doubtful {
				b.Leave(mailbox.Unmerged) // the server's bytes decide, in the next run
			} else {
				c.Proofs = append(c.Proofs, state.Proof{UID: o.UID, Digest: got.Digest, Bytes: got.Bytes, ByServer: got.Confirmed})
			}
		}
		if _, known := b.Find(o.UID); !known || rec != was { // else the change of its flags, which came first, has recorded it
			c.Put = append(c.Put, rec)
		}
	}
	proven := make([]state.UID, len(c.Proofs))
	for i, p := range c.Proofs {
		proven[i] = p.UID
	}
	if err := r.DateProofs(ctx, b, c.Proofs, proven); err != nil {
		return err
	}
	if err := r.Commit(ctx, b, c); err != nil {
		return err
	}
	for _, o := range ops {
		if o.Status == state.KeptAway {
			r.Did(b, port.KeptAway, o.UID, 0)
		}
	}
	return nil
}

// adopted reads a file that is to be tied to the server's message. One that cannot be read has no size.
func (r *Run) adopted(b *mailbox.Box, o plan.Op) (state.Received, error) {
	if err := r.Step("read %s uid %d", b.Name, o.UID); err != nil {
		return state.Received{}, err
	}
	got, err := b.MD.Inspect(o.Name, nil)
	if state.KindOf(err) == state.Storage || err != nil && port.Ends(err) {
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
		if err := errors.Join(err1, err2); err != nil && port.Ends(err) {
			return err
		}
		if err1 != nil || err2 != nil || one.Digest != two.Digest {
			r.Note(b.Name, fmt.Sprintf("two files carry the identity of uid %d and differ (%s…); both stay", o.UID, hex.EncodeToString(two.Digest[:4])),
				"read both, and remove the one that you do not want")
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
