package state

import "cmp"

// IntentKind is what an intent is to do.
type IntentKind uint8

// The kinds, as they are stored. The first three put a message into the mailbox.
const (
	Appending   IntentKind = iota // a file is sent; the intent has its name
	Moving                        // a message is moved to where its file lies; the intent has the file's name
	PuttingBack                   // what an archive run took goes back; the intent has the UID that it had as its name
	Trashing                      // a message of another mailbox is moved to this one, the trash; the name tells whose it is and what
	Replacing                     // a file goes to the state directory's trash, for the message UID has another; the intent has its bare name
	Restoring                     // a message from elsewhere is sent; the intent is of no generation, and remains once its UID is known

	IntentKinds = 6
)

// IntentKey names an intent in its generation.
type IntentKey struct {
	Kind IntentKind
	Name string
}

// File is the name that the file of an intent to append or to move had, "" for the other kinds.
func (k IntentKey) File() string {
	if k.Kind == Appending || k.Kind == Moving {
		return k.Name
	}
	return ""
}

// Compare orders keys by name, then by kind.
func (k IntentKey) Compare(other IntentKey) int {
	return cmp.Or(cmp.Compare(k.Name, other.Name), cmp.Compare(k.Kind, other.Kind))
}

// Intent is an APPEND, COPY or MOVE of which it is not known what it became. It is committed
// before the command is sent and settled in the commit that records the pair. The message
// is looked for at or above UIDNext. Where it is not there, one that was cut off is sent
// again, and one that is Confirmed never.
type Intent struct {
	Key     IntentKey
	UIDNext uint32 // the mailbox's before the APPEND, 0 unknown
	UID     UID    // what APPENDUID said, 0 where it said nothing
	Bytes   int64  // length of what is sent
	Flags   Flags  // that it is sent with; of a move, those that its file gets
	Agreed  Flags  // of a move: what both sides had agreed on
	Digest  [DigestSize]byte
	// Confirmed says that the server answered OK.
	Confirmed bool
}

// Departure is a message that an archive run takes, or took, off the server. It is
// committed together with its release, so that whoever finishes a run that was interrupted
// knows where the file was to go, and archive --undo what the last run took.
type Departure struct {
	UID UID
	Run int64 // counts an account's archive runs; the highest was the last. 0: deleted from a POP3 server
	// Root and Path are the archive Maildir that gets the file: the folder of all archives,
	// absolute, and the path below it, slash-separated. Both are "" where the file stays.
	Root, Path string
}
