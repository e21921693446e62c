package sync

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
)

// agree records states and agreements. A file that is adopted is read first: its bytes
// have to be those its name tells of.
func (r *run) agree(ctx context.Context, b *box, ops []Op) error {
	var c state.Commit
	for _, o := range ops {
		was := b.record(o.UID)
		rec := was
		rec.Status, rec.Agreed, rec.Variant = o.Status, o.Flags, o.Variant
		switch {
		case o.Status == state.Live && inDoubt(was): // only by --accept
			rec.Tries = lengthAccepted
		case o.Status == state.Live && was.Status != state.Live:
			rec.Tries = 0
		}
		if o.Name != "" {
			got, err := r.adopted(b, o)
			if err != nil {
				return err
			}
			rec.Form = got.Form
			rec.Status, rec.Tries = adoptable(rec.Size, got)
			if rec.Status == state.Doubtful {
				b.undone = true // the server's bytes decide, in the next run
			} else {
				c.Proofs = append(c.Proofs, state.Proof{UID: o.UID, Digest: got.Digest, Bytes: got.Bytes, ByServer: got.Vouched})
			}
		}
		c.Put = append(c.Put, rec)
	}
	if err := r.since(ctx, b, c.Proofs, proven(c.Proofs)); err != nil {
		return err
	}
	return r.commit(ctx, b, c)
}

// adopted reads a file that is to be tied to the server's message. What cannot be read is nothing.
func (r *run) adopted(b *box, o Op) (state.Received, error) {
	if err := r.step("read %s uid %d", b.name, o.UID); err != nil {
		return state.Received{}, err
	}
	got, err := b.md.Inspect(o.Name, nil)
	if state.KindOf(err) == state.Storage {
		return state.Received{}, err
	}
	if err != nil {
		return state.Received{Incoming: state.Incoming{Size: -1}, Bytes: -1}, nil
	}
	return got, nil
}

// fold makes two files of one identity one, where their bytes are equal: the planned
// flags are already those of both, so the second may go to trash. Which files there are it looks
// once more: a mail program may fold them, too, and then the second is the only one.
func (r *run) fold(ctx context.Context, b *box, ops []Op) error {
	now, err := b.md.Scan(ctx, b.gen().Token, nil, b.kw)
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, o := range ops {
		first, ok := anotherThan(now, o, gone)
		if !ok {
			b.undone = true
			continue
		}
		one, err1 := b.md.Inspect(first, nil)
		two, err2 := b.md.Inspect(o.Name, nil)
		if err1 != nil || err2 != nil || one.Digest != two.Digest {
			r.note(b.name, fmt.Sprintf("two files carry the identity of uid %d and differ (%s…); both stay", o.UID, hex.EncodeToString(two.Digest[:4])), "")
			continue
		}
		if err := r.step("trash %s", o.Name); err != nil {
			return err
		}
		b.wrote = true
		if err := b.md.Trash(o.Name); err != nil {
			return err
		}
		gone[o.Name] = true
	}
	return r.syncDirs(b)
}

// anotherThan returns the first file of an identity that is to be folded, where the second is there
// beside it.
func anotherThan(disk *state.DiskSnapshot, o Op, gone map[string]bool) (first string, ok bool) {
	for _, m := range filesOf(disk, o.UID) {
		name := disk.NameAt(m.Name)
		switch {
		case m.Variant != o.Variant || gone[name]:
		case name == o.Name:
			ok = true
		case first == "":
			first = name
		}
	}
	return first, ok && first != ""
}

// fileOf returns the first file of an identity, as the scan saw it.
func (b *box) fileOf(uid state.UID, variant uint8) (string, bool) {
	return nameIn(b.disk, uid, variant)
}

func nameIn(disk *state.DiskSnapshot, uid state.UID, variant uint8) (string, bool) {
	for _, m := range filesOf(disk, uid) {
		if m.Variant == variant {
			return disk.NameAt(m.Name), true
		}
	}
	return "", false
}

// filesOf are the files of a UID, of all variants.
func filesOf(disk *state.DiskSnapshot, uid state.UID) []state.OnDisk {
	from, there := slices.BinarySearchFunc(disk.Messages, uid, func(m state.OnDisk, u state.UID) int { return cmp.Compare(m.UID, u) })
	to := from
	for there && to < len(disk.Messages) && disk.Messages[to].UID == uid {
		to++
	}
	return disk.Messages[from:to]
}

func (r *run) syncDirs(b *box) error {
	if !b.wrote {
		return nil
	}
	if err := r.step("sync directories of %s", b.name); err != nil {
		return err
	}
	return b.md.Sync()
}

// add counts into the result.
func (r *run) add(counter *int, really bool) {
	if really {
		r.addN(counter, 1)
	}
}

func (r *run) addN(counter *int, n int) {
	r.turn.take()
	*counter += n
	r.turn.give()
}

// ignore is nil for a file or a folder that is not there.
func ignore(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// wrap says what was tried; nil stays nil.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// since is the MODSEQ of this run's scan of the server, 0 without one.
func (b *box) since() uint64 {
	if b.server == nil {
		return 0
	}
	return b.server.Mark.ModSeq
}
