package maildir

import (
	"context"

	"mailsync/state"
)

// Look is a Scan that expects nothing, and keeps nothing of a file that is settled but a bit for its UID: of a Maildir with a
// million files, names and snapshot are more than all that is known of the messages. Of the other files of the generation it keeps no names: their
// NameAt is "". Where one look does not suffice, or an identity has several files, it is a Scan, and returns no set.
func (m *Maildir) Look(ctx context.Context, token string, kw *state.Keywords, settled func(f state.OnDisk, can state.Flags) bool) (*state.DiskSnapshot, state.UIDSet, error) {
	l := &looking{settled: settled, left: state.UIDSet{}, variants: map[state.UID]uint8{}}
	p, err := m.pass(token, nil, kw, l)
	if err != nil {
		return nil, nil, err
	}
	if !p.still || l.can != p.snap.Can || l.doubles(p.snap) {
		snap, err := m.Scan(ctx, token, nil, kw)
		return snap, nil, err
	}
	p.snap.Complete = true
	return p.snap, l.left, nil
}

// looking is a Look under way.
type looking struct {
	settled  func(f state.OnDisk, can state.Flags) bool
	can      state.Flags         // what names can carry, as far as was known before
	left     state.UIDSet        // messages whose files are settled
	variants map[state.UID]uint8 // of those files that are not of variant 1
	twice    bool                // one of them has several
}

// at takes a file.
func (l *looking) at(f state.OnDisk, snap *state.DiskSnapshot) {
	if l.twice {
		return // a Scan follows
	}
	if !l.settled(f, l.can) {
		snap.Messages = append(snap.Messages, f)
		return
	}
	l.twice = l.left.Has(f.UID)
	if l.left.Add(f.UID); f.Variant != 1 {
		l.variants[f.UID] = f.Variant
	}
}

// doubles reports whether an identity has several files.
func (l *looking) doubles(snap *state.DiskSnapshot) bool {
	for i, f := range snap.Messages {
		if i > 0 && sameIdentity(snap.Messages[i-1], f) || l.has(f) {
			return true
		}
	}
	return l.twice
}

// has reports whether a settled file is of the same identity.
func (l *looking) has(f state.OnDisk) bool {
	return l.left.Has(f.UID) && max(1, l.variants[f.UID]) == f.Variant
}

func sameIdentity(a, b state.OnDisk) bool { return a.UID == b.UID && a.Variant == b.Variant }
