package mailbox

import "slices"

// Reason is why a run leaves something in a mailbox for the next one.
type Reason string

// The reasons.
const (
	Failed    Reason = "it failed"
	Stopped   Reason = "the run was to end"
	Unsure    Reason = "a listing was not complete"
	Disturbed Reason = "something changed meanwhile"
	Refused   Reason = "an operation failed"
	Awaited   Reason = "the server did not confirm what was sent"
	Unmerged  Reason = "flags of a file that was found are to be merged"
	HeldBack  Reason = "operations were held back"
	PutOff    Reason = "operations were put off"
)

// Leave notes that something is left for the next run, and why: the mailbox is not settled by this one.
func (b *Box) Leave(why Reason) {
	if !slices.Contains(b.left, why) {
		b.left = append(b.left, why)
	}
}

// Fail notes that nothing more is to be done with a mailbox in this run.
func (b *Box) Fail() {
	b.Failed = true
	b.Leave(Failed)
}

// Unfinished reports whether something is left for the next run.
func (b *Box) Unfinished() bool { return len(b.left) > 0 }

// Left is why something is left for the next run.
func (b *Box) Left() []Reason { return b.left }
