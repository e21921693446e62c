// Package mailbox has one mailbox as a run knows it, its three states, its records and their commits, and what all
// mailboxes of a run share.
package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	Uses          bool // it reported their special uses
	EmailIDs      bool // it identifies copies of one message
}

// Phase is a part of a run over all of its mailboxes. Its error ends the run.
type Phase func(context.Context) error

// Through does the phases of a run, and returns the result.
func (r *Run) Through(ctx context.Context, phases ...Phase) *port.Result {
	r.Result.Began = time.Now()
	for _, do := range phases {
		err := do(ctx)
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			r.Result.Fatal = err
			break
		}
	}
	for _, b := range r.Boxes {
		r.LogMailbox(b)
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
	p := port.Problem{Mailbox: mailbox, UID: uid, Err: err}
	p.Log(r.Log, r.Name)
	r.Result.Problems = append(r.Result.Problems, p)
	return nil
}

// NameOf is the name of a mailbox as people call it.
func (r *Run) NameOf(row state.MailboxRow) string {
	if r.Account.NameOf == nil {
		return row.Path
	}
	return r.Account.NameOf(row)
}

// AsListed is a recorded mailbox as the server would list it, for patterns to match.
func (r *Run) AsListed(row state.MailboxRow) state.Listed {
	return state.Listed{Raw: row.Raw, Levels: strings.Split(r.NameOf(row), "/"), Role: row.Use, Size: -1}
}

// Excludes reports whether the configuration excludes a recorded mailbox, or the run is not about it.
func (r *Run) Excludes(row state.MailboxRow) bool {
	return r.Include != nil && !r.Include(r.AsListed(row))
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

// Claim notes how many octets this account will still write to its disk, and returns how many the other accounts of the program
// will.
func (r *Run) Claim(octets int64) (others int64) {
	if r.Account.Claim == nil {
		return 0
	}
	return r.Account.Claim(octets)
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

// Now is the time by the account's clock.
func (r *Run) Now() time.Time {
	if r.Account.Now != nil {
		return r.Account.Now()
	}
	return time.Now()
}

// Due reports whether all of a generation has to be compared. A clock that was set back makes
// it due, too; comparing decides nothing by age.
func (r *Run) Due(g *state.Generation) bool {
	age := r.Now().Sub(time.Unix(g.Compared, 0))
	return age < 0 || age >= plan.CompareEvery
}

// TrashMailbox is the raw name of the server's trash, "" where it has none or b is it.
func (r *Run) TrashMailbox(b *Box) string {
	if b.Listed.Role == "trash" {
		return ""
	}
	return r.Trash
}

// Unsettle has the next run look at a mailbox in which files of another one are. It was settled
// by a run that could not look at the other, and would never be seen as where they were moved to.
func (r *Run) Unsettle(ctx context.Context, b *Box) error {
	b.Leave(PutOff)
	if g := b.Gen(); g == nil || !g.Clean {
		return nil
	}
	return r.Commit(ctx, &Box{Name: b.Name, Row: b.Row}, state.Commit{Change: state.Unclean()})
}

// Ability is what the server can do about messages of a mailbox.
func (r *Run) Ability(b *Box) plan.Ability {
	return plan.Ability{UIDPlus: r.Can.UIDPlus, Move: r.Can.Move, Trash: r.TrashMailbox(b) != "", IsTrash: b.Listed.Role == "trash"}
}

// OnlyTrash reports whether the server keeps in its trash whatever leaves it.
func (r *Run) OnlyTrash() bool { return !r.Can.UIDPlus && r.Can.Move && r.Trash != "" }

// Count adds up the messages of every included mailbox. An earlier run asked the server of that
// time: of a mailbox that was not looked at in this one, nothing counts as here.
func (r *Run) Count() {
	if r.Result.Mailboxes == 0 {
		return
	}
	gone, fresh := unknown(r.Vanished, r.Boxes)
	r.Result.Gone, r.Result.Unknown = append(r.Result.Gone, gone...), append(r.Result.Unknown, fresh...)
	for _, b := range r.Boxes {
		s := b.Standing(r.Row.EstimatedSizes)
		r.Result.OnServer += s.OnServer
		r.Result.Here += s.Here
		r.Result.Outstanding += s.Outstanding
		r.Result.KeptAway += s.KeptAway
		r.Result.Skipped += s.Skipped
		r.Result.Doubtful += s.Doubtful
		r.Result.OnlyHere += s.OnlyHere
		r.Result.Unseen += s.Unseen
		if s.Uncounted {
			r.Result.Uncounted++
		}
		if b.Idle {
			r.Result.Unchanged++
		} else if !b.Looked {
			r.Result.Unlooked++
		}
	}
	slices.SortStableFunc(r.Result.Would, func(a, b port.Would) int { return plan.CompareNames(a.Mailbox, b.Mailbox) })
	slices.SortStableFunc(r.Result.Problems, func(a, b port.Problem) int { return plan.CompareNames(a.Mailbox, b.Mailbox) })
}

// unknown are the recorded mailboxes that are gone on the server, and those of the server of which nothing is recorded.
func unknown(recorded []state.MailboxRow, listed []*Box) (gone, fresh []string) {
	for _, row := range recorded {
		if !slices.ContainsFunc(listed, func(b *Box) bool { return b.Row.ID == row.ID }) { // else it has another name there
			gone = append(gone, row.Path)
		}
	}
	for _, b := range listed {
		if b.Row.ID == 0 {
			fresh = append(fresh, b.Name)
		}
	}
	return gone, fresh
}

// Standing counts the mailbox as it stands: from its records where the run looked at it, from
// what the base counted where STATUS and directories are as the base has them.
func (b *Box) Standing(estimates bool) plan.Standing {
	switch {
	case b.Looked:
		return plan.StandingOf(b.Records, b.Server, b.Waits, estimates)
	case b.Idle:
		t := b.Gen().Tally
		return plan.Standing{OnServer: t.OnServer, Here: t.Here - t.OnlyHere, Outstanding: t.Outstanding, KeptAway: t.KeptAway, Skipped: t.Skipped,
			Doubtful: t.InDoubt(estimates), OnlyHere: t.OnlyHere}
	}
	n, known := b.exists()
	if b.New { // none of it can be here
		return plan.Standing{OnServer: n, Outstanding: n, Uncounted: !known}
	}
	return plan.Standing{OnServer: n, Unseen: n, Uncounted: !known}
}

// exists is how many messages the server reported in this run that the mailbox has.
func (b *Box) exists() (n int, known bool) {
	switch {
	case b.Server != nil:
		return int(b.Server.Mark.Exists), true
	case b.Listed.HasMark:
		return int(b.Listed.Mark.Exists), true
	}
	return 0, false
}
