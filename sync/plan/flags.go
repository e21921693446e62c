package plan

import (
	"slices"
	"strings"

	"mailsync/state"
)

// Has reports whether a keyword is among words, compared as IMAP does (RFC 9051 section 2.3.2).
func Has(words []string, w string) bool {
	return slices.ContainsFunc(words, func(x string) bool { return strings.EqualFold(x, w) })
}

// HadFlags are the flags of a message of which only the file is left: those that its name shows. Of
// flags that no name can carry here (can says which can), as a keyword beyond the 26 letters, the server has the
// last word; where the name is silent, what was agreed on stands in.
func HadFlags(rec state.Record, silent bool, shown, can state.Flags) state.Flags {
	return state.Pick(can, state.FlagsByName(silent, shown, rec.Agreed), LastShown(rec))
}

// LastShown are the flags that the server showed last, or those that were sent to it where it never showed the message.
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

// flags merges the flags of a message that both sides have. While the disk was not looked
// at, they wait for a run that does. A name in which mail
// programs see no flags is given those that the file has, so that they show them again.
// Those in still stay where they are.
func (p *planner) flags(v view, base state.Flags, status state.Status, still state.Flags) {
	if !p.DiskScanned() {
		return
	}
	toServer, toDisk := p.Policy.Travel(p.can())
	kept := p.kept()
	disk := state.Pick(p.can(), v.dFlags, base)
	merged := state.Merge(base, v.sFlags, disk)
	wantServer := state.Pick(toServer&kept&^still, merged, v.sFlags)
	p.waiting.Unsettable |= (merged ^ v.sFlags) & toServer &^ (kept | still)
	wantDisk := state.Pick(toDisk&^still, merged, disk)
	if wantServer != v.sFlags {
		p.add(Op{Kind: OpFlagServer, UID: v.uid, Flags: wantServer, Server: v.sFlags, Disk: disk})
	}
	shown := disk
	if v.silent {
		shown = state.Pick(p.can(), v.shown, base)
	}
	// A silent name stays where flags do not travel to the server: only it may have what it would
	// show if it could be read.
	rewrite := v.hidden && p.Policy.FlagsToDisk && (!v.silent || p.Policy.FlagsToServer)
	if wantDisk != disk || rewrite {
		p.add(Op{Kind: OpFlagDisk, UID: v.uid, Variant: v.vari, Name: v.name, Flags: wantDisk, Server: wantServer, Disk: shown})
	}
	agreed := Agreement(base, wantServer, wantDisk)
	if agreed != v.rec.Agreed || !v.known || status != v.rec.Status {
		p.agree(v, status, agreed)
	}
}

// can are the flags that a file name can carry here.
func (w *World) can() state.Flags {
	if !w.DiskScanned() {
		return 0
	}
	return w.Disk.Can
}

// kept are the flags that the mailbox on the server keeps, as far as is known.
func (w *World) kept() state.Flags {
	kept := ^w.Unsettable
	if sn := w.Server; sn != nil && !sn.ReadOnly {
		kept &= settable(sn)
	}
	return kept
}

// sent are the flags that an appended message is given.
func (w *World) sent(f state.Flags) state.Flags {
	if w.Policy.OnDiskDelete != Delete {
		f &^= state.Deleted
	}
	return f &^ w.Unsettable
}

// Agreement is what both sides agree on once they have these flags: where they are
// equal, that; where they differ because the flag may not travel or a file cannot
// carry it, what they agreed on before, so that it travels on the day it can.
func Agreement(base, server, disk state.Flags) state.Flags {
	return state.Pick(^(server ^ disk), server, base)
}

// Untried are the flags that are known not to be settable in a mailbox, except for those that are worth
// another try: all of them where everything is compared, and where the mailbox was opened as for
// changes those that it has denied, and allows to be changed by now. It is a pure function.
func Untried(g *state.Generation, sn *state.ServerSnapshot, full bool) state.Flags {
	switch {
	case full:
		return 0
	case sn == nil || sn.ReadOnly:
		return g.Unsettable
	}
	return g.Unsettable &^ (g.Denied & settable(sn))
}

// settable is what STORE can change: where the server lets clients make keywords, every
// keyword, also one that it has not seen yet.
func settable(sn *state.ServerSnapshot) state.Flags {
	if sn.NewWords {
		return sn.Permanent | state.Forwarded | ^state.System
	}
	return sn.Permanent
}
