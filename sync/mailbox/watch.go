package mailbox

// Claim notes how many octets this account will still write to its disk, and returns how many the other accounts of the program
// will.
func (r *Run) Claim(octets int64) (others int64) {
	if r.Account.Claim == nil {
		return 0
	}
	return r.Account.Claim(octets)
}

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
