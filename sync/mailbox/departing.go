package mailbox

import (
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Delivered is what the base records of a body that is in its place.
type Delivered struct {
	Record state.Record
	Proof  state.Proof
	Name   string    // its file
	Old    string    // a file that the new one replaces
	Found  bool      // the bytes were here before
	Forget state.UID // the message that its file was before, 0: none
	Token  string    // of the older generation that its file was of, "": of none
	Was    state.Record
}

// CopyOf is one of several copies of a message.
type CopyOf struct {
	Box *Box
	UID state.UID
}

// Departing is one message on its way off the server.
type Departing struct {
	Op    plan.Op
	Rec   state.Record
	Proof state.Proof
	File  state.Received  // as it was read in this run
	Name  string          // of the file
	To    state.Departure // where its file goes
	Shelf port.Maildir    // that it lies in by now; nil where the file stays
	There state.Placed    // its place in there
}

// Leaving is what leaves one mailbox in this run.
type Leaving struct {
	port.Leaving
	UIDs   map[state.UID]bool // to go; true: what is here has to be compared with the server's bytes first
	Proofs map[state.UID]state.Proof
	Fixed  map[state.UID]bool   // never to go; true: the server said that it had deleted it
	Idents map[state.UID]string // EMAILIDs that no proof has yet
	Like   map[state.UID]string // words of what views show, and of what that may be elsewhere

	Away    map[state.UID]bool  // released by a run that was interrupted, on their way to an archive
	Again   *state.DiskSnapshot // the disk as it is when files are read again
	Shelves map[string]*Scanned // archive Maildirs that are open
}

// Scanned is a Maildir, and its files of a generation when it was scanned.
type Scanned struct {
	port.Maildir
	Disk *state.DiskSnapshot
}

// Hold keeps a message on the server.
func (l *Leaving) Hold(uid state.UID) {
	if l.Fixed == nil {
		l.Fixed = map[state.UID]bool{}
	}
	l.Fixed[uid] = false
}

// Mending is one message that is fetched again.
type Mending struct {
	Want *state.Proof // what was recorded of it, nil: nothing
	File string       // the damaged file, "" where it is missing
}

// IsReleased reports whether an archive run let a message go and did not come to its end.
func (r *Run) IsReleased(gen state.GenID, uid state.UID) bool {
	return slices.ContainsFunc(r.Boxes, func(b *Box) bool {
		return b.Gen() != nil && b.Gen().ID == gen && b.Record(uid).Status == state.Released
	})
}
