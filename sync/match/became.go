package match

import (
	"context"
	"crypto/sha256"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// A server that reports no UID for what it stored may have changed it, too: a line more in
// the header, other ends of lines, another date. Here it is found out, purely, which of the messages
// that are new since are those that were sent. First a Message-ID decides that
// nothing else has, then the bytes, the surest first.

// Dispatched is a message that was sent, and of which no UID is known.
type Dispatched struct {
	Next      uint32 // the mailbox's UIDNEXT before
	Bytes     int64
	Date      int64
	MessageID string
	Confirmed bool // the server answered OK: it has the message, however it changed it
	sums      *Sums
}

// Newcomer is a message that a listing shows, and of which nothing is known.
type Newcomer struct {
	UID       state.UID
	Size      int64
	Date      int64
	MessageID string
	Sums      *Sums // nil: its bytes are not known
}

// mayBe reports whether a message can be the one that was sent.
func (d *Dispatched) mayBe(n *Newcomer) bool {
	return uint64(n.UID) >= uint64(d.Next) && d.near(n.Size) && (d.Confirmed || !d.otherID(n))
}

// otherID reports whether both have a Message-ID, and not the same.
func (d *Dispatched) otherID(n *Newcomer) bool {
	return d.MessageID != "" && n.MessageID != "" && d.MessageID != n.MessageID
}

// near reports whether a server can have made so many octets of what was sent.
func (d *Dispatched) near(size int64) bool {
	return size < 0 || max(size-d.Bytes, d.Bytes-size) <= d.Bytes/2+64<<10
}

// sameDate reports whether two dates are known and the same.
func sameDate(x, y int64) bool { return x == y && x != state.NoDate }

// otherDate is how far a message of another date is from what was sent, at the least: more than any size.
const otherDate = 1 << 41

// off is how far a message is from what was sent, by what only hints at it.
func (d *Dispatched) off(n *Newcomer) int64 {
	off := max(n.Size-d.Bytes, d.Bytes-n.Size)
	if n.Size < 0 {
		off = 1 << 40
	}
	if !sameDate(n.Date, d.Date) {
		off += otherDate
	}
	return off
}

// pairByMessageID pairs by Message-IDs that one message on either side has. One that was
// never confirmed needs its size or its date besides. to has for each that was sent the place
// of what it became, -1 without.
func pairByMessageID(sent []Dispatched, came []Newcomer, to []int) {
	out, in := map[string]int{}, map[string][]int{}
	for i := range sent {
		out[sent[i].MessageID]++
	}
	for k := range came {
		in[came[k].MessageID] = append(in[came[k].MessageID], k)
	}
	for i := range sent {
		d := &sent[i]
		same := in[d.MessageID]
		if to[i] >= 0 || d.MessageID == "" || out[d.MessageID] != 1 || len(same) != 1 {
			continue
		}
		n := &came[same[0]]
		if uint64(n.UID) >= uint64(d.Next) && (d.Confirmed || n.Size == d.Bytes || sameDate(n.Date, d.Date)) {
			to[i] = same[0]
		}
	}
}

// Undecided are the places in came of those whose bytes have to be known.
func Undecided(sent []Dispatched, came []Newcomer, to []int) (ask []int) {
	taken := taken(to)
	var left []*Dispatched
	for i := range sent {
		if to[i] < 0 {
			left = append(left, &sent[i])
		}
	}
	for k := range came {
		if !taken[k] && slices.ContainsFunc(left, func(d *Dispatched) bool { return d.mayBe(&came[k]) }) {
			ask = append(ask, k)
		}
	}
	return ask
}

// taken are the places that something is paired with.
func taken(to []int) map[int]bool {
	taken := make(map[int]bool, len(to))
	for _, k := range to {
		taken[k] = true
	}
	return taken
}

// How alike the bytes of two messages are, the surest first.
const (
	alikeExactly  = iota // every octet
	alikeButEnds         // but for what servers change everywhere: line ends, NUL, 8-bit
	alikeAndMore         // the header has more fields
	AlikeBody            // the header was rewritten
	alikeButID           // the Message-ID is another one, and nothing else: enough where the server has confirmed the message
	AlikeHeader          // the body was rewritten: likewise
	AlikeByNumber        // nothing speaks against it: enough where none is to be sent twice
	alikeNot             // they have different Message-IDs
)

// alike is how alike a message is to one that was sent.
func alike(d *Dispatched, n *Newcomer) int {
	a, b := d.sums, n.Sums
	switch {
	case (a == nil || b == nil) && d.otherID(n):
		return alikeNot
	case a == nil || b == nil:
		return AlikeByNumber
	}
	kept := keptOf(a.fields, b.fields)
	if d.otherID(n) {
		// Some servers put a Message-ID of their own into what they store. Whatever else was
		// changed as well could be anybody's mail.
		if a.body == b.body && kept == len(a.fields)-1 && (kept > 1 || a.body != sha256.Sum256(nil)) {
			return alikeButID
		}
		return alikeNot
	}
	all := kept == len(a.fields) || len(a.fields) == mostFields && kept > mostFields*9/10
	switch {
	case a.Exact == b.Exact:
		return alikeExactly
	case a.Loose == b.Loose:
		return alikeButEnds
	case a.body == b.body && all:
		return alikeAndMore
	case a.body == b.body && (kept > 0 || len(b.fields) == 0) && a.body != sha256.Sum256(nil):
		return AlikeBody
	case all && (kept > 1 || kept > 0 && sameDate(n.Date, d.Date)), d.MessageID != "" && d.MessageID == n.MessageID:
		return AlikeHeader
	}
	return AlikeByNumber
}

// keptOf is how many of the fields a message still has.
func keptOf(fields, in []uint64) (kept int) {
	left := map[uint64]int{}
	for _, f := range in {
		left[f]++
	}
	for _, f := range fields {
		if left[f] > 0 {
			left[f]--
			kept++
		}
	}
	return kept
}

// pairByBytes pairs what is left by how alike it is, at the least so much; equal ones in the
// order in which they were sent.
func pairByBytes(sent []Dispatched, came []Newcomer, to []int, least int) {
	taken := taken(to)
	isTaken := func(k int) bool { return taken[k] }
	for degree := alikeExactly; degree <= least; degree++ {
		alikes, dated := plan.Pool[[state.DigestSize]byte, int]{}, plan.Pool[datedKey, int]{}
		for k := range came {
			if key, known := poolOf(came[k].Sums, degree); known && !taken[k] {
				alikes.Add(key, k)
				dated.Add(datedKey{key, came[k].Date}, k)
			}
		}
		for i := range sent {
			d := &sent[i]
			key, known := poolOf(d.sums, degree)
			if to[i] >= 0 || !known || degree > AlikeBody && !d.Confirmed {
				continue
			}
			may := func(k int) bool {
				n := &came[k]
				return !taken[k] && d.mayBe(n) && (degree <= alikeButEnds || alike(d, n) <= degree)
			}
			best := -1
			if d.Date != state.NoDate {
				best = d.nearest(came, dated.Rest(datedKey{key, d.Date}, isTaken), may, 0)
			}
			if best < 0 {
				best = d.nearest(came, alikes.Rest(key, isTaken), may, otherDate)
			}
			if best >= 0 {
				to[i], taken[best] = best, true
			}
		}
	}
}

// datedKey is what two messages of one date have in common.
type datedKey struct {
	digest [state.DigestSize]byte
	date   int64
}

// nearest is the first of those that are the least off, -1 without. None can be less off than least.
func (d *Dispatched) nearest(came []Newcomer, among []int, may func(k int) bool, least int64) int {
	best := -1
	for _, k := range among {
		if best >= 0 && d.off(&came[k]) >= d.off(&came[best]) || !may(k) {
			continue
		}
		if best = k; d.off(&came[k]) == least {
			break
		}
	}
	return best
}

// poolOf is the key of the pool in which the messages are that are alike to a degree.
func poolOf(s *Sums, degree int) (key [state.DigestSize]byte, known bool) {
	switch {
	case degree >= AlikeHeader:
		return key, true
	case s == nil:
		return key, false
	case degree == alikeExactly:
		return s.Exact, true
	case degree == alikeButEnds:
		return s.Loose, true
	}
	return s.body, true
}

// PairSent finds what messages became that were sent, among those that are new: to[i] is the place in came of what
// sent[i] became, -1 without. Bodies are read, here and there, only where they have to decide; own reads
// that of sent[i]. What was read of came stays in it.
func PairSent(ctx context.Context, server port.Server, raw string, mark state.Mark, sent []Dispatched, came []Newcomer, least int, own func(i int) (*Sums, error)) (to []int, err error) {
	to = Unpaired(len(sent))
	pairByMessageID(sent, came, to)
	ask := Undecided(sent, came, to)
	if len(ask) == 0 {
		return to, nil
	}
	for i := range sent {
		if to[i] < 0 {
			if sent[i].sums, err = own(i); err != nil {
				return nil, err
			}
		}
	}
	var uids []state.UID
	for _, k := range ask {
		if came[k].Sums == nil {
			uids = append(uids, came[k].UID)
		}
	}
	read, broke, err := Digests(ctx, server, raw, mark, uids)
	if err != nil {
		return nil, err
	}
	if port.Ends(broke) {
		return nil, broke
	}
	for _, k := range ask {
		if s := read[came[k].UID]; s != nil {
			came[k].Sums = s
		}
	}
	pairByBytes(sent, came, to, least)
	return to, nil
}

// Unpaired is a pairing of so many with nothing.
func Unpaired(n int) []int { return slices.Repeat([]int{-1}, n) }
