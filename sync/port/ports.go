// Package port has the small interfaces that the engine asks of the world, and the values that cross them, in
// words of package state. Backends meet them structurally; cmd/mailsync/wire.go asserts it.
//
// Errors carry a state.Fault where their kind is known: Login, Unreachable and Storage end the account, anything
// else ends what it was about. What a Server cannot be asked without breaking the connection is state.ErrBreaks,
// at once where that was seen before.
package port

import (
	"context"
	"io"
	"time"

	"mailsync/state"
)

// Server is one account on a server. Its methods are safe for concurrent use; it
// has a bounded number of connections and makes them when they are needed.
type Server interface {
	// List returns every mailbox, with its STATUS where that costs no further round
	// trip or the server can be asked for many at once. want is true for mailboxes of which a
	// STATUS is wanted.
	List(ctx context.Context, want func(state.Listed) bool) (*state.Listing, error)

	// Scan opens a mailbox read-only and looks at what changed since req.Since; where its
	// UIDVALIDITY changed it may open it otherwise, to make the server keep the new one. A
	// snapshot that is not Complete is returned without an error; an error means that
	// nothing was learned.
	Scan(ctx context.Context, req state.ScanRequest) (*state.ServerSnapshot, error)

	// Fetch runs connections over work until Next has no more. It returns an error
	// only where no connection could go on; what went wrong with an item is given to
	// its Done.
	Fetch(ctx context.Context, work state.Work) error

	// Store adds and removes flags, and returns what the server echoed, and which flags the
	// mailbox does not let this user change. An error means that what is not among the echoes
	// may or may not have happened. It fails before the first change if the mailbox's
	// UIDVALIDITY is another.
	Store(ctx context.Context, req state.StoreRequest) (state.Stored, error)

	// Append sends messages to a mailbox, in order, and returns what became of each; the
	// answer is as long as msgs. A message that is refused does not stop the others; an
	// error is returned besides where nothing more could be sent.
	Append(ctx context.Context, raw string, msgs []state.Outgoing, kw *state.Keywords) ([]state.Appended, error)

	// Expunge deletes messages permanently, after it has confirmed UIDVALIDITY, UIDs, sizes and
	// dates in the session that does it. Nothing but these messages is expunged. What it
	// returns holds also beside an error.
	Expunge(ctx context.Context, req state.ExpungeRequest) (state.Expunged, error)

	// Move moves messages to another mailbox of the account: UID MOVE, or COPY and then
	// UID EXPUNGE of those for which COPYUID named the copy. What it returns, sorted by From, holds
	// also beside an error; a message of which the new UID is not known has To 0. Those that were
	// copied and are still there as well are in a *state.CopiedError. It fails
	// before the first change if from's UIDVALIDITY is another.
	Move(ctx context.Context, from string, uidValidity uint32, uids []state.UID, to string) ([]state.Moved, error)

	// CreateMailbox makes a mailbox with the server's own separator and prefix, and returns
	// it as a listing would show it. One that is there already is no error.
	CreateMailbox(ctx context.Context, levels []string, role string) (state.Listed, error)

	// Idents returns what identifies the content of those of the messages that are there,
	// sorted by UID.
	Idents(ctx context.Context, raw string, uidValidity uint32, uids []state.UID) ([]state.Ident, error)

	// Quota returns the STORAGE quota roots of a mailbox; none where the server has none.
	Quota(ctx context.Context, raw string) ([]state.Quota, error)

	// Close logs out and closes every connection.
	Close() error
}

// Expecting is a Server that can be told which scans will be asked for next, in their order, and asks for them at
// once. It makes nothing else of that: a Scan that was not expected, or is about other things by then, is asked for as ever.
type Expecting interface {
	Expect(ctx context.Context, scans []state.ExpectedScan)
}

// Tree is the disk side of an account: a root with Maildirs below it.
type Tree interface {
	// Find walks the root and returns every Maildir with a marker of ours.
	Find(ctx context.Context) ([]state.Found, error)
	// Unmarked walks the root and returns every Maildir that has no marker, but for those that
	// are left alone.
	Unmarked(ctx context.Context) ([]state.Unmarked, error)
	// Foreign walks the root and returns every Maildir of other programs (no marker, and no file
	// that carries a token), wherever it is, but for those that LeaveAlone was given.
	Foreign(ctx context.Context) ([]state.ForeignMaildir, error)
	// LeaveAlone makes these Maildirs others': no mailbox is placed where one is, and Unmarked
	// does not return them. forGood makes that durable; later Trees know it, whatever becomes of the base.
	// It fails where a mailbox would have to be where one of them is.
	LeaveAlone(list []state.ForeignMaildir, forGood bool) error
	// Place returns a path, relative to the root, for a mailbox that has none yet. taken
	// reports paths that are in use; Place asks it with every candidate.
	Place(levels []string, taken func(path string) bool) string
	// Open returns a Maildir that is there; fs.ErrNotExist if it is not.
	Open(path string) (Maildir, error)
	// Create makes a Maildir (or what of it is missing) with its marker, both durable
	// when it returns.
	Create(path string, m state.Marker) (Maildir, error)
	// Rename moves a Maildir to another path that is free, durably, with all that is below
	// it. A path that is taken is fs.ErrExist, one that is gone fs.ErrNotExist.
	Rename(from, to string) error
	// EmptyTrash removes permanently what was trashed longer ago than keep.
	EmptyTrash(keep time.Duration) (int, error)
	// Free returns the octets that can still be written below the root.
	Free() (int64, error)
}

// Maildir is one Maildir of an account. Receive is safe for concurrent use, Inspect and
// Body are where nobody scans; the other methods belong to the goroutine that holds the
// mailbox.
type Maildir interface {
	// Marker reads the marker; fs.ErrNotExist where there is none.
	Marker() (state.Marker, error)
	// SetMarker replaces the marker, durably.
	SetMarker(state.Marker) error
	// Tidy removes our own leftovers from tmp/. It is called once a run, under the lock.
	Tidy() error
	// Mark stats the directories.
	Mark() (state.DirMark, error)
	// Scan reads new and cur for files of the generation with that token. expect lists
	// the UIDs the base believes to have a file, sorted; where one is missing, Scan looks
	// again as often as it takes to be sure, or gives up and returns a snapshot that is
	// not Complete. kw names the keyword letters.
	Scan(ctx context.Context, token string, expect []state.UID, kw *state.Keywords) (*state.DiskSnapshot, error)
	// Look is a Scan that expects nothing, and keeps nothing of those files of the generation's messages that settled tells, by the file
	// without its name and by the flags that a name can carry: it returns their UIDs, none of which has another file of
	// that variant. settled has to say the same of a file whenever it is asked.
	Look(ctx context.Context, token string, kw *state.Keywords, settled func(f state.OnDisk, can state.Flags) bool) (*state.DiskSnapshot, state.UIDSet, error)
	// Receive writes a body to tmp/, converted to its form, counted, digested, dated,
	// fsynced and closed. On an error nothing is left. A body that ends early is an error.
	Receive(in state.Incoming, body io.Reader) (state.Received, error)
	// Publish moves a received body from tmp/ to its final name. If a file
	// of the same identity is there already, nothing is overwritten: equal bytes are
	// that file (it is Found, and the new one dropped), other bytes are
	// state.ErrOccupied, and the received body stays in tmp/.
	Publish(in state.Received, kw *state.Keywords) (state.Placed, error)
	// Discard drops a received body.
	Discard(in state.Received)
	// Inspect reads a file and returns the digest and length of the server's bytes as
	// they are rebuilt from it, with its form. want helps to find the form where the file
	// alone does not; it may be nil.
	Inspect(name string, want *state.Proof) (state.Received, error)
	// SameText reports whether a received body is the message that a file is but for its header: equal
	// Message-IDs, and the same octets behind the first empty line. fs.ErrNotExist where the file is gone.
	SameText(name string, got state.Received, anyID bool) (bool, error)
	// Ident reads what identifies a file's content without its digest: its Message-ID, and
	// size and date where they are not in its name.
	Ident(name string) (state.FileIdent, error)
	// Flag renames a file so that the flags in mask are as in want, others unchanged. A
	// file in new/ that gets a flag moves to cur/. If the name is gone the identity is
	// looked up again. It returns the new place, with the flags that the name carries now.
	Flag(name string, want, mask state.Flags, kw *state.Keywords) (state.Placed, error)
	// Body opens a file as the server's bytes, rebuilt by its form. The caller closes it.
	Body(name string, form state.Form) (io.ReadCloser, error)
	// Link gives a file in the Maildir at the path from, which may be this one, the
	// identity and flags of as in this one, and leaves its old name where it is. The bytes
	// are not copied where the file system can link. Digest, Bytes, OnDisk, Form and Confirmed
	// of as are those of Inspect; the new name has the digest only if Confirmed. What is
	// there already is treated as by Publish: equal bytes are Found, others are
	// state.ErrOccupied. Within one Maildir a file keeps the flags it has by now, whatever
	// as says. What a reader has taken to cur/ stays in cur/, unless as is Fresh.
	// Where it is to be Apart the bytes are copied.
	Link(from, name string, as state.Received, kw *state.Keywords) (state.Placed, error)
	// Identify gives a file of this Maildir the identity of as: one rename that overwrites nothing, so
	// that a file has one name at any time. Digest, Bytes, OnDisk, Form and Confirmed of as are those of
	// Inspect. The file keeps the flags that it has by now, and what a reader has taken to cur/ stays
	// there, unless as is Fresh. Where its identity is taken, equal bytes are that file, and the one that
	// was to get it is removed; others are state.ErrOccupied. Called again it does what is left.
	Identify(name string, as state.Received, kw *state.Keywords) (state.Placed, error)
	// Unlink removes a name whose bytes were linked to another one, after it has seen that
	// kept, in the Maildir at the path in, is there and has the same bytes. A name that
	// changed its flags meanwhile is followed, and kept gets the change; one that is gone is
	// no error.
	Unlink(name, in, kept string) error
	// Drop removes a file of a message that has another file, durably. It reads it once more before:
	// other bytes than want's are state.ErrOccupied, and the file stays.
	Drop(name string, want *state.Proof) error
	// Trash moves a file to the state directory's trash.
	Trash(name string) error
	// Sync makes every rename, link and unlink since the last Sync durable, and the names that
	// a Scan since then has seen, whoever gave them.
	Sync() error
}

// Base is the memory of one account. Its methods are safe for concurrent use.
type Base interface {
	Account(ctx context.Context) (state.AccountRow, error)
	SetAccount(ctx context.Context, a state.AccountRow) error
	// Mailboxes returns every mailbox with its generations, sorted by path.
	Mailboxes(ctx context.Context) ([]state.MailboxRow, error)
	// SaveMailbox inserts or updates a mailbox and its generations, and fills in the IDs
	// that were 0. Durable on return.
	SaveMailbox(ctx context.Context, m *state.MailboxRow) error
	// Records returns a generation's records sorted by UID.
	Records(ctx context.Context, gen state.GenID) ([]state.Record, error)
	// Proofs returns the proofs of those UIDs that have one; nil asks for all.
	Proofs(ctx context.Context, gen state.GenID, uids []state.UID) (map[state.UID]state.Proof, error)
	// Intents returns a generation's open intents, sorted by key.
	Intents(ctx context.Context, gen state.GenID) ([]state.Intent, error)
	// Departures returns what archive runs took, or were taking, off the server, sorted by UID.
	Departures(ctx context.Context, gen state.GenID) ([]state.Departure, error)
	// Commit applies one transaction.
	Commit(ctx context.Context, c state.Commit) error
}

// An item is what one command fetches. Its bounds keep what has to be done again after
// a failure small, and a connection busy enough that round trips do not show.
const (
	ItemBytes = 4 << 20
	ItemUIDs  = 200
)

// Source is one Maildir with mail to be put on the server.
type Source struct {
	Name   string   // of the mailbox, as people call it
	Levels []string // the same, level by level
	Role   string   // of SPECIAL-USE; "" where it is not known
	// Maildir is nil where the mailbox is not restored: it counts only for which one has which role.
	Maildir Maildir
	Row     state.MailboxRow // what is recorded of it; zero for a bare Maildir
	// Archived means that it is an archive, which may have mail of several mailboxes: only that of Row is
	// meant.
	Archived bool
}
