package mailbox

import (
	"slices"

	"mailsync/state"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// FileOf returns the first file of an identity, as the scan saw it.
func (b *Box) FileOf(uid state.UID, variant uint8) (string, bool) {
	return plan.NameIn(b.Disk, uid, variant)
}

// SyncDirs makes durable what was changed in a mailbox's Maildir, if anything was.
func (r *Run) SyncDirs(b *Box) error {
	if !b.Wrote || b.MD == nil {
		return nil
	}
	if err := r.Step("sync directories of %s", b.Name); err != nil {
		return err
	}
	return b.MD.Sync()
}

// Add counts n into the result.
func (r *Run) Add(counter *int, n int) {
	r.Mu.Lock()
	*counter += n
	r.Mu.Unlock()
}

// FilesOfOthers are the files of a box's Maildir that carry the token of another mailbox.
func (b *Box) FilesOfOthers(disk *state.DiskSnapshot) []state.Foreign {
	return slices.DeleteFunc(slices.Clone(disk.Foreign), func(f state.Foreign) bool { return !b.OfOther(f.Token) })
}

// OfOther reports whether a token is that of another mailbox's file.
func (b *Box) OfOther(token string) bool { return token != "" && !plan.HasToken(&b.Row, token) }

// OnlyHere are the files of a mailbox that no message on the server is known to be: what
// the server had once, in this generation or an earlier one, and files of other programs.
func (b *Box) OnlyHere() []state.Foreign {
	var files []state.Foreign
	for _, m := range b.Disk.Messages {
		if rec, known := plan.RecordOf(b.Records, m.UID, m.Variant); known && rec.Status != state.OnlyHere && rec.Status != state.Gone {
			continue
		}
		files = append(files, state.Foreign{Token: b.Gen().Token, UID: m.UID, Variant: m.Variant, Flags: m.Flags, Silent: m.Silent, Size: m.Size, Name: b.Disk.NameAt(m.Name)})
	}
	for _, f := range b.Disk.Foreign {
		if !b.OfOther(f.Token) {
			files = append(files, f)
		}
	}
	return files
}

// NewName is a file that is to carry another identity.
type NewName struct {
	From *Box           // in whose Maildir it is
	Name string         // in it
	As   state.Received // the identity and flags it gets, and what Inspect found of its bytes
}

// renames reports whether a file gets its identity in b's Maildir by a rename.
func (f NewName) renames(b *Box) bool { return f.From == b && !f.As.Apart }

// Reidentify gives files of one Maildir, or of several, identities in b's. Within b's Maildir that is
// a rename. A file of another one, or one that is to have bytes of its own, has both names, durably, before it loses the old one, so that a crash
// leaves at most a second name of a file that is already where it belongs. The places are in the order
// of files. Called again with what a crash left, it does what is left to do.
func (r *Run) Reidentify(b *Box, files []NewName) ([]state.Placed, error) {
	placed := make([]state.Placed, len(files))
	for i, f := range files {
		if err := r.Step("give %s of %s the identity of uid %d of %s", f.Name, f.From.Name, f.As.UID, b.Name); err != nil {
			return nil, err
		}
		b.Wrote = true
		var err error
		if f.renames(b) {
			placed[i], err = b.MD.Identify(f.Name, f.As, b.KW)
		} else {
			placed[i], err = b.MD.Link(f.From.Row.Path, f.Name, f.As, b.KW)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := r.SyncDirs(b); err != nil {
		return nil, err
	}
	touched := map[*Box]bool{}
	for i, f := range files {
		if f.renames(b) || f.From == b && plan.Bare(f.Name) == plan.Bare(placed[i].Name) {
			continue // it has one name, and had that identity already if it is Apart
		}
		if err := r.Step("unlink %s in %s", f.Name, f.From.Name); err != nil {
			return nil, err
		}
		f.From.Wrote, touched[f.From] = true, true
		if err := f.From.MD.Unlink(f.Name, b.Row.Path, placed[i].Name); err != nil {
			return nil, err
		}
	}
	for from := range touched {
		if err := r.SyncDirs(from); err != nil {
			return nil, err
		}
	}
	return placed, nil
}

// CarriedFlags are the flags, in the bits of to, of a file that takes a message from one mailbox to
// another: the system flags that its name shows, and its keywords. What was agreed on of the
// message counts where the name is silent, and for flags that no name can carry.
func CarriedFlags(f match.Located, owner, in, to *Box) state.Flags {
	i, known := owner.Find(f.Of.UID)
	var agreed, seen state.Flags
	if known = known && max(1, owner.Records[i].Variant) == f.Of.Variant; known {
		agreed, seen = state.Pick(owner.Disk.Can, owner.Records[i].Agreed, plan.LastShown(owner.Records[i])), owner.Records[i].Seen
		if owner.Records[i].Status == state.Outstanding {
			agreed = owner.Records[i].Seen // nothing was agreed on, but that is what is known of it
		}
	}
	flags := state.Pick(owner.Disk.Can, state.FlagsByName(f.Silent, f.Flags, agreed), agreed)
	if in == owner {
		return plan.Translate(flags, owner.KW, to.KW)
	}
	flags = state.FlagsByName(f.Silent, f.Flags, agreed) & state.System
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
