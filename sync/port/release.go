package port

import (
	"time"

	"mailsync/state"
	"mailsync/sync/plan"
)

// Release is which messages may leave the server, and how. A run without one
// (backup) leaves alone what an earlier run had released; with the zero value nothing new
// is released, and what an earlier run did not finish is finished.
type Release struct {
	// Cutoff chooses. Its Below and NoClock are set by the run.
	Cutoff plan.Cutoff
	// UntilQuota makes room until less than this percentage of the quota is used; 0: never.
	UntilQuota int
	// Quota is how many octets the account may use, where the server does not report it; 0: unknown.
	Quota int64
	// Alone makes the run one about the messages that go, and no others: they are fetched if
	// they are not here, and nothing else is done (archive). Otherwise the run does what it
	// does, and only what it leaves here may go (POP3).
	Alone bool
	// Via is how the server's copy is deleted.
	Via Via
	// Into is where the files go; nil: they stay where they are.
	Into *Into
	// Folder opens a folder of archives by its absolute path, and makes it if it has to.
	// One that is not there and is not to be made is fs.ErrNotExist.
	Folder func(root string, create bool) (Tree, error)
	// Remember is called once the first Maildir of such a folder is durable.
	Remember func(root, accountID string) error
}

// Into names the archive Maildir of each message.
type Into struct {
	Root string // absolute: the folder of archives
	// Path is the Maildir below Root for a message of a mailbox, which is given as Root's
	// tree would place it, with an INTERNALDATE in seconds since 1970.
	Path func(mailbox string, date int64) string
}

// Via is the way in which a message leaves the server.
type Via uint8

// How the server's copy is deleted.
const (
	ViaAuto    Via = iota // by the trash where a mailbox is only a label (Gmail), else by an expunge
	ViaExpunge            // expunged where it is
	ViaTrash              // moved to the trash mailbox, and expunged there
)

// Released is what a run let go, or would.
type Released struct {
	Mailboxes []Leaving // from which something is deleted, in the order of their names
	Messages  int       // to go in all; of these and all below, copies of one are one
	Bytes     int64     // that frees
	// ToTrash means that the server cannot expunge single messages: they are moved to its trash,
	// and nothing is freed.
	ToTrash bool
	Quota   *state.Quota
	After   *state.Quota // read again when all was done
	Deleted int          // messages that were deleted
	Freed   int64        // octets of those
	Trashed int          // messages that were moved to the server's trash, and are there, every copy
	Stay    int          // messages that were to go and did not, every copy

	Chosen, Left int // copies
}

// Leaving is what leaves one mailbox.
type Leaving struct {
	Mailbox        string
	Messages       int
	Bytes          int64
	Oldest, Newest int64 // INTERNALDATE
}

// Asks reports whether a release chooses messages that no earlier run had released.
func (rel *Release) Asks() bool {
	c := rel.Cutoff
	return c.ByAge || c.Collected && (c.FetchedAge >= 0 || c.BiggerThan > 0) || c.LargerThan > 0 || rel.UntilQuota > 0
}

// TooYoung reports whether no message of that date is asked to go.
func (rel *Release) TooYoung(date int64, now time.Time) bool {
	return rel.Cutoff.ByAge && rel.UntilQuota == 0 && now.Sub(time.Unix(date, 0)) < rel.Cutoff.OlderThan
}
