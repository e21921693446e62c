package plan

import (
	"cmp"
	"slices"
	"time"

	"mailsync/state"
)

// Cutoff says which messages may leave the server to make room. Its zero value lets none
// go. The rules that ask for messages to go are joined by "or", those that spare them by
// "and"; none of them looks at what happened on either side.
type Cutoff struct {
	ByAge     bool          // what is older than OlderThan goes
	OlderThan time.Duration // by INTERNALDATE; a message without a date is never old
	// Below lets the oldest messages go until this many octets are used. 0: never.
	Below int64
	// NeverYoungerThan is a floor under Below, and where there is no rule but LargerThan.
	NeverYoungerThan time.Duration
	LargerThan       int64 // only larger messages go

	KeepFlagged  bool
	KeepUnread   bool
	CopiedBefore int64 // only what was here before this second since 1970 goes; 0: whatever

	// Collected replaces all of the rules above, for an account on POP3: what has been here for
	// FetchedAge goes (0: at once, negative: never), and what is larger than BiggerThan (0: no
	// such rule) goes once it is here.
	Collected  bool
	FetchedAge time.Duration
	BiggerThan int64

	// NoClock says that the clock is not trusted: nothing is decided by age.
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
	Sent    int64  // octets that came, -1 unknown
	Fixed   bool   // nothing may take it off the server
	Short   bool   // what is here may not be all of it, and the server has no more
	Same    string // messages with the same word are copies of one, and use the room of one; "" is itself
	// Like is the word of messages of which one at least is in a view and is a copy of another of them,
	// nobody knows of which. They go together, and those in a view use no room of their own.
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
	free bool // no rule spares it
	here bool // all of it is here, or can be had
}

// Choice is what a Cutoff says of residents, by their indexes in ascending order.
type Choice struct {
	Goes     []int
	Messages int   // that those are, copies counted once
	Freed    int64 // octets that it frees if they all go
	// Stuck are those that would go if they were all here.
	Stuck []int
}

// Choose says which messages go. used is how many octets the account uses now. Copies of one
// message go together or stay together, and count once.
func (c Cutoff) Choose(residents []Resident, used int64, now time.Time) (chosen Choice) {
	left := used
	for _, m := range c.group(residents, now) {
		switch {
		case !m.free || !c.wants(m, left, now):
		case !m.here:
			chosen.Stuck = append(chosen.Stuck, m.all...)
		default:
			chosen.Goes = append(chosen.Goes, m.all...)
			chosen.Messages += m.n
			chosen.Freed += m.size
			left -= m.size
		}
	}
	slices.Sort(chosen.Goes)
	slices.Sort(chosen.Stuck)
	return chosen
}

// Undeletable are those that would go if anything could take them off the server (Fixed).
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

// group gathers copies, the oldest message first. Where nothing else tells two apart, they
// come in the order of the residents, so that a second run chooses as the first did.
func (c Cutoff) group(residents []Resident, now time.Time) []*copies {
	var groups []*copies
	same := map[string]*copies{}
	for i, m := range residents {
		word := m.Word()
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

// Word is what copies have in common, "" where a message is itself.
func (m Resident) Word() string { return cmp.Or(m.Same, m.Like) }

// Lot adds up copies: how many messages they are, and what they take.
type Lot struct{ messages, octets room }

// Add adds a copy, and returns by how much the copies are more by that.
func (l *Lot) Add(m Resident, octets int64) (messages int, more int64) {
	return int(l.messages.add(m, 1)), l.octets.add(m, octets)
}

// room adds something up by where copies lie. What a view shows lies elsewhere; as much as it shows
// lies somewhere.
type room struct {
	rest  int64         // in all mailboxes but views, and where the server knows copies in all of them
	views map[int]int64 // in each view
	most  int64         // of those
}

// add adds so much for a copy, and returns how much more it is for all of them by that.
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

// newer is the later of two dates, none if one of them is none.
func newer(a, b int64) int64 {
	if a == state.NoDate || b == state.NoDate {
		return state.NoDate
	}
	return max(a, b)
}

// spares reports whether a rule keeps a message on the server, whatever wants it to go.
func (c Cutoff) spares(m Resident, now time.Time) bool {
	switch {
	case !m.Status.OnServer(),
		m.Status == state.Accepted, // nobody can have it
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

// Octets is how many a message takes: what came of it, or else what was announced.
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

// wants reports whether a rule asks for a message to go, with that many octets in use.
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
