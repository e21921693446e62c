package state

// Status is where a message stands between server and disk.
type Status uint8

// The states of a message. Live is settled; OnlyHere, KeptAway, Skipped and Archived are
// settled too, for they need nothing done; the others are planned again in every run
// until they settle.
const (
	Live        Status = iota // on the server and on disk
	OnlyHere                  // on disk; the server had it once
	KeptAway                  // on the server; the user removed the file
	Skipped                   // on the server; larger than max_size
	Accepted                  // on the server; the user said that it cannot be had
	Outstanding               // on the server; not here yet, or its fetch failed
	Gone                      // was Live, went on the server; not carried out yet
	Doubtful                  // Live, but what the server has may be something else: fetched once more
	Unstable                  // Live; the server sends other bytes each time
	Released                  // archive may delete the server's copy in this run
	Archived                  // not on the server; its file lies in an archive Maildir
	Longer                    // Live; more octets came than the server announces
	Shorter                   // Live; a little less came than it announces, which may be an estimate
	Lacking                   // Live; far less came than it announces, or nothing that is a message
)

var statusNames = [...]string{"live", "only here", "kept away", "skipped", "accepted",
	"outstanding", "gone", "doubtful", "unstable", "released", "archived", "longer", "shorter", "lacking"}

// Statuses is how many there are; none is beyond.
const Statuses = len(statusNames)

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "unknown"
}

// Settled reports whether nothing is left to do for a message in this state.
func (s Status) Settled() bool {
	switch s {
	case Outstanding, Gone, Doubtful, Released:
		return false
	}
	return true
}

// HasFile reports whether the base expects a file on disk in this state.
func (s Status) HasFile() bool {
	switch s {
	case Live, OnlyHere, Gone, Doubtful, Unstable, Released, Longer, Shorter, Lacking:
		return true
	}
	return false
}

// Misfit reports whether a message's bytes came, and are not as many as the server announces.
func (s Status) Misfit() bool { return s == Longer || s == Shorter || s == Lacking }

// OnServer reports whether the base expects the message on the server in this state.
func (s Status) OnServer() bool { return s != OnlyHere && s != Gone && s != Archived }

// Form is how a message's bytes lie in its file.
type Form uint8

// The forms of a file.
const (
	FormUnknown Form = iota // adopted, not read yet
	FormLF                  // CRLF became LF; the server's bytes are rebuilt by the reverse
	FormRaw                 // byte for byte: it holds a bare CR or a bare LF, or no line end at all
)

// Record is what the base knows of one message: 40 bytes.
//
// It has two flag words. Seen is the server's flags as of the mailbox's ModSeq;
// Agreed is what server and disk last agreed on. A change of the server's that has
// not reached the disk is Seen≠Agreed.
type Record struct {
	UID     UID
	Variant uint8
	Status  Status
	Form    Form
	Tries   uint8 // of a message in doubt: sessions in which its bytes came; of a Misfit 2 says that they were the same
	Seen    Flags
	Agreed  Flags
	Size    int64 // octets the server says, RFC822.SIZE; -1 unknown
	Date    int64 // INTERNALDATE in seconds since 1970, or NoDate
}

// DigestSize is the length of a SHA-256 in bytes.
const DigestSize = 32

// Proof is what is known of a message's bytes, kept apart from Record because a run
// with nothing to prove never loads it.
type Proof struct {
	UID      UID
	Digest   [DigestSize]byte // SHA-256 of the bytes the server sent
	Bytes    int64            // how many those were
	ByServer bool             // the bytes came from the server; false: the digest was taken from a file
	EmailID  string           // EMAILID or X-GM-MSGID, "" unknown
	// Fetched is when these bytes became durable here, in seconds since 1970 by our clock; 0
	// unknown. Of a file that was adopted it is when that was done: how long it had been
	// here before, nobody knows.
	Fetched int64
}

// GenID names a generation row in the base; 0 is none.
type GenID int64

// MailboxRow is a mailbox as the base remembers it.
type MailboxRow struct {
	ID   int64 // 0: not stored yet
	Raw  string
	Path string // relative to the root, slash-separated
	Sep  string
	Role string // RoleMailbox or RoleArchive
	// Use is the special use (RFC 6154) that the server last told the mailbox to have, as
	// Listed.Role; "" none, or it never told.
	Use         string
	MailboxID   string
	Keywords    []string // in the order of their bits
	Generations []Generation
}

// Current returns the mailbox's current generation, nil where it has none.
func (m *MailboxRow) Current() *Generation {
	for i := range m.Generations {
		if m.Generations[i].Current {
			return &m.Generations[i]
		}
	}
	return nil
}

// Generation is one numbering of a mailbox's messages: one UIDVALIDITY, one token.
type Generation struct {
	ID      GenID // 0: not stored yet
	Token   string
	Current bool
	Mark    Mark    // as of the last committed scan
	Disk    DirMark // the Maildir as of the last run that left nothing to do
	Clean   bool    // that run left nothing to do, and Disk is to be believed
	// Unsettable are the flags that the server took and did not keep, or that cannot be
	// changed here: they do not travel to it. Denied are those of them that the mailbox itself
	// does not let this user change, or refused: that may be another day.
	Unsettable, Denied Flags
	Held               Held  // what the brake held back last
	Compared           int64 // when everything was last compared, in seconds since 1970; 0 never
	Tally              Tally
}

// Take sets what a commit says of the generation as a whole.
func (g *Generation) Take(c *Commit) {
	if c.Mark != nil {
		g.Mark = *c.Mark
	}
	if c.Disk != nil {
		g.Disk = *c.Disk
	}
	if c.Compared != 0 {
		g.Compared = c.Compared
	}
	if c.Clean != nil {
		g.Clean = *c.Clean
	}
	if c.Unsettable != nil {
		g.Unsettable = *c.Unsettable
	}
	if c.Denied != nil {
		g.Denied = *c.Denied
	}
	if c.Held != nil {
		g.Held = *c.Held
	}
}

// Held is how many deletions the brake held back, by the side on which they were made.
type Held struct{ OnServer, OnDisk int }

// Tally counts a generation's records by what a user asks about: OnServer those that
// Status.OnServer says, Here those that have a file (OnlyHere among them), the others
// those of that one status. The base keeps it; what a caller writes into it is ignored.
type Tally struct {
	OnServer, Here, Outstanding, KeptAway, Skipped, OnlyHere int
	HereBytes                                                int64
	// Doubtful are those in doubt whatever else is known of the server. Estimated are those that are
	// in doubt unless its sizes are estimates. Misfits are all that Status.Misfit says.
	Doubtful, Estimated, Misfits int
}

// InDoubt is how many messages are here and may not be what the server has.
func (t Tally) InDoubt(estimates bool) int {
	if estimates {
		return t.Doubtful
	}
	return t.Doubtful + t.Estimated
}

// Commit is one transaction on one generation. It is durable when the base's Commit
// returns nil, and has not happened when it returns an error. What it forgets and
// settles goes first, so that a UID in both Forget and Put is put; of two records of
// one UID the later counts.
type Commit struct {
	Gen        GenID
	Put        []Record // inserted, or replaced whole
	Forget     []UID    // removed with their proofs, UIDLs and departures
	Proofs     []Proof
	UIDLs      []UIDL
	Leave      []Departure // inserted, or replaced
	Stay       []UID       // whose departures are withdrawn
	Intents    []Intent    // inserted, or replaced by key
	Settle     []string    // keys of the intents that are over
	Mark       *Mark       // the server's, where a scan was learned
	Disk       *DirMark    // the Maildir's, where the run settled
	Clean      *bool
	Unsettable *Flags   // the generation's
	Denied     *Flags   // the generation's
	Held       *Held    // the generation's
	Compared   int64    // the generation's, where a scan compared everything; 0: as it is
	Keywords   []string // the mailbox's whole table, where it grew
}

// AccountRow is what the base knows of its account.
type AccountRow struct {
	ID   string // random, also in every marker
	Host string
	User string
	Ino  uint64 // the state file's own inode and birth time as last vouched for; written as 0, the base fills in what they are now
	Born int64
	// EstimatedSizes: so many messages had another size than the server announced that its sizes
	// are estimates.
	EstimatedSizes bool
	// Policy is the engine's word for what the configuration allowed when the account was
	// last settled: under another one, nothing counts as unchanged.
	Policy string
}
