package mailbox

import (
	"context"
	"fmt"
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
	Ops     []plan.Op // what is to be done
	Tie     Tying
	Sent    Sent
	Moves   Moving
	Bodies  Bodies
	Leaving Leaving
	Mu      sync.Mutex
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
	Unheard bool          // neither the base nor a marker knows of it: nothing of it is here
	Full    bool          // everything is to be compared
	Fresh   bool          // nothing was learned of this generation yet: files are tied, nothing is deleted
	Entered bool          // a Maildir that had another generation enters this one
	Anew    bool          // the server's numbers are others than the base had
	Follows bool          // its Maildir came here by our hand, whatever path its marker says
	Unsaved bool          // the base does not have the row as it is
	Proves  bool          // a missing file was removed by somebody
	Refused error         // why its Maildir is left alone
	Home    string        // where its mail lies already, in a Maildir that a mail program made; "" nowhere
}

// Progress is how far a run has come with a mailbox.
type Progress struct {
	Looked  bool               // both sides were looked at in this run, and what that showed was learned
	Idle    bool               // nothing had to be done
	Failed  bool               // left as it is in this run
	Wrote   bool               // the Maildir was changed
	left    []Reason           // why something is left for the next run
	Settled bool               // recorded as clean by this run
	Spoilt  map[state.UID]bool // messages of which an operation failed
	Waits   plan.Waiting       // what this run leaves to another
}

// Tying is what ties files to a mailbox's messages.
type Tying struct {
	Seeks     bool                   // messages that are fetched may be here already
	Tied      []Tied                 // files and records that were tied in this run
	Renames   []NewName              // files among them that get another identity
	Spares    []*Spare               // what could still be a message that is fetched
	Sized     map[int64]*SizedSpares // the same by size, once one was asked for
	Unclaimed []state.OnDisk         // files here that could be, too, by size
	counted   int                    // spares in Sized
}

// Moving is what a run knows of moves from and to a mailbox.
type Moving struct {
	UIDs   map[state.UID]bool // messages that go to another mailbox, or come from one
	Copies []match.Lying      // files that are copies of other mailboxes' messages
}

// Bodies is what a run knows of the bodies that it fetches for a mailbox.
type Bodies struct {
	Pulling bool                  // they come: records are read by who holds Mu only
	Arrived map[state.UID]string  // files that came in this run, of messages that others wait for
	Mend    map[state.UID]Mending // what a repair fetches again
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

// Commit makes changes of records durable and takes them over. put and forget are
// sorted by UID.
func (r *Run) Commit(ctx context.Context, b *Box, c state.Commit) error {
	if r.DryRun {
		return nil
	}
	c.Gen = b.Gen().ID
	if b.KW != nil && b.KW.Len() > len(b.Row.Keywords) {
		c.Keywords = b.KW.Names()
	}
	if c.Empty() {
		return nil
	}
	if err := r.CommitTo(ctx, c, "commit %s: %d records", b.Name, len(c.Put)+len(c.Forget)); err != nil {
		return err
	}
	if !b.Bodies.Pulling || len(c.Forget) > 0 || !plan.Overwrite(b.Records, c.Put) {
		b.Records = plan.Apply(b.Records, c.Put, c.Forget)
	}
	if c.Keywords != nil {
		b.Row.Keywords = c.Keywords
	}
	b.Gen().Take(&c)
	b.intents.take(&c)
	return nil
}

// CommitTo makes a commit durable, whatever generation it is on, as a step of that name. What memory has of
// the generation stays as it was.
func (r *Run) CommitTo(ctx context.Context, c state.Commit, step string, args ...any) error {
	if err := r.Step(step, args...); err != nil {
		return err
	}
	if err := r.Base.Commit(context.WithoutCancel(ctx), c); err != nil {
		return fmt.Errorf("commit to state: %w", err)
	}
	return nil
}

// OtherMailbox reports that the server says by its name for the mailbox itself (MAILBOXID,
// RFC 8474) that another one has its name now, whatever UIDVALIDITY says.
func (b *Box) OtherMailbox() bool {
	return b.Row.MailboxID != "" && b.Listed.MailboxID != "" && b.Row.MailboxID != b.Listed.MailboxID
}

func (r *Run) RecordsOf(ctx context.Context, g *state.Generation) ([]state.Record, error) {
	if g.ID == 0 {
		return nil, nil
	}
	records, err := r.Base.Records(ctx, g.ID)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	return records, nil
}

// RecordsNow are the records of a generation, with what this run learned where it scanned it.
func (r *Run) RecordsNow(ctx context.Context, g *state.Generation, b *Box) ([]state.Record, error) {
	if b != nil && g.Current && !b.Failed && b.Records != nil {
		return b.Records, nil
	}
	return r.RecordsOf(ctx, g)
}
