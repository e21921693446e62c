package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
)

// A message may come under another number although its file is here: a server that was restored from
// a backup and is well again, one that deleted a message and got it back, a POP3 server with other
// unique-ids. It is a new message then, by all that the server says, and is fetched; but a body that
// equals a file for which no message on the server stands is that file's message (SPEC sections 5
// and 6). Files of the current generation of that kind are strays.

// byUniqueID reports whether a box's messages are identified by unique-ids (POP3).
func (b *box) byUniqueID() bool { return b.server != nil && b.server.UIDLs != nil }

// stands reports whether the server has a message for a UID, as far as its listing and the base say;
// also where neither does.
func (b *box) stands(uid state.UID) bool {
	if b.server == nil || b.server.Shows(uid) {
		return true
	}
	i, known := b.find(uid)
	_, gone := slices.BinarySearch(b.server.Gone, uid)
	switch {
	case b.server.Complete && (b.server.All || gone):
		return false
	case known:
		return b.records[i].Status.OnServer()
	}
	return true
}

// strays are the files of the current generation for which no message stands, by their size.
type strays struct {
	files []state.OnDisk // sorted by Size, those whose name does not tell it first
	used  map[uint32]bool
	sized map[int64]*alikes // of those that were asked about
}

// alikes are strays of one size: a server may come back with thousands of them, so each is looked at
// once.
type alikes struct {
	of     map[[state.DigestSize]byte][]state.OnDisk // those of which it is known what they hold
	unread []state.OnDisk
}

// untold is the size of files whose names do not tell it.
const untold = -1

func (b *box) findStrays() *strays {
	s := &strays{used: map[uint32]bool{}, sized: map[int64]*alikes{}}
	for _, m := range b.disk.Messages {
		if !b.stands(m.UID) {
			m.Size = max(untold, m.Size)
			s.files = append(s.files, m)
		}
	}
	slices.SortStableFunc(s.files, func(x, y state.OnDisk) int { return cmp.Compare(x.Size, y.Size) })
	return s
}

// newcomers reports whether the server lists messages that the base does not know.
func (b *box) newcomers() bool {
	return b.server != nil && slices.ContainsFunc(b.server.Messages, func(m state.OnServer) bool {
		_, known := b.find(m.UID)
		return !known
	})
}

// strayWith returns a stray with the bytes of a received body, nil if there is none.
func (r *run) strayWith(ctx context.Context, b *box, got state.Received) (*spare, state.Received, error) {
	if b.strays == nil {
		return nil, state.Received{}, nil
	}
	for _, size := range []int64{got.Bytes, untold} {
		a, err := r.straysOf(ctx, b, size)
		if err != nil {
			return nil, state.Received{}, err
		}
		same := a.of[got.Digest]
		for len(same) > 0 && b.strays.used[same[0].Name] {
			same = same[1:]
		}
		a.of[got.Digest] = same
		for _, m := range same {
			if s, file, err := b.strayIs(m, got); s != nil || err != nil {
				return s, file, err
			}
		}
		for i := 0; i < len(a.unread); {
			m := a.unread[i]
			s, file, err := b.strayIs(m, got)
			if err != nil {
				return nil, file, err
			}
			if s != nil || m.Size != untold && file.Bytes == m.Size { // now it is known
				a.of[file.Digest] = append(a.of[file.Digest], m)
				a.unread = slices.Delete(a.unread, i, i+1)
			} else {
				i++
			}
			if s != nil {
				return s, file, nil
			}
		}
	}
	return nil, state.Received{}, nil
}

// strayIs reads a stray, and returns it if it has those bytes.
func (b *box) strayIs(m state.OnDisk, got state.Received) (*spare, state.Received, error) {
	if b.strays.used[m.Name] || b.moving[m.UID] {
		return nil, state.Received{}, nil
	}
	name := b.disk.NameAt(m.Name)
	file, err := b.md.Inspect(name, &state.Proof{Digest: got.Digest, Bytes: got.Bytes})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, state.Received{}, nil
	}
	if err != nil || file.Digest != got.Digest || file.Bytes != got.Bytes {
		return nil, file, err
	}
	s := &spare{name: name, flags: m.Flags, bytes: got.Bytes, stray: m.UID, place: m.Name}
	s.rec.Variant = m.Variant
	return s, file, nil
}

// straysOf returns the strays of a size. What is proven of them says which have to be read.
func (r *run) straysOf(ctx context.Context, b *box, size int64) (*alikes, error) {
	if a := b.strays.sized[size]; a != nil {
		return a, nil
	}
	files := b.strays.files
	from, _ := slices.BinarySearchFunc(files, size, func(m state.OnDisk, n int64) int { return cmp.Compare(m.Size, n) })
	to, _ := slices.BinarySearchFunc(files, size+1, func(m state.OnDisk, n int64) int { return cmp.Compare(m.Size, n) })
	a := &alikes{of: map[[state.DigestSize]byte][]state.OnDisk{}}
	var ask []state.UID
	for _, m := range files[from:to] {
		if i, known := b.find(m.UID); known && max(1, b.records[i].Variant) == m.Variant {
			ask = append(ask, m.UID)
		}
	}
	var proofs map[state.UID]state.Proof
	if len(ask) > 0 && b.gen().ID != 0 {
		slices.Sort(ask)
		var err error
		if proofs, err = r.Base.Proofs(ctx, b.gen().ID, ask); err != nil {
			return nil, fmt.Errorf("read state: %w", err)
		}
	}
	for _, m := range files[from:to] {
		i, known := b.find(m.UID)
		p, proven := proofs[m.UID]
		if known && proven && max(1, b.records[i].Variant) == m.Variant {
			a.of[p.Digest] = append(a.of[p.Digest], m)
		} else {
			a.unread = append(a.unread, m)
		}
	}
	b.strays.sized[size] = a
	return a, nil
}

// leftovers are the files of the current generation that may be second names: a run gave a stray to
// another message and broke off. Before its commit that message is outstanding and has a file, after
// it nothing is known of the stray any more.
func (b *box) leftovers() (files []state.OnDisk) {
	waits := slices.ContainsFunc(b.disk.Messages, func(m state.OnDisk) bool {
		i, known := b.find(m.UID)
		return known && b.records[i].Status == state.Outstanding
	})
	for _, m := range b.disk.Messages {
		i, known := b.find(m.UID)
		if !known || waits && !b.stands(m.UID) && (b.records[i].Status == state.OnlyHere || b.records[i].Status == state.Gone) {
			files = append(files, m)
		}
	}
	return files
}

// brokenOff reports whether a file is what a run left that gave it to another message and broke off.
// Other files with two names are the user's doing.
func (b *box) brokenOff(stray, message state.UID) bool {
	old, oldKnown := b.find(stray)
	now, nowKnown := b.find(message)
	if b.fresh || !nowKnown || !b.stands(message) {
		return false
	}
	if !oldKnown {
		return b.records[now].Status != state.Outstanding
	}
	was := b.records[old].Status
	return b.records[now].Status == state.Outstanding && (was == state.OnlyHere || was == state.Gone)
}

// knowsOne reports whether a POP3 server lists a message that was ever seen there. Its
// UIDVALIDITY proves nothing, and what was collected is not on it any more.
func knowsOne(records []state.Record, listed []state.OnServer) bool {
	return slices.ContainsFunc(listed, func(m state.OnServer) bool {
		_, known := placeOf(records, m.UID)
		return known
	})
}
