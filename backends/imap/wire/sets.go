package wire

import (
	"bytes"
	"slices"
)

// parseSet reads a set of numbers (RFC 3501, 9, sequence-set). One with * in it, or with a
// number that is 0 or beyond 32 bits, is no set here.
func parseSet(b []byte) ([]Range, bool) {
	if len(b) == 0 {
		return nil, false
	}
	set := make([]Range, 0, 1+min(bytes.Count(b, []byte(",")), 1<<10))
	for len(b) > 0 {
		one, rest, more := bytes.Cut(b, []byte(","))
		if more && len(rest) == 0 {
			return nil, false
		}
		b = rest
		first, last, isRange := bytes.Cut(one, []byte(":"))
		if !isRange {
			last = first
		}
		lo, ok1 := number32(first)
		hi, ok2 := number32(last)
		if !ok1 || !ok2 || lo == 0 || hi == 0 {
			return nil, false
		}
		set = append(set, Range{min(lo, hi), max(lo, hi)})
	}
	return set, true
}

func contains(set []Range, n uint32) bool {
	return slices.ContainsFunc(set, func(r Range) bool { return r.First <= n && n <= r.Last })
}
