package match

import (
	"cmp"
	"slices"
	"sort"

	"mailsync/state"
	"mailsync/sync/plan"
)

// A message may be in several mailboxes, above all where those are labels. Where the server
// can say so, it is fetched in one of them, and its file is linked into the others.
// Which those may be, sizes and dates tell; whether they are, share.go asks.

// Alike is a message that may be in other mailboxes, too: one that is to be fetched, or one
// whose file is here.
type Alike struct {
	Size, Date int64
	Box        int // place in the list of mailboxes
	UID        state.UID
	Variant    uint8        // of its file
	Status     state.Status // without a file: it is to be fetched
	Late       bool         // of a mailbox that messages are likely to leave
}

// Gives reports whether its file may be linked.
func (a Alike) Gives() bool { return a.Status == state.Live || a.Status == state.OnlyHere }

// Content is what a message has in common with its copies.
func (a Alike) Content() Content { return BySizeAndDate(a.Size, a.Date, "") }

// Compare orders by size, then by date.
func (c Content) Compare(o Content) int {
	return cmp.Or(cmp.Compare(c.Size, o.Size), cmp.Compare(c.Date, o.Date))
}

// Likeness groups messages of one size and date, sorted, and leaves out the groups that lie in
// a single mailbox, or of which nothing is to be fetched. The first of a group says which
// mailbox leads: what is to be fetched in any other waits until its files are here. It is a
// pure function.
func Likeness(of ...[]Alike) []Alike {
	all := slices.Concat(of...)
	slices.SortFunc(all, func(x, y Alike) int {
		return cmp.Or(x.Content().Compare(y.Content()), plan.CompareBools(y.Gives(), x.Gives()), plan.CompareBools(x.Late, y.Late),
			cmp.Compare(x.Box, y.Box), cmp.Compare(x.UID, y.UID))
	})
	groups := all[:0]
	for i := 0; i < len(all); {
		n := i + 1
		for n < len(all) && all[n].Content() == all[i].Content() {
			n++
		}
		group := all[i:n]
		if slices.ContainsFunc(group, func(a Alike) bool { return !a.Status.HasFile() && a.Box != group[0].Box }) {
			groups = append(groups, group...)
		}
		i = n
	}
	return slices.Clip(groups)
}

// AlikeTo are those of one content. They are sorted by it.
func AlikeTo(groups []Alike, c Content) []Alike {
	first := sort.Search(len(groups), func(i int) bool { return groups[i].Content().Compare(c) >= 0 })
	n := first
	for n < len(groups) && groups[n].Content() == c {
		n++
	}
	return groups[first:n]
}

// Waits reports whether what a mailbox has to fetch of that content waits for another one. It
// does not where the mailbox has a file of that content: of one Maildir no two messages
// may share a file, for two names of one are what a broken run leaves.
func Waits(groups []Alike, box int, c Content) bool {
	group := AlikeTo(groups, c)
	return len(group) > 0 && group[0].Box != box &&
		!slices.ContainsFunc(group, func(a Alike) bool { return a.Box == box && a.Status.HasFile() })
}
