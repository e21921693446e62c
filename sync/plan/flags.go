package plan

import (
	"slices"
	"strings"

	"mailsync/state"
)

// Has compares as IMAP does (RFC 9051 section 2.3.2).
func Has(words []string, w string) bool {
	return slices.ContainsFunc(words, func(x string) bool { return strings.EqualFold(x, w) })
}

// HadFlags are the flags of a message of which only the file is left: those that its name shows. Of
// flags that no name can carry here (can says which can), as a keyword beyond the 26 letters, the server has the
// last word; where the name is silent, what was agreed on stands in.
func HadFlags(rec state.Record, silent bool, shown, can state.Flags) state.Flags {
	return state.Pick(can, state.Spoken(silent, shown, rec.Agreed), LastShown(rec))
}

// LastShown are the flags that the server showed last; what was sent to it, where it never showed the message.
func LastShown(rec state.Record) state.Flags {
	if NeverSeen(rec) {
		return rec.Agreed
	}
	return rec.Seen
}

// Translate spells flags of one mailbox in the bits of another. A keyword for which that
// has no bit left is lost to the file and stays on the server.
func Translate(f state.Flags, from, to *state.Keywords) state.Flags {
	if from == to {
		return f
	}
	out := f & state.System
	for _, name := range from.NamesOf(f &^ state.System) {
		if bit, ok := to.Bit(name); ok {
			out |= bit
		}
	}
	return out
}
