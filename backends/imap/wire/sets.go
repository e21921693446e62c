package wire

import (
	"bytes"
	"math"
	"slices"
)

// parseSet reads a set of numbers (RFC 3501, 9, sequence-set), sorted and joined. One
// with * in it, or with a number that is 0 or beyond 32 bits, is no set here.
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
	return join(set), true
}

// join sorts ranges and joins those that touch.
func join(set []Range) []Range {
	less := func(a, b Range) int {
		switch {
		case a.First < b.First:
			return -1
		case a.First > b.First:
			return 1
		}
		return 0
	}
	if !slices.IsSortedFunc(set, less) {
		slices.SortFunc(set, less)
	}
	out := set[:0]
	for _, r := range set {
		if n := len(out); n > 0 && (r.First <= out[n-1].Last || r.First == out[n-1].Last+1) {
			out[n-1].Last = max(out[n-1].Last, r.Last)
			continue
		}
		out = append(out, r)
	}
	return out
}

// count returns how many numbers are in a joined set.
func count(set []Range) (n int64) {
	for _, r := range set {
		n += int64(r.Last-r.First) + 1
	}
	return n
}

func contains(set []Range, n uint32) bool {
	return slices.ContainsFunc(set, func(r Range) bool { return r.First <= n && n <= r.Last })
}

func appendSet(b []byte, set []Range) []byte {
	for i, r := range set {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendUint(b, r.First)
		if r.Last > r.First {
			b = appendUint(append(b, ':'), r.Last)
		}
	}
	return b
}

// unknownExists bounds a set while no EXISTS was seen: what imapclient would make of it
// stays in memory.
const unknownExists = 4 << 20

// plausible reports whether a set of messages is no larger than the mailbox. Expanding
// 1:4294967295 would take 16 GiB.
func (c *Conn) plausible(set []Range) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := c.exists
	if most < 0 {
		most = unknownExists
	}
	return count(set) <= most
}

// search takes SEARCH (RFC 3501, 7.2.5; MODSEQ of RFC 7162): numbers, in ascending
// order for the client, which inserts them into a sorted list one by one.
func (c *Conn) search(line []byte) error {
	s := scanner{b: line, depth: 2}
	s.i = len("SEARCH")
	var nums []uint32
	modseq := []byte(nil)
	for s.blanks(); s.more(); s.blanks() {
		if s.peek() == '(' {
			v, k := s.value()
			fields := bytes.Fields(trimParens(v, k))
			if k != list || len(fields) != 2 || !is(fields[0], "MODSEQ") || !isNumber(fields[1]) {
				return c.garbled("a SEARCH answer that cannot be read", line)
			}
			modseq = fields[1]
			continue
		}
		n, ok := number32(s.word())
		if !ok || n == 0 {
			return c.garbled("a SEARCH answer that cannot be read", line)
		}
		nums = append(nums, n)
	}
	if !slices.IsSorted(nums) {
		slices.Sort(nums)
	}
	out := append(c.rd.out, "* SEARCH"...)
	for _, n := range slices.Compact(nums) {
		out = appendUint(append(out, ' '), n)
	}
	if modseq != nil {
		out = append(append(append(out, " (MODSEQ "...), modseq...), ')')
	}
	c.rd.out = append(out, "\r\n"...)
	return nil
}

// esearch takes ESEARCH (RFC 4731, 3.1). A set larger than the mailbox breaks the
// connection: the client would expand it, and what it says cannot be true.
func (c *Conn) esearch(line []byte) error {
	bad := func() error { return c.garbled("an ESEARCH answer that cannot be read", line) }
	s := scanner{b: line, depth: c.o.MaxDepth}
	s.i = len("ESEARCH")
	out := append(c.rd.out, "* ESEARCH"...)
	s.blanks()
	if s.peek() == '(' {
		v, k := s.value()
		in := scanner{b: trimParens(v, k), depth: 1}
		name := in.word()
		in.blanks()
		tag, tk := in.value()
		if tag = text(tag, tk); !is(name, "TAG") || tk == list || in.more() || !c.underWay(tag) {
			return bad()
		}
		out = append(append(append(out, ` (TAG "`...), tag...), `")`...)
		s.blanks()
	}
	for first := true; s.more(); first = false {
		name := bytes.ToUpper(s.word())
		if !isWord(name) {
			return bad()
		}
		out = append(append(out, ' '), name...)
		if string(name) == "UID" && first {
			s.blanks()
			continue
		}
		s.blanks()
		v, k := s.value()
		if k == malformed {
			return bad()
		}
		ok := true
		switch string(name) {
		case "ALL":
			var set []Range
			if set, ok = parseSet(v); ok && !c.plausible(set) {
				return c.garbled("an ESEARCH answer with more messages than the mailbox has", line)
			}
			out = appendSet(append(out, ' '), set)
		case "MIN", "MAX", "COUNT":
			_, ok = number32(v)
			out = append(append(out, ' '), v...)
		case "MODSEQ":
			ok = isNumber(v)
			out = append(append(out, ' '), v...)
		default:
			ok = plain(v, k, c.o.MaxDepth)
			out = append(append(out, ' '), v...)
		}
		if !ok {
			return bad()
		}
		s.blanks()
	}
	c.rd.out = append(out, "\r\n"...)
	return nil
}

// underWay reports whether a command with that tag waits for its answer.
func (c *Conn) underWay(tag []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.pending, func(cmd *command) bool { return cmd.tag == string(tag) })
}

// vanishedResponse takes VANISHED (RFC 7162, 3.2.10) out and hands it over.
func (c *Conn) vanishedResponse(line []byte) error {
	s := scanner{b: line, depth: 1}
	s.i = len("VANISHED")
	s.blanks()
	earlier := false
	if s.peek() == '(' {
		v, k := s.value()
		if !is(trimBlanks(trimParens(v, k)), "EARLIER") {
			return c.garbled("a VANISHED that cannot be read", line)
		}
		earlier = true
		s.blanks()
	}
	set, ok := parseSet(s.word())
	if s.blanks(); !ok || s.more() {
		return c.garbled("a VANISHED that cannot be read", line)
	}
	c.mu.Lock()
	f := c.vanished
	c.mu.Unlock()
	if f == nil {
		c.report(Repair{What: "VANISHED dropped: nobody asked for it", Lost: true}, line)
		return nil
	}
	f(earlier, set)
	return nil
}

func trimParens(v []byte, k kind) []byte {
	if k != list {
		return nil
	}
	return v[1 : len(v)-1]
}

func isNumber(b []byte) bool {
	n, ok := number(b)
	return ok && n <= math.MaxInt64
}
