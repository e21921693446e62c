package mailbox

// Doing tells who looks on what the run does now, and in which mailbox, "" for none.
func (r *Run) Doing(what, mailbox string) {
	if r.Watch != nil {
		r.Watch.Doing(what, mailbox)
	}
}

// Planned tells who looks on of bodies that are to be fetched, sent or read, or, negative, that they will not be.
func (r *Run) Planned(messages int, octets int64) {
	if r.Watch != nil && (messages != 0 || octets != 0) {
		r.Watch.Planned(messages, octets)
	}
}

// Arrived tells who looks on of bodies that were fetched, sent or read, and of octets of any of them.
func (r *Run) Arrived(messages int, octets int64) {
	if r.Watch != nil && (messages != 0 || octets != 0) {
		r.Watch.Arrived(messages, octets)
	}
}
