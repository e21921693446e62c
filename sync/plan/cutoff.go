package plan

import (
	"cmp"
	"slices"
	"time"

	"mailsync/state"
)

// Cutoff is the rule for which messages may leave the server to make room. With its zero value none
// may. A message leaves where one of the rules wants it to, and no other one keeps it; none of
// them looks at what happened on either side.
type Cutoff struct {
	ByAge     bool          // what is older than OlderThan leaves
	OlderThan time.Duration // by INTERNALDATE; a message without a date is never old
	// Below lets the oldest messages leave until fewer octets than this are used. 0: never.
	Below int64
	// NeverYoungerThan is a floor under Below, and where there is no rule but LargerThan.
	NeverYoungerThan time.Duration
	LargerThan       int64 // only larger messages leave

	KeepFlagged  bool
	KeepUnread   bool
	CopiedBefore int64 // only what was here before this second since 1970 leaves; 0: no such rule

	// Collected replaces all of the rules above, for an account on POP3: what has been here for
	// FetchedAge leaves (0: at once, negative: never), and what is larger than BiggerThan (0: no
	// such rule) leaves once it is here.
	Collected  bool
	FetchedAge time.Duration
	BiggerThan int64

	// NoClock: the clock is not trusted, and nothing is decided by age.
	NoClock bool
}

// Resident is one message on the server, as a Cutoff looks at it.
type Resident struct {
	Box     int // which mailbox, by the caller's count
	UID     state.UID
	Status  state.Status
	Date    int64  // INTERNALDATE, or NoDate
	Size    int64  // -1 unknown
	Flagged bool   // on either side
	Unread  bool   // on either side
	Fetched int64  // since when its bytes are here, 0 unknown or not here
	Sent    int64  // octets that were fetched, -1 unknown
	Fixed   bool   // nothing may take it off the server
	Short   bool   // what is here may not be all of it, and the server has no more
	Same    string // messages with the same value are copies of one, and use the room of one; "" has no copies
	// Like is common to messages of which at least one is in a view and is a copy of another of them,
	// nobody knows of which. They leave together, and those in a view use no room of their own.
	Like string
	View bool // it is in a mailbox that shows what others hold
}

// copies is one message, in all mailboxes that have it.
type copies struct {
	all  []int // indexes of residents
	date int64 // of the newest
	size int64
	n    int // how many messages they are
	lot  Lot
	free bool // no rule keeps it
	here bool // all of it is here, or can be fetched
}

// Choice is what a Cutoff chooses of residents, by their indexes in ascending order.
type Choice struct {
	Leaves   []int
	Messages int   // that those are, copies counted once
	Freed    int64 // octets that it frees if they all leave
	// Stuck are those that would leave if they were complete here.
	Stuck []int
}

// Choose chooses which messages leave. used is how many octets the account uses now. Copies of one
// message leave together or stay together, and count once.
func (c Cutoff) Choose(residents []Resident, used int64, now time.Time) (chosen Choice) {
	left := used
	for _, m := range c.group(residents, now) {
		switch {
		case !m.free || !c.wants(m, left, now):
		case !m.here:
			chosen.Stuck = append(chosen.Stuck, m.all...)
		default:
			chosen.Leaves = append(chosen.Leaves, m.all...)
			chosen.Messages += m.n
			chosen.Freed += m.size
			left -= m.size
		}
	}
	slices.Sort(chosen.Leaves)
	slices.Sort(chosen.Stuck)
	return chosen
}

// Undeletable are those that would leave if anything could take them off the server (Fixed).
func (c Cutoff) Undeletable(residents []Resident, now time.Time) (all []int) {
	for i, m := range residents {
		fixed := m.Fixed
		if m.Fixed = false; fixed && !c.spares(m, now) {
			all = append(all, i)
		}
	}
	return all
}

// Used is how many octets messages take, copies of one counted once.
func Used(residents []Resident) (octets int64) {
	for _, m := range (Cutoff{}).group(residents, time.Time{}) {
		octets += m.size
	}
	return octets
}

// group gathers copies, the oldest message first. Those of one date are
// in the order of the residents, so that a second run chooses as the first did.
func (c Cutoff) group(residents []Resident, now time.Time) []*copies {
	var groups []*copies
	same := map[string]*copies{}
	for i, m := range residents {
		word := m.CopyKey()
		g := same[word]
		if g == nil || word == "" {
			g = &copies{date: m.Date, free: true, here: true}
			groups = append(groups, g)
			if word != "" {
				same[word] = g
			}
		}
		g.all = append(g.all, i)
		g.date = newer(g.date, m.Date)
		n, octets := 1, m.Octets()
		if word != "" {
			n, octets = g.lot.Add(m, octets)
		}
		g.n += n
		g.size += octets
		g.free = g.free && !c.spares(m, now)
		g.here = g.here && !m.Short
	}
	slices.SortStableFunc(groups, func(a, b *copies) int { return cmp.Compare(a.date, b.date) })
	return groups
}

// CopyKey is what copies have in common, "" for a message without.
func (m Resident) CopyKey() string { return cmp.Or(m.Same, m.Like) }

// Lot adds up copies: how many messages they are, and what they take.
type Lot struct{ messages, octets room }

// Add adds a copy, and returns by how much that makes the copies more.
func (l *Lot) Add(m Resident, octets int64) (messages int, more int64) {
	return int(l.messages.add(m, 1)), l.octets.add(m, octets)
}

// room adds something up by where copies are. What a view shows is elsewhere; as much as it shows
// is somewhere.
type room struct {
	rest  int64         // in all mailboxes but views, and where the server knows copies in all of them
	views map[int]int64 // in each view
	most  int64         // of those
}

// add adds n for a copy, and returns how much more all of them are by that.
func (r *room) add(m Resident, n int64) (more int64) {
	before, now := r.most, int64(0)
	switch {
	case m.Like == "":
		r.rest = max(r.rest, n)
		now = r.rest
	case m.View:
		if r.views == nil {
			r.views = map[int]int64{}
		}
		r.views[m.Box] += n
		now = r.views[m.Box]
	default:
		r.rest += n
		now = r.rest
	}
	r.most = max(r.most, now)
	return r.most - before
}

// newer is the later of two dates, NoDate if one of them is.
func newer(a, b int64) int64 {
	if a == state.NoDate || b == state.NoDate {
		return state.NoDate
	}
	return max(a, b)
}

// spares reports whether a rule keeps a message on the server, whatever wants it to leave.
func (c Cutoff) spares(m Resident, now time.Time) bool {
	switch {
	case !m.Status.OnServer(),
		m.Status == state.Accepted, // it cannot be fetched
		m.Fixed,
		c.Collected && !m.Status.HasFile() && m.Status != state.Outstanding:
		return true
	case c.Collected:
		return !c.collected(m, now)
	case c.KeepFlagged && m.Flagged, c.KeepUnread && m.Unread:
		return true
	case c.LargerThan > 0 && m.most() <= c.LargerThan:
		return true
	case c.CopiedBefore != 0 && (m.Fetched == 0 || m.Fetched >= c.CopiedBefore):
		return true
	}
	return false
}

// Octets is how many a message takes: what was fetched of it, or else what was announced.
func (m Resident) Octets() int64 {
	if m.Sent >= 0 {
		return m.Sent
	}
	return max(0, m.Size)
}

// most is what a message takes at most: what was announced may be too small, or missing.
func (m Resident) most() int64 { return max(m.Size, m.Sent) }

// collected is the rule of POP3.
func (c Cutoff) collected(m Resident, now time.Time) bool {
	if c.BiggerThan > 0 && m.most() > c.BiggerThan || c.FetchedAge == 0 {
		return true
	}
	return c.FetchedAge > 0 && !c.NoClock && m.Fetched != 0 && now.Sub(time.Unix(m.Fetched, 0)) >= c.FetchedAge
}

// wants reports whether a rule wants a message to leave, with that many octets in use.
func (c Cutoff) wants(m *copies, used int64, now time.Time) bool {
	if c.Collected {
		return true
	}
	if c.NoClock || m.date == state.NoDate {
		return false
	}
	age := now.Sub(time.Unix(m.date, 0))
	switch {
	case c.ByAge && age >= c.OlderThan:
		return true
	case c.Below > 0 && used >= c.Below, c.LargerThan > 0 && !c.ByAge && c.Below == 0:
		return age >= c.NeverYoungerThan
	}
	return false
}
