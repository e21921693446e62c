package mailbox

import (
	"context"

	"mailsync/state"
	"mailsync/sync/plan"
)

// NewName is a file that is to carry another identity.
type NewName struct {
	From *Box           // whose Maildir it lies in
	Name string         // in it
	As   state.Received // the identity and flags it gets, and what Inspect found of its bytes
}

// renames reports whether a file gets its identity in b's Maildir by a rename.
func (f NewName) renames(b *Box) bool { return f.From == b && !f.As.Apart }

// Reidentify gives files of one Maildir, or of several, identities in b's. Within b's Maildir that is
// a rename. A file of another one, or one that is to have bytes of its own, has both names, durably, before it loses the old one, so that a crash
// leaves at most a second name of a file that is already where it belongs. The places are in the order
// of files. Called again with what a crash left, it does what is left to do.
func (r *Run) Reidentify(_ context.Context, b *Box, files []NewName) ([]state.Placed, error) {
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
