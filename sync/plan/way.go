package plan

import (
	"mailsync/state"
)

// A message is deleted from the server permanently by UID EXPUNGE alone. A server without it (UIDPLUS) can
// move single messages to its trash at best: there they use room as before, until
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

// Way returns the route by which messages leave a mailbox, or why there is none. With byTrash they
// are to be moved to the trash, with inPlace never. It is a pure function.
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
