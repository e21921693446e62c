package imap

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"

	"mailsync/backends/imap/grammar"
	"mailsync/state"
)

// maxSet is the length in octets at which a UID set is split over commands: servers
// bound the lines they read, some to 8 KB.
const maxSet = 6000

// pieces is setsOf for commands to one server, which may bound how many messages they are about.
func (s *session) pieces(uids []state.UID) iter.Seq2[string, []state.UID] {
	most := limit(s.caps, true)
	if most == 0 {
		return setsOf(uids, len(uids))
	}
	return setsOf(uids, int(most))
}

// setsOf parts UIDs, which are sorted, into sequence sets of at most so many messages and about maxSet octets, each
// with the UIDs in it.
func setsOf(uids []state.UID, most int) iter.Seq2[string, []state.UID] {
	return func(yield func(string, []state.UID) bool) {
		var b []byte
		from := 0
		for i := 0; i < len(uids); {
			j := i + 1
			for j < len(uids) && uids[j] == uids[j-1]+1 && j-from < most {
				j++
			}
			b = appendRange(b, grammar.Range{First: uint32(uids[i]), Last: uint32(uids[j-1])})
			i = j
			if len(b) > maxSet || i-from >= most || i == len(uids) {
				if !yield(string(b), uids[from:i]) {
					return
				}
				b, from = b[:0], i
			}
		}
	}
}

// appendRange appends 7 or 3:9 to a sequence set (RFC 9051 section 9).
func appendRange(b []byte, x grammar.Range) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	b = strconv.AppendUint(b, uint64(x.First), 10)
	if x.Last > x.First {
		b = strconv.AppendUint(append(b, ':'), uint64(x.Last), 10)
	}
	return b
}

// ranges is a set of UIDs as a server sent it. After sort it is ascending and has no
// overlaps.
type ranges []grammar.Range

// add takes "7" or "3:9"; "*" and what is not a number are refused.
func (r *ranges) add(s string) bool {
	x, ok := grammar.ReadRange(s)
	if ok {
		r.join(x)
	}
	return ok
}

// join adds a range, to the last one where it follows that.
func (r *ranges) join(x grammar.Range) {
	if n := len(*r); n > 0 && uint64((*r)[n-1].Last)+1 == uint64(x.First) {
		(*r)[n-1].Last = x.Last
		return
	}
	*r = append(*r, x)
}

// addSet takes "7,3:9".
func (r *ranges) addSet(s string) bool {
	for part := range strings.SplitSeq(s, ",") {
		if !r.add(part) {
			return false
		}
	}
	return true
}

func (r *ranges) sort() {
	s := *r
	slices.SortFunc(s, func(a, b grammar.Range) int { return cmp.Compare(a.First, b.First) })
	out := s[:0]
	for _, x := range s {
		if n := len(out); n > 0 && uint64(x.First) <= uint64(out[n-1].Last)+1 {
			out[n-1].Last = max(out[n-1].Last, x.Last)
			continue
		}
		out = append(out, x)
	}
	*r = out
}

func (r ranges) has(uid state.UID) bool {
	_, ok := slices.BinarySearchFunc(r, uint32(uid), func(x grammar.Range, u uint32) int {
		switch {
		case x.Last < u:
			return -1
		case x.First > u:
			return 1
		}
		return 0
	})
	return ok
}

func (r ranges) count() uint64 {
	var n uint64
	for _, x := range r {
		n += uint64(x.Last) - uint64(x.First) + 1
	}
	return n
}

// without returns what is not in other. Both are sorted.
func (r ranges) without(other ranges) ranges {
	var out ranges
	for _, x := range r {
		for len(other) > 0 && other[0].Last < x.First {
			other = other[1:]
		}
		first := uint64(x.First)
		for _, y := range other {
			if y.First > x.Last {
				break
			}
			if uint64(y.First) > first {
				out = append(out, grammar.Range{First: uint32(first), Last: y.First - 1})
			}
			first = max(first, uint64(y.Last)+1)
		}
		if first <= uint64(x.Last) {
			out = append(out, grammar.Range{First: uint32(first), Last: x.Last})
		}
	}
	return out
}

// cut parts the first n numbers from the others.
func (r ranges) cut(n uint64) (first, others ranges) {
	for i, x := range r {
		size := uint64(x.Last) - uint64(x.First) + 1
		if n < size {
			if n > 0 {
				first = append(first, grammar.Range{First: x.First, Last: x.First + uint32(n) - 1})
			}
			others = append(others, grammar.Range{First: x.First + uint32(n), Last: x.Last})
			return first, append(others, r[i+1:]...)
		}
		first, n = append(first, x), n-size
	}
	return first, others
}

// uids returns each number. It is for sets that are known to be small.
func (r ranges) uids() (all []state.UID) {
	for _, x := range r {
		for uid := uint64(x.First); uid <= uint64(x.Last); uid++ {
			all = append(all, state.UID(uid))
		}
	}
	return all
}

// String spells it as a sequence set.
func (r ranges) String() string {
	var b []byte
	for _, x := range r {
		b = appendRange(b, x)
	}
	return string(b)
}

// rangesOf is UIDs, which are sorted, as ranges.
func rangesOf(uids []state.UID) ranges {
	var r ranges
	for _, uid := range uids {
		r.put(uint32(uid))
	}
	return r
}

// put adds a number; sort is to be called where they are not in order.
func (r *ranges) put(n uint32) { r.join(grammar.Range{First: n, Last: n}) }
