package plan

import (
	"slices"

	"mailsync/state"
)

// A marker names the path at which its Maildir was made. A Maildir that is found elsewhere is a copy if there
// is one at that path still; if not, the user moved it.

// Maildirs chooses, by mailbox, among the Maildirs that a walk found: those of an account, and there
// for the paths in their markers at which there is a Maildir.
type Maildirs struct {
	Found []state.Found
	There map[string]bool
	Moved bool // the user states that Maildirs were moved
	New   bool // the user wants one that is gone to begin afresh
}

// Claiming is what is to be done about a mailbox's Maildir.
type Claiming int

// What to do about a Maildir.
const (
	Begin    Claiming = iota // there is none: make one
	Use                      // it is where it should be
	Follow                   // it was moved, and is used where it is
	Complete                 // it is where it should be, and lacks a folder
	Gone                     // the mailbox had one, and it is not there
	WasMoved                 // refuse it: the user does not state that it was moved
	Doubled                  // refuse it: there are two
)

// Claim is what is to be done about a mailbox's Maildir, and which it is; Other is the second one of those
// that are Doubled.
type Claim struct {
	Do        Claiming
	At, Other state.Found
}

// IsCopy reports whether a Maildir is not where it was made, while there is one at that place, or one of its
// mailbox at its own.
func (m Maildirs) IsCopy(f state.Found) bool {
	atHome := func(o state.Found) bool { return o.Path == o.Marker.Path && sameMailbox(o.Marker, f.Marker.Raw) }
	return f.Path != f.Marker.Path &&
		(m.There[f.Marker.Path] || f.Marker.Role == state.RoleMailbox && slices.ContainsFunc(m.Found, atHome))
}

// Fresh chooses the Maildir of a mailbox that the base knows nothing of.
func (m Maildirs) Fresh(raw string) Claim {
	return m.choose(raw, func(f state.Found) bool { return !m.IsCopy(f) }, func(f state.Found) Claiming {
		if f.Path == f.Marker.Path {
			return Use
		}
		return WasMoved
	})
}

// Missing chooses the Maildir of a mailbox that had one at a path, where none can be opened any more.
func (m Maildirs) Missing(raw, path string) Claim {
	mayBe := func(f state.Found) bool { return f.Marker.Path == path || f.Marker.Path == f.Path }
	c := m.choose(raw, mayBe, func(f state.Found) Claiming {
		switch {
		case f.Path == path:
			return Complete
		case f.Marker.Path == f.Path: // an earlier run followed it, and was interrupted before the base knew
			return Follow
		}
		return WasMoved
	})
	switch {
	case m.New && c.Do != Complete && c.Do != Follow:
		return Claim{Do: Begin}
	case c.Do == Begin:
		c.Do = Gone
	}
	return c
}

// choose chooses a single Maildir of a mailbox among those that may be it.
func (m Maildirs) choose(raw string, mayBe func(state.Found) bool, kind func(state.Found) Claiming) (c Claim) {
	for _, f := range m.Found {
		switch {
		case !sameMailbox(f.Marker, raw) || !mayBe(f):
		case c.Do == Begin || c.Do == Use:
			c = Claim{Do: kind(f), At: f}
			if c.Do == WasMoved && m.Moved {
				c.Do = Follow
			}
		default:
			return Claim{Do: Doubled, At: c.At, Other: f}
		}
	}
	return c
}

func sameMailbox(m state.Marker, raw string) bool {
	return m.Role == state.RoleMailbox && state.RawKey(m.Raw) == state.RawKey(raw)
}
