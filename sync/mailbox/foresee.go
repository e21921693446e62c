package mailbox

import (
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Foresee reports what a dry run would do in a mailbox: its operations, and what they come to. trashes
// is true where what is deleted on the server is moved to its trash.
func (r *Run) Foresee(name string, ops plan.Ops, trashes bool) {
	var would port.Done
	fetched := map[state.UID]bool{}
	for o := range ops.All() {
		if r.Watch != nil {
			r.Watch.Op(name, o)
		}
		if fetched[o.UID] && (o.Kind == plan.OpFlagServer || o.Kind == plan.OpFlagDisk) {
			continue // its file will be another one; the next run plans its flags
		}
		fetched[o.UID] = fetched[o.UID] || o.Kind == plan.OpFetch
		did, octets := foreseen(o, trashes)
		would.Count(did, 1, octets)
	}
	if would == (port.Done{}) {
		return
	}
	r.Mu.Lock()
	defer r.Mu.Unlock()
	r.Result.Would = append(r.Result.Would, port.Would{Mailbox: name, Done: would})
}

// foreseen is what an operation will be counted as; 0 for what changes no message. A message that may be a
// copy of one in another mailbox will be a link, else it is fetched.
func foreseen(o plan.Op, trashes bool) (did port.Did, octets int64) {
	switch o.Kind {
	case plan.OpFetch:
		return port.Fetched, max(0, o.Size)
	case plan.OpLink:
		if o.From == "" {
			return port.MovedHere, 0
		}
		return port.Linked, 0
	case plan.OpMove:
		return port.MovedThere, 0
	case plan.OpAppend:
		return port.Appended, 0
	case plan.OpFlagServer:
		return port.FlaggedThere, 0
	case plan.OpFlagDisk:
		if o.Flags == o.Disk { // only its name is silent
			return 0, 0
		}
		return port.FlaggedHere, 0
	case plan.OpRelease, plan.OpExpunge:
		if trashes {
			return port.MovedToTrash, 0
		}
		return port.DeletedThere, 0
	case plan.OpRemove:
		return port.DeletedHere, 0
	}
	return 0, 0
}
