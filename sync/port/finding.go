package port

import (
	"mailsync/state"
)

// Memory is a Base that is opened to be read. A change of it fails.
type Memory interface {
	Base
	Close() error
}

// Fault is one thing that verify can find wrong. Its text is what --json says.
type Fault string

// What can be wrong here, and in comparison with the server.
const (
	Missing     Fault = "missing"      // recorded, and no file has its identity
	Altered     Fault = "altered"      // its bytes are not those that were recorded
	Truncated   Fault = "truncated"    // it has fewer bytes than were recorded
	Unreadable  Fault = "unreadable"   // it cannot be read
	Doubled     Fault = "doubled"      // a second file of one identity
	Misnamed    Fault = "misnamed"     // its bytes are right, and its name says otherwise
	NotHere     Fault = "not_here"     // the server has it, and nothing keeps it away
	GoneThere   Fault = "gone_there"   // the server has it no more
	SizeDiffers Fault = "size_differs" // the server tells another size than was recorded
	FlagsDiffer Fault = "flags_differ" // flags that may travel are not the same
	Renumbered  Fault = "renumbered"   // the server's UIDs cannot be compared with those here
	Unlisted    Fault = "unlisted"     // the server does not list the mailbox
)

// Finding is one thing that is wrong.
type Finding struct {
	Fault   Fault
	Mailbox string    // as people call it
	UID     state.UID // 0 where it is about the mailbox, or the name tells none
	File    string    // relative to the root, "" without
	Detail  string
	// Repaired says that --repair did away with it.
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
