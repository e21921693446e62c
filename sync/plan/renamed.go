package plan

import (
	"slices"
	"strings"

	"mailsync/state"
)

// SameMailbox reports whether a mailbox that the server lists is the one of a row whose name it does not
// list any more: by MAILBOXID, or else by UIDVALIDITY and every message that both have. now is nil unless AsksListing.
func SameMailbox(row state.MailboxRow, records []state.Record, listed state.Listed, now *state.ServerSnapshot) bool {
	switch {
	case row.Current() == nil:
		return false
	case row.MailboxID != "" && row.MailboxID == listed.MailboxID:
		return true
	case now == nil:
		return false
	case row.MailboxID != "" && now.MailboxID != "":
		return row.MailboxID == now.MailboxID
	}
	return SameNumbers(row.Current(), now.Mark) && Agrees(records, now.Messages)
}

// AsksListing reports whether SameMailbox has to know the messages of the mailbox.
func AsksListing(row state.MailboxRow, listed state.Listed) bool {
	g := row.Current()
	return g != nil && g.Tally.OnServer > 0 && (row.MailboxID == "" || row.MailboxID != listed.MailboxID) &&
		(!listed.HasMark || listed.Mark.UIDValidity == g.Mark.UIDValidity)
}

// RenamedTo pairs mailboxes that vanished with new ones: same[i][k] is true where they are the same. It returns the
// new one of each that vanished, -1 where there is none, or more than one.
func RenamedTo(same [][]bool) []int {
	to := make([]int, len(same))
	taken := map[int]bool{}
	for i := range same {
		to[i] = -1
		found := 0
		for k, is := range same[i] {
			if is && !taken[k] {
				to[i] = k
				found++
			}
		}
		if found != 1 {
			to[i] = -1
		}
		if to[i] >= 0 {
			taken[to[i]] = true
		}
	}
	return to
}

// Renaming is a mailbox that the server renamed, and the path that its Maildir is to have.
type Renaming struct {
	Row    state.MailboxRow
	Target string
}

// Owner is to whom the Maildir at a path belongs.
type Owner int

// To whom a Maildir belongs.
const (
	Nobody Owner = iota // there is none
	Mine
	Others
)

// Folder is what is to be done with the folder of a renamed mailbox.
type Folder int

// What to do with a folder.
const (
	Stay    Folder = iota // it keeps its path
	Rename                // to its target
	Renamed               // it is at its target already: an interrupted run did it, or the folder above was renamed
	Missing               // refuse it: it is neither here nor there
	NotOurs               // refuse it: another Maildir is in its place
)

// Folder decides what becomes of a renamed mailbox's folder, by the owners of the Maildirs at its path and its target.
// It may take those below it along only where each of them is renamed to the same place by its own new name.
func (p Renaming) Folder(here, there Owner, all []Renaming, rows []state.MailboxRow) Folder {
	switch {
	case here == Nobody && there == Mine:
		return Renamed
	case here == Nobody && there == Nobody:
		return Missing
	case here != Mine:
		return NotOurs
	case p.Target == p.Row.Path:
		return Stay
	}
	for _, row := range rows {
		below, ok := strings.CutPrefix(row.Path, p.Row.Path+"/")
		along := func(o Renaming) bool { return o.Row.ID == row.ID && o.Target == p.Target+"/"+below }
		if ok && !slices.ContainsFunc(all, along) {
			return Stay
		}
	}
	return Rename
}
