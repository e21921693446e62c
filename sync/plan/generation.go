package plan

import (
	"time"

	"mailsync/state"
)

// CompareEvery is how long the word of a server that nothing changed is taken, before
// everything is compared: a UID whose message is another one shows in no delta.
const CompareEvery = 7 * 24 * time.Hour

// Numbering is what a mailbox's UIDVALIDITY, UIDNEXT and HIGHESTMODSEQ say about the
// generation the base has.
type Numbering uint8

// What became of a mailbox's numbering.
const (
	SameNumbers Numbering = iota // go on
	NoNumbers                    // the base has no generation yet: begin one
	BadNumbers                   // UIDVALIDITY is 0 or missing: the mailbox is left as it is
	NewNumbers                   // another UIDVALIDITY: a new generation begins
	Backwards                    // UIDNEXT or HIGHESTMODSEQ went back: the server was restored from a backup
)

// Compare tells how a mailbox's numbering relates to a generation.
func Compare(gen *state.Generation, now state.Mark) Numbering {
	switch {
	case now.UIDValidity == 0:
		return BadNumbers
	case gen == nil:
		return NoNumbers
	case gen.Mark.UIDValidity != now.UIDValidity:
		return NewNumbers
	case now.UIDNext != 0 && now.UIDNext < gen.Mark.UIDNext,
		now.ModSeq != 0 && now.ModSeq < gen.Mark.ModSeq:
		return Backwards
	}
	return SameNumbers
}

// Agrees reports whether what a server lists bears out a generation's records: every
// message that both have is the same in size and date, and there is one, unless the
// records know of none on the server. Both are sorted by UID.
func Agrees(records []state.Record, listed []state.OnServer) bool {
	shared, l := 0, 0
	none := true
	for _, rec := range records {
		if !rec.Status.OnServer() {
			continue
		}
		none = false
		for l < len(listed) && listed[l].UID < rec.UID {
			l++
		}
		if l == len(listed) || listed[l].UID != rec.UID {
			continue
		}
		if Other(rec.Size, listed[l].Size, -1) || Other(rec.Date, listed[l].Date, state.NoDate) {
			return false
		}
		shared++
	}
	return none || shared > 0
}

// Unnumbered reports that a server which shows another UIDVALIDITY than the generation that
// was learned shows no message under it. Where none is recorded either, there is nothing that
// the new numbers are of, and they are not learned until there is: Courier has another
// UIDVALIDITY each second for a mailbox that was never opened for writing, and a generation
// for each of them would make marker and base grow in every run.
func Unnumbered(gen *state.Generation, now state.Mark) bool {
	return !Unlearned(gen) && now.Exists == 0 && Compare(gen, now) == NewNumbers
}

// InPart stands where the time of a generation's last full comparison will, while what was
// learned of it never came from a complete listing.
const InPart = 1

// Unlearned reports that no scan of a generation was committed yet. What its files are
// tells the scan that is to come; nothing that is missing proves anything.
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
	for _, g := range row.Generations {
		if g.Token == token {
			return true
		}
	}
	return false
}

// SetCurrent makes the generation at an index current and no other; -1: none. What any of
// them says of files has to be looked at again.
func SetCurrent(row *state.MailboxRow, index int) {
	for i := range row.Generations {
		row.Generations[i].Current, row.Generations[i].Clean = i == index, false
	}
}
