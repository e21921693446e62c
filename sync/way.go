package sync

import "mailsync/state"

// A message leaves the server for good by UID EXPUNGE alone. A server without it (UIDPLUS) can
// move single messages to its trash at best: there they lie, and use room as before, until
// the server's provider, or its user, empties it.

// Ability is what a server can do about single messages of a mailbox.
type Ability struct {
	UIDPlus bool // expunge them
	Move    bool // move them in one step
	Trash   bool // it names a trash mailbox, and that is another one
	IsTrash bool // the mailbox is the trash
}

// Route is how messages leave a mailbox.
type Route uint8

// The routes. Only the first two free anything.
const (
	ExpungeHere  Route = iota // expunged where they are
	ExpungeThere              // moved to the trash mailbox, and expunged there
	LeaveInTrash              // moved to the trash mailbox
)

// Way returns the route by which messages leave a mailbox, or why there is none. byTrash says that
// they are to go by the trash, inPlace that they are to go by no trash. It is a pure function.
func Way(can Ability, byTrash, inPlace bool) (Route, error) {
	byTrash = byTrash && !can.IsTrash
	switch {
	case byTrash && !can.Trash:
		return 0, state.Faultf(state.Other, "the server names no trash mailbox to delete by; nothing was deleted").
			WithHint("give a mailbox there the use \\Trash, or set via = \"expunge\"")
	case can.UIDPlus && byTrash:
		return ExpungeThere, nil
	case can.UIDPlus:
		return ExpungeHere, nil
	case !can.Move:
		return 0, state.Faultf(state.Other, "the server can neither expunge single messages (UIDPLUS) nor move them (MOVE); nothing was deleted").
			WithHint("nothing can be deleted there safely: set on_disk_delete = \"keep\", and delete with a mail program")
	case can.IsTrash:
		return 0, state.Faultf(state.Other, "the server cannot expunge single messages (it has no UIDPLUS), and this is its trash; nothing was deleted").
			WithHint("empty the trash with a mail program")
	case inPlace:
		return 0, state.Faultf(state.Other, "the server cannot expunge single messages (it has no UIDPLUS); nothing was deleted").
			WithHint("via = \"auto\" moves them to its trash instead, which frees nothing until that is emptied")
	case !can.Trash:
		return 0, state.Faultf(state.Other, "the server cannot expunge single messages (it has no UIDPLUS), and names no trash mailbox; nothing was deleted").
			WithHint("where there is a trash mailbox (role:trash), messages can be moved there instead")
	}
	return LeaveInTrash, nil
}

// ability is what the server can do about messages of a mailbox.
func (r *run) ability(b *box) Ability {
	return Ability{UIDPlus: r.uidPlus, Move: r.moves, Trash: r.trashMailbox(b) != "", IsTrash: b.listed.Role == "trash"}
}

// wayOut is the route by which messages that make room leave a mailbox.
func (r *run) wayOut(b *box) (Route, error) {
	return Way(r.ability(b), r.viaTrash(), r.Release.Via == ViaExpunge)
}

// onlyTrash reports whether the server keeps in its trash whatever leaves it.
func (r *run) onlyTrash() bool { return !r.uidPlus && r.moves && r.trash != "" }

// barred names the mailboxes out of which no message can go, of those that are to go, and
// keeps them where they are, before anything is let go. It reports whether there are any.
func (r *run) barred(all []Resident, goes []int) (any bool, err error) {
	why := map[int]error{} // by Resident.Box
	for _, i := range goes {
		n := all[i].Box
		if _, seen := why[n]; seen {
			continue
		}
		b := r.boxes[n]
		_, refused := r.wayOut(b)
		if why[n] = refused; refused == nil {
			continue
		}
		any = true
		if err := r.problem(b.name, 0, refused); err != nil {
			return any, err
		}
	}
	for i := range all {
		all[i].Fixed = all[i].Fixed || why[all[i].Box] != nil
	}
	return any, nil
}
