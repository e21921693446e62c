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
// a backup and works again, one that deleted a message and got it back, a POP3 server with other
// unique-ids. To the server it is a new message then, and it is fetched; but a body that
// equals a file whose message the server does not have any more is that file's message (spec 5.7,
// spec 6.5). Files of the current generation of that kind are unclaimed: they are candidates, too.

// byUniqueID reports whether a box's messages are identified by unique-ids (POP3).
func byUniqueID(b *mailbox.Box) bool { return b.Server != nil && b.Server.UIDLs != nil }

// onServer reports whether the server has a message for a UID, as far as its listing and the base show;
// also where neither does.
func onServer(b *mailbox.Box, uid state.UID) bool {
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

// noSize is the size of files whose names do not have it.
const noSize = -1

// unclaimed returns the files of the current generation whose messages the server does not have, by size.
func unclaimed(b *mailbox.Box) (files []state.OnDisk) {
	for _, m := range b.Disk.Messages {
		if !onServer(b, m.UID) {
			m.Size = max(noSize, m.Size)
			files = append(files, m)
		}
	}
	slices.SortStableFunc(files, func(x, y state.OnDisk) int { return cmp.Compare(x.Size, y.Size) })
	return files
}

// newcomers reports whether the server lists messages that the base does not know.
func newcomers(b *mailbox.Box) bool {
	return b.Server != nil && slices.ContainsFunc(b.Server.Messages, func(m state.OnServer) bool {
		_, known := b.Find(m.UID)
		return !known
	})
}

// AlreadyHere returns what is here with the bytes of a received body, and is not a message
// on the server; nil if there is nothing.
func (r *Run) AlreadyHere(ctx context.Context, b *mailbox.Box, got state.Received) (*mailbox.Candidate, state.Received, error) {
	like, err := r.sized(ctx, b, got.Bytes)
	for err == nil && like != nil {
		s := like.Next(got.Digest)
		if s == nil || s.Fileless {
			return s, state.Received{}, nil
		}
		file, err := b.MD.Inspect(s.Name, &state.Proof{Digest: got.Digest, Bytes: got.Bytes})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, state.Received{}, err
		}
		same := err == nil && file.Digest == got.Digest && file.Bytes == got.Bytes
		if !same || len(like.Unread) > 0 && like.Unread[0] == s {
			like.Learn(s, got.Digest, file, err == nil && file.Bytes == got.Bytes)
		}
		if same {
			return s, file, nil
		}
	}
	return nil, state.Received{}, err
}

// sized returns the candidates of a size. Unclaimed files are added once their size is asked for: they may be very many.
func (r *Run) sized(ctx context.Context, b *mailbox.Box, size int64) (*mailbox.SizedCandidates, error) {
	if b.Tie.Sized == nil {
		b.Tie.Sized = map[int64]*mailbox.SizedCandidates{}
		files, err := r.unclaimedOf(ctx, b, noSize)
		if err == nil {
			err = b.SizeCandidates(slices.Concat(b.Tie.Candidates, files))
		}
		if err != nil {
			b.Tie.Sized = nil
			return nil, err
		}
	}
	like := b.Tie.Sized[size]
	if like != nil && like.Full {
		return like, nil
	}
	files, err := r.unclaimedOf(ctx, b, size)
	if err == nil {
		err = b.SizeCandidates(files)
	}
	if like = b.Tie.Sized[size]; err == nil && like != nil {
		like.Full = true
	}
	return like, err
}

// unclaimedOf returns the unclaimed files of a size. Those without a proof, which have to be read, are last.
func (r *Run) unclaimedOf(ctx context.Context, b *mailbox.Box, size int64) (proven []*mailbox.Candidate, err error) {
	bySize := func(m state.OnDisk, n int64) int { return cmp.Compare(m.Size, n) }
	from, _ := slices.BinarySearchFunc(b.Tie.Unclaimed, size, bySize)
	to, _ := slices.BinarySearchFunc(b.Tie.Unclaimed, size+1, bySize)
	var ask []state.UID
	var unread []*mailbox.Candidate
	for _, m := range b.Tie.Unclaimed[from:to] {
		if b.Moves.UIDs[m.UID] {
			continue
		}
		s := &mailbox.Candidate{Name: b.Disk.NameAt(m.Name), Flags: m.Flags, Bytes: m.Size, Unclaimed: m.UID}
		s.Rec.Variant = m.Variant
		unread = append(unread, s)
		if i, known := b.Find(m.UID); known && max(1, b.Records[i].Variant) == m.Variant {
			ask = append(ask, m.UID)
		}
	}
	if len(ask) == 0 {
		return unread, nil
	}
	slices.Sort(ask)
	proofs, err := r.Base.Proofs(ctx, b.Gen().ID, ask)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	unread = slices.DeleteFunc(unread, func(s *mailbox.Candidate) bool {
		p, known := proofs[s.Unclaimed]
		if i, ok := b.Find(s.Unclaimed); known && ok && max(1, b.Records[i].Variant) == s.Rec.Variant {
			s.Digest = p.Digest
			proven = append(proven, s)
			return true
		}
		return false
	})
	return append(proven, unread...), nil
}
