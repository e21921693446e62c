package mailbox

import (
	"errors"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// Spare is a file that may be a message of a mailbox and is not known to be one, or the
// record of a message that the user, or an archive, took away from here.
type Spare struct {
	match.Spare
	Name      string      // of the file
	Flags     state.Flags // of the file
	Bytes     int64       // octets it holds as a server sends them; -1: read it
	Known     bool
	Token     string       // of an older generation, where known
	Rec       state.Record // of that
	Proof     state.Proof  // of that, UID 0 without
	Rank      int
	Used      bool
	Plain     bool      // a file without a token: a mail program made it
	Unclaimed state.UID // of a file of the current generation for which no message stands; 0: it is not one
	nth       int       // among the spares of its box, the likeliest first
}

// SizedSpares are the spares of one size. Thousands may have the same, so each file is read once to learn
// what it holds, and once more when it is taken.
type SizedSpares struct {
	of     plan.Pool[[state.DigestSize]byte, *Spare] // those of which it is known what they hold
	Unread []*Spare
	Full   bool // unclaimed files of that size are among them
}

// SizeSpares sorts spares of a box, less likely ones than those before, by the octets they hold as a server sends them.
func (b *Box) SizeSpares(spares []*Spare) error {
	for _, s := range spares {
		if s.Used {
			continue
		}
		if s.Bytes < 0 && !s.Fileless {
			id, err := b.MD.Ident(s.Name)
			if errors.Is(err, fs.ErrNotExist) {
				s.Used = true
				continue
			}
			if err != nil {
				return err
			}
			s.Bytes = id.Size
		}
		b.Tie.counted++
		s.nth = b.Tie.counted
		like := b.Tie.Sized[s.Bytes]
		if like == nil {
			like = &SizedSpares{of: plan.Pool[[state.DigestSize]byte, *Spare]{}}
			b.Tie.Sized[s.Bytes] = like
		}
		if s.Fileless || s.Unclaimed != 0 && s.Digest != [state.DigestSize]byte{} {
			like.of.Add(s.Digest, s)
		} else {
			like.Unread = append(like.Unread, s)
		}
	}
	return nil
}

// Next is the likeliest spare that holds those bytes, or may hold them; nil if there is none.
func (l *SizedSpares) Next(digest [state.DigestSize]byte) *Spare {
	for len(l.Unread) > 0 && l.Unread[0].Used {
		l.Unread = l.Unread[1:]
	}
	same := l.of.Rest(digest, func(s *Spare) bool { return s.Used })
	if i := slices.IndexFunc(same, func(s *Spare) bool { return !s.Used }); i >= 0 && (len(l.Unread) == 0 || same[i].nth < l.Unread[0].nth) {
		return same[i]
	}
	if len(l.Unread) > 0 {
		return l.Unread[0]
	}
	return nil
}

// Learn notes what the spare of next, for that digest, turned out to hold. One that is gone, or has another size
// than was told of it, is no spare of this size.
func (l *SizedSpares) Learn(s *Spare, digest [state.DigestSize]byte, file state.Received, sized bool) {
	if len(l.Unread) > 0 && l.Unread[0] == s {
		l.Unread = l.Unread[1:]
	} else {
		l.of[digest] = slices.DeleteFunc(l.of[digest], func(o *Spare) bool { return o == s })
	}
	if sized {
		i, _ := slices.BinarySearchFunc(l.of[file.Digest], s.nth, func(o *Spare, nth int) int { return o.nth - nth })
		l.of[file.Digest] = slices.Insert(l.of[file.Digest], i, s)
	}
}
