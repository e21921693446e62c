package plan

import (
	"cmp"
	"fmt"
	"slices"

	"mailsync/state"
)

// OpKind is what an operation does. The order of the constants is the order of
// execution: everything that creates comes before everything that destroys.
type OpKind uint8

// The operations.
const (
	OpFetch      OpKind = iota + 1 // fetch a body and deliver it
	OpLink                         // link a file we have to a second place
	OpMove                         // move a message on the server to where its file lies
	OpAppend                       // append a file to the server
	OpFold                         // two files of one identity: make them one if their bytes are equal
	OpFlagServer                   // add and remove flags on the server
	OpFlagDisk                     // rename a file to carry other flags
	OpAgree                        // record a state and an agreement
	OpRelease                      // read a file again and permit the server to delete its copy
	OpFileAway                     // move an archived file to its archive
	OpExpunge                      // delete the server's copy
	OpRemove                       // move a file to trash
	OpForget                       // drop the record of a message that nobody has any more
)

var opNames = [...]string{OpFetch: "fetch", OpLink: "link", OpMove: "move", OpAppend: "append", OpFold: "fold",
	OpFlagServer: "flag server", OpFlagDisk: "flag disk", OpAgree: "agree", OpRelease: "release",
	OpFileAway: "file away", OpExpunge: "expunge", OpRemove: "remove", OpForget: "forget"}

func (k OpKind) String() string { return opNames[k] }

// Destroys reports whether the operation takes a copy away.
func (k OpKind) Destroys() bool { return k >= OpRelease }

// Op is one thing to do about one message, a flat value. Fields that do not apply to an
// operation are zero.
type Op struct {
	Kind    OpKind
	Status  state.Status // agree: the state to record
	Variant uint8        // of the file
	UID     state.UID    // 0 for an append
	Flags   state.Flags  // flag server, flag disk: as they shall be; fetch: the server's; agree: the agreed word
	Server  state.Flags  // flag server, flag disk: the server's now
	Disk    state.Flags  // flag server: the file's now; flag disk: those that its name shows
	Size    int64        // fetch: octets the server announced
	Date    int64        // fetch: INTERNALDATE in seconds since 1970
	Name    string       // the file, "cur/…" or "new/…"; on an agree: read it first
	From    string       // move: the mailbox that UID is in; link: one that has the message, too
}

// String is the operation in one line, as --dry-run prints it.
func (o Op) String() string {
	switch o.Kind {
	case OpFetch:
		return fmt.Sprintf("fetch uid %d (%d octets)", o.UID, o.Size)
	case OpFlagServer:
		return fmt.Sprintf("flag server uid %d: %v to %v", o.UID, o.Server, o.Flags)
	case OpFlagDisk:
		return fmt.Sprintf("flag disk uid %d: %v to %v", o.UID, o.Disk, o.Flags)
	case OpAgree:
		return fmt.Sprintf("agree uid %d: %v, flags %v", o.UID, o.Status, o.Flags)
	case OpRelease:
		return fmt.Sprintf("release uid %d: the server's copy goes", o.UID)
	case OpLink:
		if o.From != "" {
			return fmt.Sprintf("link uid %d to what %s has, if they are the same", o.UID, o.From)
		}
		return fmt.Sprintf("link uid %d to %q", o.UID, o.Name)
	case OpMove:
		return fmt.Sprintf("move uid %d from %s", o.UID, o.From)
	case OpAppend:
		return fmt.Sprintf("append %q", o.Name)
	default:
		return fmt.Sprintf("%v uid %d", o.Kind, o.UID)
	}
}

// SortOps puts operations in the order of execution.
func SortOps(ops []Op) {
	if !slices.IsSortedFunc(ops, compareOps) {
		slices.SortStableFunc(ops, compareOps)
	}
}

func compareOps(a, b Op) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.UID, b.UID), cmp.Compare(a.Name, b.Name))
}
