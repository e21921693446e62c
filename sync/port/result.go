package port

import (
	"time"

	"mailsync/state"
	"mailsync/sync/plan"
)

// Doubt is a message that is here with another length than the server announces: what is here may not
// be all of it.
type Doubt struct {
	Mailbox             string
	UID                 state.UID
	Announced, Received int64 // octets
}

// Watch is given what a run does, for people who look on. Its methods are called from
// several goroutines.
type Watch interface {
	Listed(mailboxes int) // mailboxes that this run is about
	// Planned adds bodies that are to be fetched, sent or read, and their octets. Negative numbers are of bodies
	// that will not be, or that are shorter than announced.
	Planned(messages int, octets int64)
	// Arrived adds bodies that were fetched, sent or read, and octets of them as they come. Negative numbers are
	// of what has to be done again. It is called for every few kilobytes and must not wait for anything.
	Arrived(messages int, octets int64)
	Doing(what, mailbox string)             // what the run does now, for people: "fetching", "INBOX"
	Mailbox(name string, done bool)         // work on a mailbox begins, ends
	Op(mailbox string, op plan.Op)          // an operation of a dry run
	Note(mailbox string, text, hint string) // something the user should know that is no failure
}

// Problem is one failure, with what it was about.
type Problem struct {
	Mailbox string    // decoded name, "" for the account
	UID     state.UID // 0 for the mailbox
	Err     error

	logged bool
}

// Result is what a run did. It is complete whether or not the run came to its end.
type Result struct {
	Mailboxes int // included
	Unchanged int // in which there was nothing to do
	Unlooked  int // which were not looked at: the run ended before, or they failed
	Done
	Census
	Released      *Released // what left the server to make room; nil where nothing was asked for
	Listed        bool      // the server's list of mailboxes was read, all of it, in this run
	Gone          []string  // paths of the Maildirs whose mailboxes it lacks
	Unknown       []string  // mailboxes of which nothing is recorded: they were not reached, or cannot be opened, or their names cannot be read
	NothingToUndo bool      // an undo found nothing that an archive run took and that is not back
	Would         []Would   // of a dry run, sorted by mailbox
	Problems      []Problem
	Fatal         error // what ended the run before its end, nil if it got through
	Stopped       bool  // --max-time ran out
	Began, Ended  time.Time
}

// Would is what a dry run would do in a mailbox.
type Would struct {
	Mailbox string
	Done
}

// Done counts the messages of which a run changed something.
type Done struct {
	Fetched         int
	FetchedBytes    int64
	Appended        int
	FlagsToDisk     int
	FlagsToServer   int
	DeletedOnDisk   int
	DeletedOnServer int
	MovedOnDisk     int // whose files followed a move on the server
	MovedOnServer   int // that followed a move of their files
	MovedToTrash    int // that were to be deleted on the server, and are in its trash
	MovedBack       int // that an undo moved back from there
	Undeletable     int // that were to be deleted from a POP3 server, and cannot be
}

// Census counts the messages of included mailboxes, as the server counted them in this run.
type Census struct {
	OnServer    int
	Here        int // of these
	Outstanding int
	KeptAway    int     // the user removed the file
	Skipped     int     // larger than max_size
	OnlyHere    int     // here, and no longer on the server: in none of the other numbers
	Doubtful    int     // here, and of another length than the server announces: they may not be all there is
	Doubts      []Doubt // these, where the run takes a census; at most maxDoubts
	Unseen      int     // only their number is known: where they are was not looked at
	Uncounted   int     // mailboxes of which the server did not report how many messages they have
	Unreadable  int     // mailboxes that the server has under names that cannot be read
	Excluded    Excluded
}

// Excluded is what the server has and the run is not about.
type Excluded struct {
	Mailboxes int
	Messages  int
	Uncounted int // mailboxes of which it is not known how many messages they have
}

// Exclude counts a mailbox that the run is not about.
func (r *Result) Exclude(l state.Listed) {
	r.Excluded.Mailboxes++
	if l.HasMark {
		r.Excluded.Messages += int(l.Mark.Exists)
	} else {
		r.Excluded.Uncounted++
	}
}

// Accepted is how many messages of included mailboxes the user knows cannot be fetched: what
// is on the server, and neither here nor anything else.
func (r *Result) Accepted() int {
	return max(0, r.OnServer-r.Here-r.Outstanding-r.KeptAway-r.Skipped-r.Unseen)
}

// Status is "ok", "partial" (some of it was done) or "failed" (none was).
func (r *Result) Status() string {
	switch {
	case r.Fatal == nil && len(r.Problems) == 0 && !r.Stopped:
		return "ok"
	case r.Fatal != nil && r.Unlooked == r.Mailboxes:
		return "failed"
	}
	return "partial"
}

// Memory is a Base that is opened to be read. A change of it fails.
type Memory interface {
	Base
	Close() error
}

// Fault is one thing that verify can find wrong. Its text is in the JSON.
type Fault string

// What can be wrong here, and in comparison with the server.
const (
	Missing     Fault = "missing"      // recorded, and no file has its identity
	Altered     Fault = "altered"      // its bytes are not those that were recorded
	Truncated   Fault = "truncated"    // it has fewer bytes than were recorded
	Unreadable  Fault = "unreadable"   // it cannot be read
	Doubled     Fault = "doubled"      // a second file of one identity
	Misnamed    Fault = "misnamed"     // its bytes are right, and its name is wrong
	NotHere     Fault = "not_here"     // the server has it, and nothing keeps it away
	GoneThere   Fault = "gone_there"   // the server has it no more
	SizeDiffers Fault = "size_differs" // the server has another size than was recorded
	FlagsDiffer Fault = "flags_differ" // flags that may travel are not the same
	Renumbered  Fault = "renumbered"   // the server's UIDs cannot be compared with those here
	Unlisted    Fault = "unlisted"     // the server does not list the mailbox
)

// Finding is one thing that is wrong.
type Finding struct {
	Fault   Fault
	Mailbox string    // as people call it
	UID     state.UID // 0 where it is about the mailbox, or not known
	File    string    // relative to the root, "" without
	Detail  string
	// Repaired means that --repair mended it.
	Repaired bool

	Raw   string // of the mailbox
	Path  string // of the Maildir
	Id    Identity
	Known bool            // a record speaks of it
	Lost  int             // messages of the server's that are not here because of it
	Want  *state.Proof    // what is recorded, nil: nothing
	Got   *state.Received // what was read instead, nil: nothing
}

// Identity is what makes a file one message's.
type Identity struct {
	Token   string
	UID     state.UID
	Variant uint8
	Name    string // where there is no uid; of a file in an archive, the archive
}
