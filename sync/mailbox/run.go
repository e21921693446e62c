package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Run is what all rooms of one run of an account share: the account, what was listed, and the result.
type Run struct {
	*port.Account
	Row      state.AccountRow
	Saved    bool               // the account's row is in the base
	Rows     []state.MailboxRow // what the base knows
	Found    []state.Found      // markers on disk, once they were looked for
	Owners   map[string]string  // which mailbox a token belongs to, by state.RawKey; "": an archive
	Boxes    []*Box             // what the run is about, sorted by name
	Vanished []state.MailboxRow // missing from a complete listing
	Can      Abilities
	Trash    string // raw name of the server's trash mailbox, "" without
	Undoing  bool   // an archive run is undone: every mailbox is looked at
	Anyway   bool   // what the server confirmed and does not list is sent once more
	Unsent   []unsent

	Result port.Result
	Mu     sync.Mutex // guards Result, Row and Unsent
}

// Abilities are what the server can do.
type Abilities struct {
	UIDPlus, Move bool
	Labels        bool // its mailboxes are labels
	Uses          bool // it told their special uses
	EmailIDs      bool // it tells copies of one message
}

// NewRun returns a run of an account in which nothing was done yet.
func NewRun(a *port.Account) *Run {
	return &Run{Account: a}
}

// Phase is a part of a run over all of its mailboxes. Its error ends the run.
type Phase func(context.Context) error

// Through goes through the phases of a run, and returns what became of it.
func (r *Run) Through(ctx context.Context, phases ...Phase) *port.Result {
	r.Result.Began = time.Now()
	for _, do := range phases {
		if err := do(ctx); err != nil {
			r.Result.Fatal = err
			break
		}
	}
	r.Count()
	r.Result.Stopped = r.Result.Fatal == nil && r.Stopped() && slices.ContainsFunc(r.Boxes, (*Box).Unfinished)
	r.Result.Ended = time.Now()
	return &r.Result
}

// Step is called before everything that changes server, disk or base. Its error ends the run on the spot.
func (r *Run) Step(format string, args ...any) error {
	if r.Account.Step == nil {
		return nil
	}
	if err := r.Account.Step(fmt.Sprintf(format, args...)); err != nil {
		return errors.Join(port.ErrCut, err)
	}
	return nil
}

// Problem notes a failure that ends only what it was about. It returns the errors that
// end the run: a cut, a cancelled context, and what nothing can go on after.
func (r *Run) Problem(mailbox string, uid state.UID, err error) error {
	if port.Ends(err) {
		return err
	}
	r.Mu.Lock()
	defer r.Mu.Unlock()
	r.Result.Problems = append(r.Result.Problems, port.Problem{Mailbox: mailbox, UID: uid, Err: err})
	if r.Log != nil {
		r.Log.Debug("problem", "account", r.Name, "mailbox", mailbox, "uid", uid, "err", err)
	}
	return nil
}

// Note tells the user something that is not a failure.
func (r *Run) Note(mailbox, text, hint string) {
	if r.Watch != nil {
		r.Watch.Note(mailbox, text, hint)
	}
}

// Stopped reports whether the run was asked to come to an end.
func (r *Run) Stopped() bool {
	select {
	case <-r.Stop:
		return true
	default:
		return false
	}
}

// SaveAccount stores the account's row before its first mailbox is.
func (r *Run) SaveAccount(ctx context.Context) error {
	if err := r.Step("save account"); err != nil {
		return err
	}
	if err := r.Base.SetAccount(ctx, r.Row); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// Lasting spells the policy under which a mailbox that this run settles is settled.
func (r *Run) Lasting() string {
	if r.Wider != nil {
		return r.Wider.Lasting()
	}
	return r.Policy.Lasting()
}

// Wait waits, or returns ctx's error.
func (r *Run) Wait(ctx context.Context, d time.Duration) error {
	if r.Account.Wait != nil {
		return r.Account.Wait(ctx, d)
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// IsView reports whether a mailbox only shows what others hold.
func (b *Box) IsView() bool { return plan.IsView(b.Listed.Role) }

// ViewsLast are the mailboxes of a run, those that show what others hold behind those that hold it.
func (r *Run) ViewsLast() []*Box {
	boxes := slices.Clone(r.Boxes)
	slices.SortStableFunc(boxes, func(a, b *Box) int { return plan.CompareBools(a.IsView(), b.IsView()) })
	return boxes
}
