package sync

import (
	"errors"
	"io/fs"
	"slices"

	"mailsync/state"
)

// sizedSpares are the spares of one size. Thousands may have the same, so each file is read once to learn
// what it holds, and once more when it is taken.
type sizedSpares struct {
	of     pool[[state.DigestSize]byte, *spare] // those of which it is known what they hold
	unread []*spare
}

// sizeSpares sorts a box's spares by the octets they hold as a server sends them.
func (b *box) sizeSpares() error {
	b.sized = map[int64]*sizedSpares{}
	for n, s := range b.spares {
		if s.used {
			continue
		}
		if s.bytes < 0 && !s.Fileless {
			id, err := b.md.Ident(s.name)
			if errors.Is(err, fs.ErrNotExist) {
				s.used = true
				continue
			}
			if err != nil {
				return err
			}
			s.bytes = id.Size
		}
		s.nth = n
		like := b.sized[s.bytes]
		if like == nil {
			like = &sizedSpares{of: pool[[state.DigestSize]byte, *spare]{}}
			b.sized[s.bytes] = like
		}
		if s.Fileless {
			like.of.add(s.Digest, s)
		} else {
			like.unread = append(like.unread, s)
		}
	}
	return nil
}

// spareWith returns a spare with the bytes of a received body, nil if there is none.
func (b *box) spareWith(got state.Received) (*spare, state.Received, error) {
	if b.sized == nil {
		if err := b.sizeSpares(); err != nil {
			b.sized = nil
			return nil, state.Received{}, err
		}
	}
	like := b.sized[got.Bytes]
	for like != nil {
		s := like.next(got.Digest)
		if s == nil || s.Fileless {
			return s, state.Received{}, nil
		}
		file, err := b.md.Inspect(s.name, &state.Proof{Digest: got.Digest, Bytes: got.Bytes})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, state.Received{}, err
		}
		same := err == nil && file.Digest == got.Digest && file.Bytes == got.Bytes
		if !same || len(like.unread) > 0 && like.unread[0] == s {
			like.learn(s, got.Digest, file, err == nil && file.Bytes == got.Bytes)
		}
		if same {
			return s, file, nil
		}
	}
	return nil, state.Received{}, nil
}

// next is the likeliest spare that holds those bytes, or may hold them; nil if there is none.
func (l *sizedSpares) next(digest [state.DigestSize]byte) *spare {
	for len(l.unread) > 0 && l.unread[0].used {
		l.unread = l.unread[1:]
	}
	same := l.of.rest(digest, func(s *spare) bool { return s.used })
	if i := slices.IndexFunc(same, func(s *spare) bool { return !s.used }); i >= 0 && (len(l.unread) == 0 || same[i].nth < l.unread[0].nth) {
		return same[i]
	}
	if len(l.unread) > 0 {
		return l.unread[0]
	}
	return nil
}

// learn notes what the spare of next, for that digest, turned out to hold. One that is gone, or has another size
// than was told of it, is no spare of this size.
func (l *sizedSpares) learn(s *spare, digest [state.DigestSize]byte, file state.Received, sized bool) {
	if len(l.unread) > 0 && l.unread[0] == s {
		l.unread = l.unread[1:]
	} else {
		l.of[digest] = slices.DeleteFunc(l.of[digest], func(o *spare) bool { return o == s })
	}
	if sized {
		i, _ := slices.BinarySearchFunc(l.of[file.Digest], s.nth, func(o *spare, nth int) int { return o.nth - nth })
		l.of[file.Digest] = slices.Insert(l.of[file.Digest], i, s)
	}
}
