package sync

import (
	"context"

	"mailsync/state"
)

// newName is a file that is to carry another identity.
type newName struct {
	from *box           // whose Maildir it lies in
	name string         // in it
	as   state.Received // the identity and flags it gets, and what Inspect found of its bytes
}

// reidentify gives files of one Maildir, or of several, identities in b's. A file has both
// names, durably, before it loses the old one, so that a crash leaves at most a second
// name of a file that is already where it belongs. The places are in the order of files.
// Called again with what a crash left, it does what is left to do.
func (r *run) reidentify(_ context.Context, b *box, files []newName) ([]state.Placed, error) {
	placed := make([]state.Placed, len(files))
	for i, f := range files {
		if err := r.step("link %s of %s to uid %d of %s", f.name, f.from.name, f.as.UID, b.name); err != nil {
			return nil, err
		}
		b.wrote = true
		var err error
		if placed[i], err = b.md.Link(f.from.row.Path, f.name, f.as, b.kw); err != nil {
			return nil, err
		}
	}
	if err := r.syncDirs(b); err != nil {
		return nil, err
	}
	touched := map[*box]bool{}
	for i, f := range files {
		if f.from == b && bare(f.name) == bare(placed[i].Name) {
			continue // it had that identity already, and at most got other flags
		}
		if err := r.step("unlink %s in %s", f.name, f.from.name); err != nil {
			return nil, err
		}
		f.from.wrote, touched[f.from] = true, true
		if err := f.from.md.Unlink(f.name, b.row.Path, placed[i].Name); err != nil {
			return nil, err
		}
	}
	for from := range touched {
		if err := r.syncDirs(from); err != nil {
			return nil, err
		}
	}
	return placed, nil
}
