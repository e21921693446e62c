package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailsync/state"
)

// flagBatch is how many renamed files are made durable and committed at once.
const flagBatch = 512

// flagServer adds and removes flags on the server. Agreed on is what it echoed, not
// what it was sent. A message that changed since the scan is left alone at first, and
// asked again for what the disk changed on top of what it has now. A flag that does not
// stick then is one that the server does not keep: it is not sent again.
func (r *run) flagServer(ctx context.Context, b *box, ops []Op) error {
	tried, lost := changed(ops), state.Flags(0)
	denied, why, left, err := r.store(ctx, b, ops, b.since())
	if err == nil && len(left) > 0 {
		var also state.Flags
		also, _, left, err = r.store(ctx, b, left, 0)
		denied |= also
		lost = changed(left)
	}
	if err != nil {
		return err
	}
	g := b.gen()
	return r.unsettable(ctx, b, g.Unsettable&^tried|lost|denied, g.Denied&^tried|denied, why)
}

// changed are the flags that operations are to change on the server.
func changed(ops []Op) (f state.Flags) {
	for _, o := range ops {
		f |= o.Flags ^ o.Server
	}
	return f
}

// store sends flag changes, commits what was echoed, and returns those operations, as
// they are by then, that an echo says did not happen, and which flags the mailbox does not let
// this user change: of those nothing is left to do.
func (r *run) store(ctx context.Context, b *box, ops []Op, since uint64) (denied state.Flags, why error, left []Op, err error) {
	changes := make([]state.FlagChange, len(ops))
	for i, o := range ops {
		changes[i] = state.FlagChange{UID: o.UID, Add: o.Flags &^ o.Server, Remove: o.Server &^ o.Flags}
	}
	if err := r.step("store flags of %d in %s", len(ops), b.name); err != nil {
		return 0, nil, nil, err
	}
	stored, err := r.Server.Store(ctx, state.StoreRequest{
		Raw: b.listed.Raw, UIDValidity: b.gen().Mark.UIDValidity, Changes: changes, Keywords: b.kw, Since: since})
	if errors.Is(err, state.ErrRenumbered) {
		return 0, nil, nil, err
	}
	said := map[state.UID]state.Flags{}
	for _, m := range stored.Echoed {
		said[m.UID] = m.Flags
	}
	var put []state.Record
	for _, o := range ops {
		now, ok := said[o.UID]
		if !ok {
			b.spoil(o.UID)
			continue
		}
		rec := b.record(o.UID)
		rec.Agreed = agreement(rec.Agreed, now, o.Disk)
		rec.Seen = now
		put = append(put, rec)
		r.add(&r.result.FlagsToServer, now != o.Server)
		if now != o.Flags {
			b.spoil(o.UID) // what was planned for the disk was planned on other flags
		}
		if want := state.Pick((o.Flags^o.Server)&^stored.Denied, o.Flags, now); want != now {
			o.Server, o.Flags = now, want
			left = append(left, o)
		}
	}
	return stored.Denied & changed(ops), stored.Why, left, errors.Join(wrap("store flags", err), r.commit(ctx, b, state.Commit{Put: put}))
}

// unsettable remembers which flags do not stick, and which of them the mailbox itself denies. Those
// of which that is new are said, once.
func (r *run) unsettable(ctx context.Context, b *box, all, denied state.Flags, why error) error {
	g := b.gen()
	if all == g.Unsettable && denied == g.Denied {
		return nil
	}
	if now := all &^ g.Unsettable; now != 0 {
		text := "flags that cannot be set here stay as they are on both sides: " + strings.Join(b.kw.NamesOf(now), " ")
		if why != nil {
			text += fmt.Sprintf(" (%v)", why)
		}
		r.note(b.name, text, "they are carried over once the mailbox keeps them")
	}
	return r.commit(ctx, b, state.Commit{Unsettable: &all, Denied: &denied})
}

// withheld remembers the flags that would travel, and that the mailbox does not keep by what it said
// when it was opened.
func (r *run) withheld(ctx context.Context, b *box, flags state.Flags) error {
	if now := flags &^ b.gen().Unsettable; now == 0 || r.DryRun {
		return nil
	}
	return r.unsettable(ctx, b, b.gen().Unsettable|flags, b.gen().Denied|flags&^b.gen().Unsettable, nil)
}

// flagDisk renames files to carry other flags, and commits that they do after the
// directory is durable.
func (r *run) flagDisk(ctx context.Context, b *box, ops []Op) error {
	for batch := range slices.Chunk(ops, flagBatch) {
		var put []state.Record
		for _, o := range batch {
			rec := b.record(o.UID)
			if rec.Variant > 1 && rec.Variant != o.Variant {
				b.spoil(o.UID) // another file took its place in this run
				continue
			}
			if err := r.step("flag %s uid %d", b.name, o.UID); err != nil {
				return err
			}
			b.wrote = true
			placed, err := b.md.Flag(o.Name, o.Flags, o.Flags^o.Disk, b.kw)
			if err != nil {
				b.spoil(o.UID)
				if err := r.problem(b.name, o.UID, fmt.Errorf("flag on disk: %w", err)); err != nil {
					return err
				}
				continue
			}
			rec.Agreed = agreement(rec.Agreed, o.Server, state.Pick(b.disk.Can, placed.Flags, rec.Agreed))
			put = append(put, rec)
			r.add(&r.result.FlagsToDisk, o.Flags != o.Disk) // else only its name was silent
			if placed.Flags&b.disk.Can != o.Flags&b.disk.Can {
				b.spoil(o.UID) // another program changed it meanwhile, or no letter is left
			}
		}
		if err := r.syncDirs(b); err != nil {
			return err
		}
		if err := r.commit(ctx, b, state.Commit{Put: put}); err != nil {
			return err
		}
	}
	return nil
}
