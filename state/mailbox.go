package state

import (
	"cmp"
	"strings"
)

// AccountRow is what the base knows of its account.
type AccountRow struct {
	ID   string // random, also in every marker
	Host string
	User string
	Ino  uint64 // the state file's own inode and birth time as last confirmed; written as 0, the base fills in the current ones
	Born int64
	// EstimatedSizes: so many messages had another size than the server announced that its sizes
	// are estimates.
	EstimatedSizes bool
	// Policy is what the configuration allowed when the account was last settled, as the engine
	// writes it: under another one, nothing counts as unchanged.
	Policy string
}

// GenID names a generation row in the base; 0 is none.
type GenID int64

// MailboxRow is a mailbox as the base remembers it.
type MailboxRow struct {
	ID   int64 // 0: not stored yet
	Raw  string
	Path string // relative to the root, slash-separated
	Sep  string
	Role string // RoleMailbox, RoleArchive or RoleForgotten
	// Use is the special use (RFC 6154) that the server last listed the mailbox with, as
	// Listed.Role; "" none, or it never listed any.
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
	Clean   bool    // that run left nothing to do, and Disk is valid
	// Unsettable are the flags that the server accepted and did not keep, or that cannot be
	// changed here: they do not travel to it. Denied are those of them that the mailbox itself
	// does not let this user change, or refused: it may allow them another day.
	Unsettable, Denied Flags
	Held               Held  // what the brake held back last
	Compared           int64 // when everything was last compared, in seconds since 1970; 0 never
	Tally              Tally
}

// Take applies a commit's change.
func (g *Generation) Take(c Change) {
	set(&g.Mark, c.Mark)
	set(&g.Disk, c.Disk)
	set(&g.Clean, c.Clean)
	set(&g.Unsettable, c.Unsettable)
	set(&g.Denied, c.Denied)
	set(&g.Held, c.Held)
	g.Compared = cmp.Or(c.Compared, g.Compared)
}

// set is an assignment that a nil skips.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Held is how many deletions the brake held back, by the side on which they were made.
type Held struct{ OnServer, OnDisk int }

// RawKey is a mailbox's name for comparison, raw or as it is shown: INBOX in any case is INBOX
// (RFC 9051 section 5.1), every other name is case-sensitive.
func RawKey(name string) string {
	if strings.EqualFold(name, "INBOX") {
		return "INBOX"
	}
	return name
}

// SameName reports whether two names are of one mailbox.
func SameName(a, b string) bool { return RawKey(a) == RawKey(b) }

// Marker is the file mailsync.marker that makes a Maildir ours. It is durable before
// the Maildir's first message is, and enough to rebuild the base from.
type Marker struct {
	AccountID   string
	Host        string
	User        string
	Raw         string // mailbox name as the server sends it
	Path        string // of the Maildir, relative to the root, slash-separated
	Role        string // RoleMailbox, RoleArchive or RoleForgotten
	Sep         string
	Use         string             // as in MailboxRow
	Generations []MarkerGeneration // the last is current
}

// What a marked Maildir is for.
const (
	RoleMailbox = "mailbox"
	RoleArchive = "archive"
	// RoleForgotten: it was a mailbox's that is gone on the server, and is left alone as a foreign one.
	RoleForgotten = "forgotten"
)

// MarkerGeneration ties a UIDVALIDITY to the token in the names of its files.
type MarkerGeneration struct {
	UIDValidity uint32
	Token       string
}

// Found is a marked Maildir that a walk of the root found.
type Found struct {
	Path   string // relative to the root, slash-separated
	Marker Marker
	Err    error // the marker is there and cannot be read
}

// Bare is a Maildir that a walk found, whoever made it.
type Bare struct {
	Path   string   // relative to the root, slash-separated
	Levels []string // of the mailbox, as its path spells it
	Marker Marker   // where it has a readable one
	Marked bool
}

// NotMail is what a walk or a scan of Maildirs found and did not read as mail.
type NotMail struct {
	Name  string // relative to what was walked or scanned
	Count int    // files in it, as far as that is known
	Err   error  // why; it may have a hint
	// Harmless: nothing is left out by it. What is in it is found elsewhere, or there is nothing.
	Harmless bool
}

// Unmarked is a Maildir without a marker, and the name that its mailbox would have.
type Unmarked struct {
	Path   string   // relative to the root, slash-separated
	Levels []string // nil: no mailbox can be made of it
}

// ForeignMaildir is a Maildir that was in a root before we used the root.
type ForeignMaildir struct {
	Path     string // relative to the root, slash-separated
	Messages int    // files in it when it was found
	CurIno   uint64 // of its cur, as in DirMark; 0 unknown
	CurBtime int64
}
