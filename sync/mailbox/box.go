package mailbox

import (
	"context"
	"slices"
	"sync"

	"mailsync/state"
	"mailsync/sync/match"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Box is one mailbox in a run. Its fields belong to the goroutine that has it in hand; where several
// fetch, to the one that holds Mu.
type Box struct {
	Name   string // decoded, levels joined by "/"
	Listed state.Listed
	Row    state.MailboxRow
	MD     port.Maildir // nil in a dry run of a mailbox that is not here yet
	KW     *state.Keywords
	States
	Bound
	Progress
	Ops     plan.Ops // what is to be done
	Tie     Tying
	Sent    Sent
	Moves   Moving
	Bodies  Bodies
	Leaving Leaving
	Mu      sync.Mutex

	Done   port.Done // what was done in it; guarded by Run.Mu
	logged bool
}

// States are the three states of a mailbox.
type States struct {
	Records []state.Record // the base, after what the scan learned
	intents intents
	Server  *state.ServerSnapshot
	Disk    *state.DiskSnapshot
}

// Bound is what a run knows of how a mailbox, its Maildir and its records belong together.
type Bound struct {
	Marker  *state.Marker // what its Maildir has; nil without one
	New     bool          // neither the base nor a marker knows of it: nothing of it is here
	Full    bool          // everything is to be compared
	Fresh   bool          // nothing was learned of this generation yet: files are tied, nothing is deleted
	Entered bool          // a Maildir that had another generation enters this one
	Anew    bool          // the server's numbers are others than the base had
	Follows bool          // its Maildir was moved here by us, whatever path is in its marker
	Unsaved bool          // the base does not have the row as it is
	Proves  bool          // a missing file was removed by somebody
	Refused error         // why its Maildir is left alone
	Home    string        // where its mail is already, in a Maildir that a mail program made; "" nowhere
}

// Progress is how far a run has come with a mailbox.
type Progress struct {
	Looked  bool               // both sides were looked at in this run, and what that showed was learned
	Idle    bool               // nothing had to be done
	Failed  bool               // left as it is in this run
	Wrote   bool               // the Maildir was changed
	Left    []Reason           // why something is left for the next run
	Settled bool               // recorded as clean by this run
	Spoilt  map[state.UID]bool // messages of which an operation failed
	Waits   plan.Waiting       // what this run leaves to another
}

// Tying is what ties files to a mailbox's messages.
type Tying struct {
	Seeks      bool                       // messages that are fetched may be here already
	Tied       []Tied                     // files and records that were tied in this run
	Renames    []NewName                  // files among them that get another identity
	Candidates []*Candidate               // candidates for a message that is fetched
	Sized      map[int64]*SizedCandidates // the same by size, once one was asked for
	Unclaimed  []state.OnDisk             // files here that could be, too, by size
	counted    int                        // candidates in Sized
}

// Moving is what a run knows of moves from and to a mailbox.
type Moving struct {
	UIDs   map[state.UID]bool // messages that are moved to another mailbox, or from one
	Copies []match.Located    // files that are copies of other mailboxes' messages
}

// Bodies is what a run knows of the bodies that it fetches for a mailbox.
type Bodies struct {
	Pulling bool                 // they arrive: records are read by who holds Mu only
	Arrived map[state.UID]string // files that arrived in this run, of messages that others wait for
	Repairs map[state.UID]Repair // what a repair fetches again
}

// Spoil cancels what is still to be done about a message; the next run plans it anew.
func (b *Box) Spoil(uid state.UID) {
	if b.Spoilt == nil {
		b.Spoilt = map[state.UID]bool{}
	}
	b.Spoilt[uid] = true
	b.Leave(Refused)
}

func (b *Box) Gen() *state.Generation { return b.Row.Current() }

// Find returns the place of a UID's record, and whether there is one.
func (b *Box) Find(uid state.UID) (int, bool) { return plan.PlaceOf(b.Records, uid) }

// Record returns the record of a UID, a new outstanding one if there is none.
func (b *Box) Record(uid state.UID) state.Record {
	return plan.RecordAt(b.Records, uid)
}

// OtherMailbox reports whether another mailbox has the name now, by MAILBOXID (RFC 8474), whatever
// UIDVALIDITY is.
func (b *Box) OtherMailbox() bool {
	return b.Row.MailboxID != "" && b.Listed.MailboxID != "" && b.Row.MailboxID != b.Listed.MailboxID
}

// Batch is how all operations of one kind are done in a mailbox.
type Batch struct {
	Kind  plan.OpKind
	Doing string // what that is, for people
	Do    func(context.Context, *Box, []plan.Op) error
}

// Take returns the operations of one kind whose message had no failure yet: an
// operation that failed cancels the later ones of its UID.
func (b *Box) Take(kind plan.OpKind) []plan.Op {
	var ops []plan.Op
	for o := range b.Ops.Of(kind) {
		if b.Spoilt[o.UID] {
			b.Leave(Refused)
			continue
		}
		ops = append(ops, o)
	}
	return ops
}

// FlagBatch is how many renamed files are made durable and committed at once.
const FlagBatch = 512

// UIDsOf are the UIDs of operations, in their order.
func UIDsOf(ops []plan.Op) []state.UID {
	uids := make([]state.UID, len(ops))
	for i, o := range ops {
		uids[i] = o.UID
	}
	return uids
}

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
	if !slices.Contains(b.Left, why) {
		b.Left = append(b.Left, why)
	}
}

// Fail notes that nothing more is to be done with a mailbox in this run.
func (b *Box) Fail() {
	b.Failed = true
	b.Leave(Failed)
}

// Unfinished reports whether something is left for the next run.
func (b *Box) Unfinished() bool { return len(b.Left) > 0 }

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
	Op     plan.Op
	Rec    state.Record
	Proof  state.Proof
	File   state.Received  // as it was read in this run
	Name   string          // of the file
	To     state.Departure // where its file is put
	Folder port.Maildir    // in which it is by now; nil where the file stays
	There  state.Placed    // its place in there
}

// Leaving is what leaves one mailbox in this run.
type Leaving struct {
	port.Leaving
	UIDs   map[state.UID]bool // to go; true: what is here has to be compared with the server's bytes first
	Proofs map[state.UID]state.Proof
	Fixed  map[state.UID]bool   // never to leave; true: the server confirmed that it had deleted it
	Idents map[state.UID]string // EMAILIDs that no proof has yet
	Like   map[state.UID]string // words of what views show, and of what that may be elsewhere

	Away    map[state.UID]bool  // released by a run that was interrupted, on their way to an archive
	Again   *state.DiskSnapshot // the disk as it is when files are read again
	Folders map[string]*Scanned // archive Maildirs that are open
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

// Repair is one message that is fetched again.
type Repair struct {
	Want *state.Proof // what was recorded of it, nil: nothing
	File string       // the damaged file, "" where it is missing
}

// IsReleased reports whether an archive run released a message and was interrupted.
func (r *Run) IsReleased(gen state.GenID, uid state.UID) bool {
	return slices.ContainsFunc(r.Boxes, func(b *Box) bool {
		return b.Gen() != nil && b.Gen().ID == gen && b.Record(uid).Status == state.Released
	})
}
