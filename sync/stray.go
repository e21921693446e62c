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

// lists reports whether the server's listing has a UID.
func (b *box) lists(uid state.UID) bool {
	_, there := slices.BinarySearchFunc(b.server.Messages, uid, func(m state.OnServer, u state.UID) int { return cmp.Compare(m.UID, u) })
	return there
}

// stands reports whether the server has a message for a UID, as far as its listing and the base say;
// also where neither does.
func (b *box) stands(uid state.UID) bool {
	if b.server == nil || b.lists(uid) {
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
	files  []state.OnDisk // sorted by Size, those whose name does not tell it first
	used   map[uint32]bool
	proofs map[state.UID]state.Proof // of those that were asked about
}

func (b *box) findStrays() *strays {
	s := &strays{used: map[uint32]bool{}, proofs: map[state.UID]state.Proof{}}
	for _, m := range b.disk.Messages {
		if !b.stands(m.UID) {
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
	files := b.strays.files
	at, _ := slices.BinarySearchFunc(files, got.Bytes, func(m state.OnDisk, n int64) int { return cmp.Compare(m.Size, n) })
	untold, _ := slices.BinarySearchFunc(files, 0, func(m state.OnDisk, n int64) int { return cmp.Compare(m.Size, n) })
	likely := slices.Clone(files[:min(untold, at)])
	for ; at < len(files) && files[at].Size == got.Bytes; at++ {
		likely = append(likely, files[at])
	}
	likely = slices.DeleteFunc(likely, func(m state.OnDisk) bool { return b.strays.used[m.Name] || b.moving[m.UID] })
	if err := r.proofsOfStrays(ctx, b, likely); err != nil {
		return nil, state.Received{}, err
	}
	for _, m := range likely {
		if p, proven := b.strays.proofs[m.UID]; proven && p.Digest != got.Digest {
			continue
		}
		name := b.disk.NameAt(m.Name)
		file, err := b.md.Inspect(name, &state.Proof{Digest: got.Digest, Bytes: got.Bytes})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, state.Received{}, err
		}
		if file.Digest == got.Digest && file.Bytes == got.Bytes {
			s := &spare{name: name, flags: m.Flags, bytes: got.Bytes, stray: m.UID, place: m.Name}
			s.rec.Variant = m.Variant
			return s, file, nil
		}
	}
	return nil, state.Received{}, nil
}

// proofsOfStrays loads what is proven of strays, so that only those are read that may be what is
// looked for.
func (r *run) proofsOfStrays(ctx context.Context, b *box, files []state.OnDisk) error {
	var ask []state.UID
	for _, m := range files {
		if i, known := b.find(m.UID); known && max(1, b.records[i].Variant) == m.Variant {
			if _, loaded := b.strays.proofs[m.UID]; !loaded {
				ask = append(ask, m.UID)
			}
		}
	}
	if len(ask) == 0 || b.gen().ID == 0 {
		return nil
	}
	proofs, err := r.Base.Proofs(ctx, b.gen().ID, ask)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	for uid, p := range proofs {
		b.strays.proofs[uid] = p
	}
	return nil
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
		_, known := slices.BinarySearchFunc(records, m.UID, func(r state.Record, u state.UID) int { return cmp.Compare(r.UID, u) })
		return known
	})
}
