package imap

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"mailsync/backends/imap/grammar"
	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// collector gathers the messages that a UID FETCH lists.
type collector struct {
	flags    flagReader
	exists   uint32 // as of the last EXISTS
	expunged uint32 // how many were removed meanwhile
	most     int    // more messages than this are not believed
	messages []state.OnServer
	numbers  ranges                    // sequence numbers of messages
	later    map[state.UID]state.Flags // flags that arrived apart from the listing
	trouble  []state.Trouble
	flawed   bool // the listing is not complete
}

const maxTrouble = 1000

func newCollector(kw *state.Keywords, exists uint32) *collector {
	// New mail can arrive meanwhile; ten thousand at a time is plenty.
	most := min(uint64(exists)+10_000, math.MaxInt32) // an int has no more everywhere
	return &collector{flags: flagReader{kw: kw}, exists: exists, most: int(most)}
}

var errTooMany = errors.New("server lists far more messages than it announced")

// take takes one untagged answer.
func (c *collector) take(l wire.Line) error {
	sc := l.Scan()
	n, ok := sc.Number()
	if !ok {
		if strings.EqualFold(sc.Atom(), "VANISHED") {
			c.vanished(&sc, l)
		}
		return nil
	}
	sc.SP()
	switch verb := sc.Atom(); {
	case strings.EqualFold(verb, "EXISTS"):
		c.exists = fit32(n)
	case strings.EqualFold(verb, "EXPUNGE"):
		c.expunged++
	case strings.EqualFold(verb, "FETCH"):
		f, ok := readFetch(&sc)
		return c.add(fit32(n), f, ok, l)
	}
	return nil
}

// vanished takes what stands for EXPUNGE responses where UIDONLY or QRESYNC is on: VANISHED 5,7:9. What
// vanished EARLIER (RFC 7162 section 3.2.10) is not news. The set is counted and not expanded.
func (c *collector) vanished(sc *grammar.Scanner, l wire.Line) {
	if sc.SP(); sc.Peek() == '(' {
		return
	}
	var gone ranges
	if !gone.addSet(sc.Atom()) || !sc.Done() {
		c.fault(0, oddAnswer(l))
		return
	}
	gone.sort()
	c.expunged += uint32(min(gone.count(), uint64(math.MaxUint32-c.expunged)))
}

func (c *collector) add(number uint32, f fetched, readable bool, l wire.Line) error {
	uid := state.UID(fit32(f.uid))
	switch {
	case !readable:
		c.fault(uid, oddAnswer(l))
	case !f.hasUID:
		// A flag that changed meanwhile, sent without its UID: the next scan sees it.
	case f.uid == 0 || f.uid > math.MaxUint32:
		c.fault(0, fmt.Errorf("server sent the impossible UID %d", f.uid))
	case f.bare() && f.hasFlags:
		if c.later == nil {
			c.later = map[state.UID]state.Flags{}
		}
		c.later[uid] = c.flags.read(f.flags)
		if len(c.later) > c.most {
			return errTooMany
		}
	case len(c.messages) >= c.most:
		return errTooMany
	default:
		c.numbers.put(number)
		c.grow()
		c.messages = append(c.messages, state.OnServer{
			UID: uid, Flags: c.flags.read(f.flags), Size: f.size, Date: f.date,
		})
	}
	return nil
}

// grow makes room for one more message. What is announced is never made room for at once, but where it is less than
// twice what is there, hardly anything beyond it is: of a million messages the list is all that a scan takes. A server that
// announces one at a time does not have the list copied for each.
func (c *collector) grow() {
	if n := len(c.messages); n == cap(c.messages) {
		more := max(n, 64)
		if left := int64(c.exists) - int64(n); left < int64(n) {
			more = max(int(left), n/16, 64)
		}
		c.messages = append(make([]state.OnServer, 0, n+more), c.messages...)
	}
}

func (c *collector) fault(uid state.UID, err error) {
	c.flawed = true
	if len(c.trouble) < maxTrouble {
		c.trouble = append(c.trouble, state.Trouble{UID: uid, Err: err})
	}
}

// listedNumbers returns the sequence numbers of the messages that were listed so far.
func (c *collector) listedNumbers() ranges {
	r := slices.Clone(c.numbers)
	r.sort()
	return r
}

// listedUIDs returns their UIDs.
func (c *collector) listedUIDs() ranges {
	r := rangesOf(uidsOf(c.messages))
	r.sort()
	return r
}

// finish sorts the messages, and gives them the flags that arrived apart.
func (c *collector) finish() {
	if !slices.IsSortedFunc(c.messages, inOrder) {
		slices.SortStableFunc(c.messages, inOrder)
	}
	kept := c.messages[:0]
	var twice state.UID // is reported once
	for _, m := range c.messages {
		switch n := len(kept); {
		case n == 0 || kept[n-1].UID != m.UID:
			kept = append(kept, m)
		case m.UID != twice:
			twice = m.UID
			c.fault(m.UID, errors.New("server listed this UID twice"))
		}
	}
	c.messages = kept
	for uid, f := range c.later {
		if i, ok := slices.BinarySearchFunc(kept, uid, byUID); ok {
			kept[i].Flags = f
			continue
		}
		// The server sent nothing but flags: the message is there all the same.
		c.messages = append(c.messages, state.OnServer{UID: uid, Flags: f, Size: -1, Date: state.NoDate})
	}
	if len(c.messages) > len(kept) {
		slices.SortFunc(c.messages, inOrder)
	}
	c.later = nil
}

func uidsOf(messages []state.OnServer) []state.UID {
	out := make([]state.UID, len(messages))
	for i, m := range messages {
		out[i] = m.UID
	}
	return out
}

func inOrder(a, b state.OnServer) int { return cmp.Compare(a.UID, b.UID) }

func byUID(m state.OnServer, uid state.UID) int { return cmp.Compare(m.UID, uid) }

// below counts the messages under a UID, all of them for 0.
func (c *collector) below(next uint32) int {
	if next == 0 {
		return len(c.messages)
	}
	i, _ := slices.BinarySearchFunc(c.messages, state.UID(next), byUID)
	return i
}
