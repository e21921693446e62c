package state

// Marker is the file mailsync.marker that makes a Maildir ours. It is durable before
// the Maildir's first message is, and enough to rebuild the base from.
type Marker struct {
	AccountID   string
	Host        string
	User        string
	Raw         string // mailbox name as the server sends it
	Path        string // of the Maildir, relative to the root, slash-separated
	Role        string // RoleMailbox or RoleArchive
	Sep         string
	Use         string             // as in MailboxRow
	Generations []MarkerGeneration // the last is current
}

// What a marked Maildir is for.
const (
	RoleMailbox = "mailbox"
	RoleArchive = "archive"
)

// MarkerGeneration ties a UIDVALIDITY to the token in the names of its files.
type MarkerGeneration struct {
	UIDValidity uint32
	Token       string
}

// Found is a marked Maildir that a walk of the root came upon.
type Found struct {
	Path   string // relative to the root, slash-separated
	Marker Marker
	Err    error // the marker is there and cannot be read
}

// Bare is a Maildir that a walk came upon, whoever made it.
type Bare struct {
	Path   string   // relative to the root, slash-separated
	Levels []string // of the mailbox, as its path spells it
	Marker Marker   // where it has a readable one
	Marked bool
}

// Passed is what a walk or a scan of Maildirs came upon and did not read as mail.
type Passed struct {
	Name  string // relative to what was walked or scanned
	Count int    // files in it, as far as that is known
	Err   error  // why; it may have a hint
	// Spared says that nothing is left out by it: what is in it is found elsewhere, or there is nothing.
	Spared bool
}

// Unmarked is a Maildir without a marker, and what a mailbox would be called that lies there.
type Unmarked struct {
	Path   string   // relative to the root, slash-separated
	Levels []string // nil: no mailbox can be made of it
}

// ForeignMaildir is a Maildir that lay in a root before the root was ours.
type ForeignMaildir struct {
	Path     string // relative to the root, slash-separated
	Messages int    // files in it when it was found
	CurIno   uint64 // of its cur, as in DirMark; 0 unknown
	CurBtime int64
}
