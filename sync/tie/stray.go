package tie

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
)

// A message may come under another number although its file is here: a server that was restored from
// a backup and is well again, one that deleted a message and got it back, a POP3 server with other
// unique-ids. It is a new message then, by all that the server says, and is fetched; but a body that
// equals a file for which no message on the server stands is that file's message (spec 5.7,
// spec 6.5). Files of the current generation of that kind are strays.

// byUniqueID reports whether a box's messages are identified by unique-ids (POP3).
func byUniqueID(b *mailbox.Box) bool { return b.Server != nil && b.Server.UIDLs != nil }

// stands reports whether the server has a message for a UID, as far as its listing and the base say;
// also where neither does.
func stands(b *mailbox.Box, uid state.UID) bool {
	if b.Server == nil || b.Server.Shows(uid) {
		return true
	}
	i, known := b.Find(uid)
	_, gone := slices.BinarySearch(b.Server.Gone, uid)
	switch {
	case b.Server.Complete && (b.Server.All || gone):
		return false
	case known:
		return b.Records[i].Status.OnServer()
	}
	return true
}

// untold is the size of files whose names do not tell it.
const untold = -1

func findStrays(b *mailbox.Box) *mailbox.Strays {
	s := &mailbox.Strays{Used: map[uint32]bool{}, Sized: map[int64]*mailbox.Alikes{}}
	for _, m := range b.Disk.Messages {
		if !stands(b, m.UID) {
			m.Size = max(untold, m.Size)
			s.Files = append(s.Files, m)
		}
	}
	slices.SortStableFunc(s.Files, func(x, y state.OnDisk) int { return cmp.Compare(x.Size, y.Size) })
	return s
}

// newcomers reports whether the server lists messages that the base does not know.
func newcomers(b *mailbox.Box) bool {
	return b.Server != nil && slices.ContainsFunc(b.Server.Messages, func(m state.OnServer) bool {
		_, known := b.Find(m.UID)
		return !known
	})
}

// strayWith returns a stray with the bytes of a received body, nil if there is none.
func (r *Run) strayWith(ctx context.Context, b *mailbox.Box, got state.Received) (*mailbox.Spare, state.Received, error) {
	if b.Tie.Strays == nil {
		return nil, state.Received{}, nil
	}
	for _, size := range []int64{got.Bytes, untold} {
		a, err := r.straysOf(ctx, b, size)
		if err != nil {
			return nil, state.Received{}, err
		}
		same := a.Of[got.Digest]
		for len(same) > 0 && b.Tie.Strays.Used[same[0].Name] {
			same = same[1:]
		}
		a.Of[got.Digest] = same
		for _, m := range same {
			if s, file, err := strayIs(b, m, got); s != nil || err != nil {
				return s, file, err
			}
		}
		for i := 0; i < len(a.Unread); {
			m := a.Unread[i]
			s, file, err := strayIs(b, m, got)
			if err != nil {
				return nil, file, err
			}
			if s != nil || m.Size != untold && file.Bytes == m.Size { // now it is known
				a.Of[file.Digest] = append(a.Of[file.Digest], m)
				a.Unread = slices.Delete(a.Unread, i, i+1)
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
func strayIs(b *mailbox.Box, m state.OnDisk, got state.Received) (*mailbox.Spare, state.Received, error) {
	if b.Tie.Strays.Used[m.Name] || b.Moves.UIDs[m.UID] {
		return nil, state.Received{}, nil
	}
	name := b.Disk.NameAt(m.Name)
	file, err := b.MD.Inspect(name, &state.Proof{Digest: got.Digest, Bytes: got.Bytes})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, state.Received{}, nil
	}
	if err != nil || file.Digest != got.Digest || file.Bytes != got.Bytes {
		return nil, file, err
	}
	s := &mailbox.Spare{Name: name, Flags: m.Flags, Bytes: got.Bytes, Stray: m.UID, Place: m.Name}
	s.Rec.Variant = m.Variant
	return s, file, nil
}

// straysOf returns the strays of a size. What is proven of them says which have to be read.
func (r *Run) straysOf(ctx context.Context, b *mailbox.Box, size int64) (*mailbox.Alikes, error) {
	if a := b.Tie.Strays.Sized[size]; a != nil {
		return a, nil
	}
	files := b.Tie.Strays.Files
	from, _ := slices.BinarySearchFunc(files, size, func(m state.OnDisk, n int64) int { return cmp.Compare(m.Size, n) })
	to, _ := slices.BinarySearchFunc(files, size+1, func(m state.OnDisk, n int64) int { return cmp.Compare(m.Size, n) })
	a := &mailbox.Alikes{Of: map[[state.DigestSize]byte][]state.OnDisk{}}
	var ask []state.UID
	for _, m := range files[from:to] {
		if i, known := b.Find(m.UID); known && max(1, b.Records[i].Variant) == m.Variant {
			ask = append(ask, m.UID)
		}
	}
	var proofs map[state.UID]state.Proof
	if len(ask) > 0 && b.Gen().ID != 0 {
		slices.Sort(ask)
		var err error
		if proofs, err = r.Base.Proofs(ctx, b.Gen().ID, ask); err != nil {
			return nil, fmt.Errorf("read state: %w", err)
		}
	}
	for _, m := range files[from:to] {
		i, known := b.Find(m.UID)
		p, proven := proofs[m.UID]
		if known && proven && max(1, b.Records[i].Variant) == m.Variant {
			a.Of[p.Digest] = append(a.Of[p.Digest], m)
		} else {
			a.Unread = append(a.Unread, m)
		}
	}
	b.Tie.Strays.Sized[size] = a
	return a, nil
}
