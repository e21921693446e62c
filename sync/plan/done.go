package plan

import "mailsync/state"

// Done reports whether Plan has nothing to do, some messages aside: those that Settled found to be so.
func Done(w World, but state.UIDSet) bool {
	ops, _ := decide(w, but)
	return ops.Len() == 0
}

// Settled judges files one by one, while a Maildir is read, so that nothing has to be kept of a million files that are as they have
// to be. Disk of its world is not used.
type Settled struct {
	planner planner
	base    []state.Record
	disk    state.DiskSnapshot
	file    [1]state.OnDisk
}

// NewSettled judges files of a world, of which the server was not looked at.
func NewSettled(w World) *Settled {
	s := &Settled{base: w.Base, disk: state.DiskSnapshot{Scanned: true, Complete: true}}
	s.planner.World = w
	s.planner.Server, s.planner.Disk = nil, &s.disk
	return s
}

// Has reports whether a file is the one of a message that the base knows, and Plan has nothing to do about that if
// it has no other. can are the flags that a file name can carry there. What other variants a message has does not matter to Plan.
func (s *Settled) Has(f state.OnDisk, can state.Flags) bool {
	place, known := PlaceOf(s.base, f.UID)
	if !known || max(1, s.base[place].Variant) != f.Variant {
		return false
	}
	s.disk.Can, s.file[0] = can, f
	p := &s.planner
	p.ops, p.Base = Ops{others: p.ops.others[:0]}, s.base[place:place+1]
	p.message(p.view(Joined{UID: f.UID, Base: &s.base[place], Disk: s.file[:]}, 0, false))
	return p.ops.Len() == 0
}
