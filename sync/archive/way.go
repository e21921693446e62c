package archive

import (
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// wayOut is the route by which messages that make room leave a mailbox.
func (r *Run) wayOut(b *mailbox.Box) (plan.Route, error) {
	return plan.Way(r.Ability(b), r.viaTrash(), r.Release.Via == port.ViaExpunge)
}

// barred names the mailboxes out of which no message can go, of those that are to go, and
// keeps them where they are, before anything is let go. It reports whether there are any.
func (r *Run) barred(all []plan.Resident, goes []int) (any bool, err error) {
	why := map[int]error{} // by Resident.Box
	for _, i := range goes {
		n := all[i].Box
		if _, seen := why[n]; seen {
			continue
		}
		b := r.Boxes[n]
		_, refused := r.wayOut(b)
		if why[n] = refused; refused == nil {
			continue
		}
		any = true
		if err := r.Problem(b.Name, 0, refused); err != nil {
			return any, err
		}
	}
	for i := range all {
		all[i].Fixed = all[i].Fixed || why[all[i].Box] != nil
	}
	return any, nil
}
