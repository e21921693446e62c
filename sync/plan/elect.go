package plan

import (
	"cmp"
	"slices"

	"mailsync/state"
)

// Numbered is what decides which generation a mailbox is in.
type Numbered struct {
	Known        bool                  // the base knows the mailbox
	Base, Marker string                // the token of the current generation, by each of them
	Other        bool                  // the server reports that another mailbox has the name now
	Generations  []state.Generation    // those of the base and those that only the marker knows
	Server       *state.ServerSnapshot // nil: not asked, since nothing changed there
	Contradicted bool                  // GoesOn was false when the server was first asked; Server is complete since
	Records      [][]state.Record      // of the generations for which Asks holds, as RecordsOfNames where one is Unlearned
}

// GoesOn reports whether the server's numbers are those of the current generation.
func (n *Numbered) GoesOn() bool {
	i := n.current()
	return i >= 0 && !n.Other && (n.Server == nil || SameNumbers(&n.Generations[i], n.Server.Mark))
}

// Asks reports whether Elect has to know the records of a generation.
func (n *Numbered) Asks(i int) bool {
	if n.Contradicted {
		return i == n.current() || SameNumbers(&n.Generations[i], n.Server.Mark)
	}
	return i == n.current() && !n.Known && n.Server != nil && n.Server.Mark.UIDNext != 0
}

// Elect returns the place of the generation that the server's numbers belong to, -1 where a new one
// begins, and whether the mailbox enters it: unless the server, the base and the marker agree
// that it is the one the mailbox was in, nothing is taken for known.
func (n *Numbered) Elect() (index int, enters bool) {
	index = n.elect()
	enters = index < 0 || n.Generations[index].Token != n.Marker || n.Known && (n.Base != n.Marker || n.Other)
	return index, enters
}

// elect keeps the current generation where nothing contradicts it, or where other numbers are not those
// of any message. Any other one has to be confirmed by its records.
func (n *Numbered) elect() int {
	current := n.current()
	if !n.Contradicted {
		// Where the base is lost, files may have UIDs that the server has yet to assign: it was restored
		// from a backup, and will give them to other messages.
		if n.Asks(current) && !below(n.Records[current], n.Server.Mark.UIDNext) {
			return -1
		}
		return current
	}
	if current >= 0 && !n.Other && n.Server.Complete && Unnumbered(&n.Generations[current], n.Server.Mark) && len(n.Records[current]) == 0 {
		return current
	}
	for i := len(n.Generations) - 1; i >= 0; i-- {
		g, records := &n.Generations[i], n.Records[i]
		if !SameNumbers(g, n.Server.Mark) || Unlearned(g) && (len(records) == 0 || !below(records, n.Server.Mark.UIDNext)) {
			continue
		}
		if Agrees(records, n.Server.Messages) {
			return i
		}
	}
	return -1
}

func (n *Numbered) current() int {
	return slices.IndexFunc(n.Generations, func(g state.Generation) bool { return g.Current })
}

// below reports whether a server with that UIDNEXT can have given the UIDs of all records.
func below(records []state.Record, uidNext uint32) bool {
	n := len(records)
	return n == 0 || uidNext == 0 || uint32(records[n-1].UID) < uidNext
}

// RecordsOfNames makes records from the names of a generation's files, where the base knows nothing of them.
func RecordsOfNames(found []state.Foreign, token string) (records []state.Record) {
	files := slices.DeleteFunc(slices.Clone(found), func(f state.Foreign) bool { return f.Token != token || f.UID == 0 })
	slices.SortFunc(files, func(x, y state.Foreign) int {
		return cmp.Or(cmp.Compare(x.UID, y.UID), cmp.Compare(x.Variant, y.Variant))
	})
	for i, f := range files {
		if i+1 == len(files) || files[i+1].UID != f.UID { // the last variant is the one the server had
			records = append(records, state.Record{UID: f.UID, Variant: f.Variant, Status: state.Live, Size: f.Size, Date: f.Date})
		}
	}
	return records
}

// Enter makes the generation at an index the current one, or, where that is -1, a new one with a token.
// Nothing that was learned of it counts until everything was scanned again.
func Enter(row *state.MailboxRow, index int, token string, uidValidity uint32) {
	if index < 0 {
		row.Generations = append(row.Generations, state.Generation{Token: token})
		index = len(row.Generations) - 1
	}
	SetCurrent(row, index)
	g := &row.Generations[index]
	g.Mark, g.Disk, g.Compared = state.Mark{UIDValidity: uidValidity}, state.DirMark{}, 0
}

// Outdated reports whether a marker has to be written anew, though its current generation is the right one.
func Outdated(has, want state.Marker) bool {
	return has.Path != want.Path || has.Raw != want.Raw || has.Host != want.Host || has.User != want.User || has.Use != want.Use
}
