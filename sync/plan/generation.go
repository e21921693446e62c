package plan

import (
	"slices"
	"time"

	"mailsync/state"
)

// CompareEvery is how long a server is believed that nothing changed, before
// everything is compared: a UID whose message is another one shows in no delta.
const CompareEvery = 7 * 24 * time.Hour

// SameNumbers reports whether a mailbox's numbers continue those of a generation. They do not
// where UIDVALIDITY is another or missing, nor where UIDNEXT or HIGHESTMODSEQ went back: then
// the server was restored from a backup. The numbers of no generation (nil) are none.
func SameNumbers(gen *state.Generation, now state.Mark) bool {
	return gen != nil && now.UIDValidity != 0 && gen.Mark.UIDValidity == now.UIDValidity &&
		(now.UIDNext == 0 || now.UIDNext >= gen.Mark.UIDNext) &&
		(now.ModSeq == 0 || now.IsListing() || now.ModSeq >= gen.Mark.ModSeq)
}

// Unnumbered reports whether a server that shows another UIDVALIDITY than the generation that
// was learned shows no message under it. Where none is recorded either, there is nothing that
// the new numbers could be of, and they are not learned until there is: Courier has another
// UIDVALIDITY each second for a mailbox that was never opened for writing, and a generation
// for each of them would make marker and base grow in every run.
func Unnumbered(gen *state.Generation, now state.Mark) bool {
	return !Unlearned(gen) && now.Exists == 0 && now.UIDValidity != 0 && gen.Mark.UIDValidity != now.UIDValidity
}

// Agrees reports whether what a server lists confirms a generation's records: every
// message that both have is the same in size and date, and there is one, unless the
// records know of none on the server. Both are sorted by UID.
func Agrees(records []state.Record, listed []state.OnServer) bool {
	shared, none := false, true
	for _, rec := range records {
		if !rec.Status.OnServer() {
			continue
		}
		none = false
		if i, there := state.FindOnServer(listed, rec.UID); there {
			if Other(rec.Size, listed[i].Size, -1) || Other(rec.Date, listed[i].Date, state.NoDate) {
				return false
			}
			shared = true
		}
	}
	return none || shared
}

// KnowsOne reports whether a POP3 server lists a message that was ever seen there. Its
// UIDVALIDITY proves nothing, and what was collected is not on it any more.
func KnowsOne(records []state.Record, listed []state.OnServer) bool {
	return slices.ContainsFunc(records, func(rec state.Record) bool {
		_, there := state.FindOnServer(listed, rec.UID)
		return there
	})
}

// InPart is in place of the time of a generation's last full comparison as long as what was
// learned of it never came from a complete listing.
const InPart = 1

// Unlearned reports whether no scan of a generation was committed yet. Then nothing that is
// missing proves anything.
func Unlearned(g *state.Generation) bool { return g.Compared == 0 }

// Generations are what a marker knows of a mailbox's numberings.
func Generations(m state.Marker) (gens []state.Generation) {
	for i, g := range m.Generations {
		gens = append(gens, state.Generation{
			Token: g.Token, Current: i == len(m.Generations)-1, Mark: state.Mark{UIDValidity: g.UIDValidity}})
	}
	return gens
}

// Union adds to a mailbox's generations those that only its marker knows, and makes the
// marker's last one current if that is among them: the marker is written before the base.
// It reports whether both agreed on which is current.
func Union(row *state.MailboxRow, m state.Marker) (agreed bool) {
	current := row.Current()
	agreed = current != nil && len(m.Generations) > 0 && m.Generations[len(m.Generations)-1].Token == current.Token
	for _, g := range Generations(m) {
		if HasToken(row, g.Token) {
			continue
		}
		if g.Current {
			SetCurrent(row, -1)
		}
		row.Generations = append(row.Generations, g)
	}
	return agreed
}

// HasToken reports whether a token is one of a mailbox's generations.
func HasToken(row *state.MailboxRow, token string) bool {
	return slices.ContainsFunc(row.Generations, func(g state.Generation) bool { return g.Token == token })
}

// SetCurrent makes the generation at an index current and no other; -1: none. None of them is
// clean any more.
func SetCurrent(row *state.MailboxRow, index int) {
	for i := range row.Generations {
		row.Generations[i].Current, row.Generations[i].Clean = i == index, false
	}
}
