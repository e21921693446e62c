package match

import (
	"cmp"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
)

// A message may be in several mailboxes, above all where those are labels. If the server
// can report that, it is fetched in one of them, and its file is linked into the others.
// Size and date show which those may be; share.go asks whether they are.

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

// Likeness groups messages of one size and date, sorted, and leaves out the groups that are in
// a single mailbox, or of which nothing is to be fetched. The mailbox of the first of a group
// leads: what is to be fetched in any other waits until its files are here. It is a
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
	first, _ := slices.BinarySearchFunc(groups, c, func(a Alike, c Content) int { return a.Content().Compare(c) })
	n := first
	for n < len(groups) && groups[n].Content() == c {
		n++
	}
	return groups[first:n]
}

// Waits reports whether what a mailbox has to fetch of that content waits for another one. It
// does not where the mailbox has a file of that content: no two messages of one Maildir
// may share a file, for two names of one are what an interrupted run leaves.
func Waits(groups []Alike, box int, c Content) bool {
	group := AlikeTo(groups, c)
	return len(group) > 0 && group[0].Box != box &&
		!slices.ContainsFunc(group, func(a Alike) bool { return a.Box == box && a.Status.HasFile() })
}

// Some servers have mailboxes that show what others hold: all mail, what is flagged (RFC 6154), what
// a search finds. Where the server does not report copies (EMAILID, X-GM-MSGID), what such a view
// shows is taken for a copy of what has its size, date and Message-ID in another mailbox. If there are several,
// they are judged together, and where bytes are at stake, bytes decide.

// Shown groups the messages on the server that views show with those elsewhere that have their size and date.
// views[i] reports whether mailbox i is one. It is a pure function.
func Shown(mailboxes [][]state.Record, views []bool) []map[int][]state.UID {
	groups := map[Content]map[int][]state.UID{}
	known := func(rec state.Record) bool {
		return rec.Status.OnServer() && rec.Size >= 0 && rec.Date != state.NoDate
	}
	for i, records := range mailboxes {
		for _, rec := range records {
			if views[i] && known(rec) {
				groups[ContentOf(rec)] = map[int][]state.UID{}
			}
		}
	}
	for i, records := range mailboxes {
		for _, rec := range records {
			if g := groups[ContentOf(rec)]; g != nil && known(rec) {
				g[i] = append(g[i], rec.UID)
			}
		}
	}
	var shown []map[int][]state.UID
	for _, g := range groups {
		if len(g) > 1 {
			shown = append(shown, g)
		}
	}
	return shown
}
