package plan

import (
	"slices"

	"mailsync/state"
)

// windowStep is what the number of messages that a provider shows of a mailbox is a multiple of: 1,000 to 10,000 with
// Gmail's setting, 10,000 with Yahoo.
const windowStep = 1000

// Narrow takes from a snapshot what it cannot say where the server shows a window: the newest
// messages of a mailbox, up to a number. With each new message the oldest one leaves the window. It is not
// listed any more, and EXISTS agrees, but nobody deleted it. So where EXISTS is what such a number would be,
// nothing is said of the messages below the lowest UID that is shown: they are as the base last saw
// them, and nothing is done about them, for a server that does not show a message may confirm anything about it. What is
// missing between the others was deleted, in a window too.
//
// records are those of the generation that the snapshot is of. hidden is how many of them the server had and
// does not show. A mailbox that comes to such a number by chance loses nothing: with the next message the
// number is another one, and what was deleted counts as deleted.
func Narrow(sn *state.ServerSnapshot, records []state.Record) (hidden int) {
	if !sn.Complete || sn.Lowest == 0 || !isWindow(sn) {
		return 0
	}
	for _, rec := range records {
		if rec.UID >= sn.Lowest {
			break
		}
		if rec.Status.OnServer() {
			hidden++
		}
	}
	sn.Hides = hidden > 0
	switch {
	case hidden == 0:
	case sn.All:
		sn.All, sn.Window = false, true
		for _, rec := range records {
			if rec.UID > sn.Lowest && rec.Status.OnServer() && !sn.Shows(rec.UID) {
				sn.Gone = append(sn.Gone, rec.UID)
			}
		}
	default:
		sn.Gone = slices.DeleteFunc(sn.Gone, func(uid state.UID) bool { return uid < sn.Lowest })
	}
	return hidden
}

// isWindow reports whether as many messages are there as a window shows.
func isWindow(sn *state.ServerSnapshot) bool {
	n := sn.Mark.Exists
	return n > 0 && (n == sn.Limit || n%windowStep == 0)
}

// Ends reports whether the server shows as many messages of a mailbox as it announced to show at most: there may be more.
func Ends(sn *state.ServerSnapshot) bool {
	return sn.Limit > 0 && sn.Mark.Exists == sn.Limit
}
