package mailbox

import (
	"mailsync/state"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// CarriedFlags are the flags, in the bits of to, of a file that takes a message from one mailbox to
// another: the system flags that its name shows, and its keywords. What was agreed on of the
// message stands in where the name is silent, and of flags that no name can carry.
func CarriedFlags(f match.Lying, owner, in, to *Box) state.Flags {
	i, known := owner.Find(f.Of.UID)
	var agreed, seen state.Flags
	if known = known && max(1, owner.Records[i].Variant) == f.Of.Variant; known {
		agreed, seen = state.Pick(owner.Disk.Can, owner.Records[i].Agreed, plan.LastShown(owner.Records[i])), owner.Records[i].Seen
		if owner.Records[i].Status == state.Outstanding {
			agreed = owner.Records[i].Seen // nothing was agreed on, but that is what is known of it
		}
	}
	flags := state.Pick(owner.Disk.Can, state.Spoken(f.Silent, f.Flags, agreed), agreed)
	if in == owner {
		return plan.Translate(flags, owner.KW, to.KW)
	}
	flags = state.Spoken(f.Silent, f.Flags, agreed) & state.System
	words := owner.KW.NamesOf(agreed &^ state.System)
	if !f.Silent && !(f.NewName && f.Letters == "") {
		if pending := owner.KW.NamesOf(seen &^ state.System); known && seen != agreed && match.AsRead(f.Letters, pending, owner.Disk.Words) {
			words = pending // an earlier run carried it here and was interrupted
		} else {
			words = match.MovedKeywords(f.Letters, words, known, owner.Disk.Words, in.Disk.Words)
		}
	}
	for _, w := range words {
		if bit, ok := to.KW.Bit(w); ok {
			flags |= bit
		}
	}
	return flags
}
