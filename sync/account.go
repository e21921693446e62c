package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"mailsync/state"
)

// Account is one account with everything a run needs of the world.
type Account struct {
	Name   string
	Host   string
	User   string
	Server Server
	Tree   Tree
	Base   Base
	Policy Policy

	// Partial says that Include leaves out mailboxes of the account in this run alone: what
	// went in one that is included may have come in one of those.
	Partial bool
	// Include says which listed mailboxes the run is about. The others stay as they are.
	Include func(state.Listed) bool
	// Census counts the messages of the mailboxes that are not included too, and names those that are
	// in doubt.
	Census bool
	// Accept are messages that cannot be had and are failures no more.
	Accept []Message
	// Wider is a policy that this run's is a part of. What it would still do in a mailbox
	// keeps that from counting as clean, so that the next run under it need not look at all
	// the others again. nil where there is none.
	Wider *Policy
	// Connections bounds how many mailboxes are scanned at once; 0 means 1.
	Connections int

	// Release lets messages leave the server; nil: none.
	Release *Release

	// AgesCount says that the clock can be trusted. Without it nothing is done because
	// something is old.
	AgesCount bool
	// TrashKeep is how long removed files stay in the trash; nil: for ever.
	TrashKeep *time.Duration

	DryRun bool // plan, print, do nothing
	Full   bool // compare everything
	New    bool // start afresh where a known root or Maildir is gone
	// Moved says that the user moved Maildirs, or follows the server to another name: what
	// the markers say of path, host and user gives way to what is so now.
	Moved bool
	// RootKnown says that this root once held mail of ours: without a marker in it, it is
	// not mounted.
	RootKnown bool
	// StateMoved says that the state file is a copy: what is missing on disk proves nothing.
	StateMoved bool
	// Remember is called once, after the first marker of a root is durable.
	Remember func(accountID string) error
	// Stop ends the run cleanly when it is closed; the next run goes on. nil never does.
	Stop <-chan struct{}

	Watch Watch
	Log   *slog.Logger
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// Wait waits, or returns ctx's error; nil waits by the clock.
	Wait func(ctx context.Context, d time.Duration) error
	// Step is called before everything that changes server, disk or base, with what it
	// is. An error ends the run on the spot, as a power cut would. For tests; nil is none.
	Step func(string) error
}

// run is one run of an account.
type run struct {
	*Account
	row      state.AccountRow
	found    []state.Found     // markers on disk, once they were looked for
	owners   map[string]string // which mailbox a token belongs to, by state.RawKey; "": an archive
	rows     []state.MailboxRow
	boxes    []*box
	vanished []state.MailboxRow // missing from a complete listing
	result   Result
	turn     turn // guards result, and the account's row
	walking  turn // guards found
	saved    bool // the account's row is in the base

	uidPlus, moves bool // what the server can do
	labels         bool // its mailboxes are labels
	uses           bool // it told their special uses
	emailIDs       bool // it tells copies of one message
	undoing        bool // an archive run is undone: every mailbox is looked at

	groups []Alike         // messages that are alike, and may be in several mailboxes
	stores map[*box]*store // where files are that lie in mailboxes in which nothing changed
	given  map[link]bool   // messages whose files were linked into a mailbox

	copies copyTable       // messages that leave from several mailboxes
	went   map[string]*lot // of messages of which copies went: what was counted

	archiveNumber int64                // of this archive run, 0: not known yet
	roots         map[string]Tree      // folders of archives that are open
	indexed       map[string][]shelved // what lies in the configured one, by token; nil: not looked at

	unlisted []state.MailboxRow    // mailboxes that an undo is about, and that the server does not list
	bin      *state.ServerSnapshot // what lies in the server's trash, as an undo found it; nil: not looked at

	trash  string   // raw name of the server's trash mailbox, "" without
	moved  []*move  // what went in one mailbox and came in another
	anyway bool     // what the server confirmed and does not list is sent once more
	unsent []unsent // files that should be on the server and are not
	beside beside   // what mailboxes hold that are no views, by now or once the run is through
}

func newRun(a *Account) *run { return &run{Account: a, turn: newTurn(), walking: newTurn()} }

// Run brings the account's server and disk together, in the order that doc.go tells.
// The Result is never nil; what failed is in it.
func (a *Account) Run(ctx context.Context) *Result {
	r := newRun(a)
	r.result.Began = time.Now()
	for _, phase := range []func(context.Context) error{
		r.identify, r.list, r.scan, r.compared, r.knowTrashed, r.match, r.choose, r.plan, r.create, r.destroy, r.reported, r.emptyTrash, r.settle, r.compared, r.doubts,
	} {
		if err := phase(ctx); err != nil {
			r.result.Fatal = err
			break
		}
	}
	r.count()
	r.result.Stopped = r.result.Fatal == nil && r.stopped() && r.unfinished()
	r.result.Ended = time.Now()
	return &r.result
}

// errCut is what Step's error becomes: nothing more is done, nothing is tidied.
var errCut = errors.New("cut by a test")

func (r *run) step(format string, args ...any) error {
	if r.Step == nil {
		return nil
	}
	if err := r.Step(fmt.Sprintf(format, args...)); err != nil {
		return errors.Join(errCut, err)
	}
	return nil
}

// problem notes a failure that ends only what it was about. It returns the errors that
// end the run: a cut, a cancelled context, and what nothing can go on after.
func (r *run) problem(mailbox string, uid state.UID, err error) error {
	if ends(err) {
		return err
	}
	r.turn.take()
	defer r.turn.give()
	r.result.Problems = append(r.result.Problems, Problem{mailbox, uid, err})
	if r.Log != nil {
		r.Log.Debug("problem", "account", r.Name, "mailbox", mailbox, "uid", uid, "err", err)
	}
	return nil
}

// ends reports whether an error ends the account's run.
func ends(err error) bool {
	k := state.KindOf(err)
	return errors.Is(err, errCut) || errors.Is(err, context.Canceled) || state.IsWholeDisk(err) ||
		k == state.Unreachable || k == state.Login || k == state.Locked
}

func (r *run) note(mailbox, text, hint string) {
	if r.Watch != nil {
		r.Watch.Note(mailbox, text, hint)
	}
}

// stopped reports whether the run was asked to come to an end.
func (r *run) stopped() bool {
	select {
	case <-r.Stop:
		return true
	default:
		return false
	}
}

// identify finds out who this account is: from the base, or, where that knows nothing,
// from the markers on disk.
func (r *run) identify(ctx context.Context) error {
	row, err := r.Base.Account(ctx)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	if r.rows, err = r.Base.Mailboxes(ctx); err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	r.row = row
	if row.ID != "" {
		r.saved = true
		return r.learnSizes(ctx, r.rows)
	}
	if _, err := r.walk(ctx); err != nil {
		return err
	}
	for _, f := range r.found {
		switch m := f.Marker; {
		case f.Err != nil:
			return state.Faultf(state.Storage, "the state is gone, and a marker cannot be read: %w", f.Err).
				WithHint("bring %q back from a backup, or move that Maildir elsewhere", f.Path)
		case (m.Host != r.Host || m.User != r.User) && !r.Moved:
			return state.Faultf(state.Storage, "the Maildir %q was filled from %s at %s", f.Path, m.User, m.Host).
				WithHint("give %s at %s a maildir of its own, or run once with --moved if it is the same account", r.User, r.Host)
		case row.ID == "":
			row.ID = m.AccountID
		}
	}
	if r.RootKnown && len(r.found) == 0 && !r.New {
		return notMounted("the Maildir root holds nothing of ours any more")
	}
	if row.ID == "" {
		row.ID = randomID()
	}
	row.Host, row.User = r.Host, r.User
	r.row = row
	return nil
}

func notMounted(format string, args ...any) error {
	return state.Faultf(state.Storage, format, args...).WithHint("not mounted? --new starts afresh")
}

// saveAccount stores the account's row before its first mailbox is.
func (r *run) saveAccount(ctx context.Context) error {
	if err := r.step("save account"); err != nil {
		return err
	}
	if err := r.Base.SetAccount(ctx, r.row); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// list asks the server for its mailboxes and makes a box of each that is included.
func (r *run) list(ctx context.Context) error {
	last := r.lastUses()
	include := func(l state.Listed) bool { return !l.NoSelect && (r.Include == nil || r.Include(r.known(l, last))) }
	want := include
	if r.Census {
		want = func(l state.Listed) bool { return !l.NoSelect }
	}
	listing, err := r.Server.List(ctx, want)
	if err != nil {
		return err
	}
	if len(listing.Mailboxes) == 0 && len(r.rows) > 0 {
		return errors.New("the server lists no mailbox at all, and it had some; nothing was done")
	}
	for _, name := range listing.Broken {
		if err := r.problem(name, 0, errUnreadableName()); err != nil {
			return err
		}
	}
	r.result.Unreadable = len(listing.Broken)
	r.uidPlus, r.moves = listing.UIDPlus, listing.Move
	r.labels, r.emailIDs, r.uses = listing.Labels, listing.EmailIDs, listing.Uses
	listed := map[string]bool{}
	for _, l := range listing.Mailboxes {
		key := state.RawKey(l.Raw)
		if listed[key] {
			continue
		}
		listed[key] = true
		if l.Role == "trash" && !l.NoSelect && r.trash == "" {
			r.trash = l.Raw
		}
		if l.NoSelect && l.Err != nil && r.hadMail(key) {
			if err := r.problem(displayName(l.Levels), 0, l.Err); err != nil {
				return err
			}
		}
		if include(l) {
			r.boxes = append(r.boxes, &box{listed: l, name: displayName(l.Levels), turn: newTurn()})
		} else if !l.NoSelect {
			r.result.exclude(l)
		}
	}
	if err := r.foundHere(ctx, listing); err != nil {
		return err
	}
	slices.SortFunc(r.boxes, func(a, b *box) int { return compareNames(a.name, b.name) })
	if len(listing.Broken) == 0 {
		for _, row := range r.rows {
			if row.Role != state.RoleArchive && !listed[state.RawKey(row.Raw)] {
				r.vanished = append(r.vanished, row)
			}
		}
	}
	r.result.Mailboxes = len(r.boxes)
	if r.Watch != nil {
		r.Watch.Listed(len(r.boxes))
	}
	return nil
}

// hadMail reports whether the base knows of messages on the server in a mailbox.
func (r *run) hadMail(key string) bool {
	return slices.ContainsFunc(r.rows, func(row state.MailboxRow) bool {
		g := row.Current()
		return row.Role != state.RoleArchive && state.RawKey(row.Raw) == key && g != nil && g.Tally.OnServer > 0
	})
}

// errUnreadableName is what is wrong with a mailbox whose name cannot be read: there is mail
// on the server that nobody can ask for.
func errUnreadableName() error {
	return state.Faultf(state.Other, "the server sent a mailbox name that cannot be read; the messages in it are not here").
		WithHint("rename that mailbox on the server, without blanks, quotes and backslashes in it")
}

// unfinished reports that a mailbox has something left for the next run.
func (r *run) unfinished() bool {
	return slices.ContainsFunc(r.boxes, func(b *box) bool { return b.undone })
}
