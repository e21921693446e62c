package mailbox

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// Candidate is a file that may be a message of a mailbox and is not known to be one, or the
// record of a message that the user, or an archive, took away from here.
type Candidate struct {
	match.Candidate
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
	Unclaimed state.UID // of a file of the current generation that no message has; 0: it is not one
	nth       int       // among the candidates of its box, the likeliest first
}

// SizedCandidates are the candidates of one size. Thousands may have the same, so each file is read once to learn
// what it holds, and once more when it is taken.
type SizedCandidates struct {
	of     plan.Pool[[state.DigestSize]byte, *Candidate] // those of which it is known what they hold
	Unread []*Candidate
	Full   bool // unclaimed files of that size are among them
}

// SizeCandidates sorts candidates of a box, less likely ones than those before, by the octets they hold as a server sends them.
func (b *Box) SizeCandidates(candidates []*Candidate) error {
	for _, s := range candidates {
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
			like = &SizedCandidates{of: plan.Pool[[state.DigestSize]byte, *Candidate]{}}
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

// Next is the likeliest candidate that holds those bytes, or may hold them; nil if there is none.
func (l *SizedCandidates) Next(digest [state.DigestSize]byte) *Candidate {
	for len(l.Unread) > 0 && l.Unread[0].Used {
		l.Unread = l.Unread[1:]
	}
	same := l.of.Rest(digest, func(s *Candidate) bool { return s.Used })
	if i := slices.IndexFunc(same, func(s *Candidate) bool { return !s.Used }); i >= 0 && (len(l.Unread) == 0 || same[i].nth < l.Unread[0].nth) {
		return same[i]
	}
	if len(l.Unread) > 0 {
		return l.Unread[0]
	}
	return nil
}

// Learn notes what the candidate of Next, for that digest, turned out to hold. One that is gone, or has another
// size than was expected, is not a candidate of this size.
func (l *SizedCandidates) Learn(s *Candidate, digest [state.DigestSize]byte, file state.Received, sized bool) {
	if len(l.Unread) > 0 && l.Unread[0] == s {
		l.Unread = l.Unread[1:]
	} else {
		l.of[digest] = slices.DeleteFunc(l.of[digest], func(o *Candidate) bool { return o == s })
	}
	if sized {
		i, _ := slices.BinarySearchFunc(l.of[file.Digest], s.nth, func(o *Candidate, nth int) int { return o.nth - nth })
		l.of[file.Digest] = slices.Insert(l.of[file.Digest], i, s)
	}
}

// Tied is a message that was tied to what is here, as it is to be committed.
type Tied struct {
	Rec   state.Record
	Proof state.Proof // UID 0: none
}

// TiedRecord is the record of a message that is not here, under its new UID.
func (b *Box) TiedRecord(s match.Sought, from *Candidate) Tied {
	m := b.ListedAs(s.UID)
	rec := state.Record{UID: s.UID, Variant: max(1, from.Rec.Variant), Status: from.Rec.Status, Form: from.Rec.Form,
		Seen: m.Flags, Agreed: m.Flags, Size: m.Size, Date: m.Date}
	p := from.Proof
	if p.UID != 0 {
		p.UID = s.UID
	}
	return Tied{Rec: rec, Proof: p}
}

// ListedAs is a message as the server's snapshot shows it.
func (b *Box) ListedAs(uid state.UID) state.OnServer {
	i, _ := state.FindOnServer(b.Server.Messages, uid)
	return b.Server.Messages[i]
}

// withTies adds to what was learned what was tied. In a fresh box nothing counts as gone
// from the server: what it does not list under these numbers is only here, if a
// file has its identity; else it is forgotten.
func (b *Box) withTies(c state.Commit, now int64) state.Commit {
	slices.SortFunc(b.Tie.Tied, func(x, y Tied) int { return cmp.Compare(x.Rec.UID, y.Rec.UID) })
	records := make([]state.Record, len(b.Tie.Tied))
	for i, t := range b.Tie.Tied {
		records[i] = t.Rec
		if t.Proof.UID == 0 {
			continue
		}
		if t.Proof.Fetched == 0 {
			t.Proof.Fetched = now
		}
		c.Proofs = append(c.Proofs, t.Proof)
	}
	c.Put = plan.Apply(c.Put, records, nil)
	if !b.Fresh {
		return c
	}
	type identity struct {
		uid     state.UID
		variant uint8
	}
	here := make(map[identity]bool, len(b.Disk.Messages))
	for _, m := range b.Disk.Messages {
		here[identity{m.UID, m.Variant}] = true
	}
	var only []state.Record
	for _, rec := range plan.Apply(b.Records, c.Put, c.Forget) {
		switch {
		case rec.Status != state.Gone && rec.Status != state.OnlyHere:
		case !here[identity{rec.UID, max(1, rec.Variant)}]:
			c.Forget = append(c.Forget, rec.UID)
		case rec.Status == state.Gone:
			rec.Status = state.OnlyHere
			only = append(only, rec)
		}
	}
	slices.Sort(c.Forget)
	c.Put = slices.DeleteFunc(plan.Apply(c.Put, only, nil), func(rec state.Record) bool {
		_, gone := slices.BinarySearch(c.Forget, rec.UID)
		return gone
	})
	return c
}
