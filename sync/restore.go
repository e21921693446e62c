package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"mailsync/state"
)

// Restore puts local mail on a server: messages that are not there yet, in mailboxes that
// are made where they are missing, with flags, keywords and dates, their bytes as they were
// fetched. It can be broken off anywhere and run again: what is there is not sent again.
type Restore struct {
	From   []Source
	Server Server
	Ledger Ledger
	// Into are the levels under which everything goes; nil: mailboxes go where they were, or
	// to the server's own mailbox of the same role.
	Into []string
	// Since leaves out what is older, in seconds since 1970; NoDate: nothing.
	Since int64
	// Deleted lets \Deleted travel.
	Deleted     bool
	Connections int
	DryRun      bool
	Stop        <-chan struct{}
	Watch       Watch
	// Wait and Step are Account's.
	Wait func(ctx context.Context, d time.Duration) error
	Step func(string) error
}

// Source is one Maildir whose mail is put on the server.
type Source struct {
	Name   string   // of the mailbox, as people call it
	Levels []string // the same, level by level
	Role   string   // of SPECIAL-USE; "" where it is not known
	// Maildir is nil where the mailbox is not restored: it counts only for which one has which role.
	Maildir Maildir
	Row     state.MailboxRow // what is recorded of it; zero for a bare Maildir
	// Shelf says that it is an archive, in which mail of several mailboxes may lie: only that of Row is
	// meant.
	Shelf bool
}

// Ledger is restore's own memory of what it put on a server.
type Ledger interface {
	// Sent returns what was sent to a mailbox with that UIDVALIDITY, in order.
	Sent(raw string, uidValidity uint32) []state.Sent
	// Intend notes what is about to be sent, durably, and gives each its ID.
	Intend([]state.Sent) error
	// Settle notes the UIDs that it got, durably; 0: it was not stored.
	Settle([]state.Sent) error
}

// Restored is what became of one mailbox.
type Restored struct {
	To       string   // the mailbox on the server, as people call it
	From     []string // the mailboxes here
	Created  bool
	Appended int
	Bytes    int64
	There    int // were on the server already
	Refused  int // are still not there
	Older    int // left out by Since
	Shown    int // are copies that a view (all mail, what is flagged) showed of others, which are there or not restored
}

// Restoration is what a Restore came to.
type Restoration struct {
	Result
	Boxes []Restored // sorted by To
}

// restoring is one run of a Restore.
type restoring struct {
	*Restore
	memory  func(gen state.GenID) (recorded, error)
	turn    turn // guards out, the ledger and elsewhere
	out     Restoration
	listing *state.Listing
	// elsewhere is what is in the mailboxes that were looked at before, nil where none is a view.
	elsewhere map[[state.DigestSize]byte]bool
}

// recorded is what is known of a generation.
type recorded struct {
	records []state.Record // sorted by UID
	proofs  map[state.UID]state.Proof
}

// Run does it. The Restoration is never nil; what failed is in it. memory loads what is
// recorded of a generation; nil where nothing is.
func (t *Restore) Run(ctx context.Context, memory Memory) *Restoration {
	r := &restoring{Restore: t, turn: newTurn()}
	r.memory = func(gen state.GenID) (b recorded, err error) {
		if b.records, err = memory.Records(ctx, gen); err == nil {
			b.proofs, err = memory.Proofs(ctx, gen, nil)
		}
		return b, err
	}
	r.out.Began = time.Now()
	r.out.Fatal = r.run(ctx)
	slices.SortFunc(r.out.Boxes, func(a, b Restored) int { return compareNames(a.To, b.To) })
	r.out.Ended = time.Now()
	return &r.out
}

func (r *restoring) run(ctx context.Context) (err error) {
	if r.listing, err = r.Server.List(ctx, func(state.Listed) bool { return false }); err != nil {
		return err
	}
	goals := r.goals()
	r.out.Mailboxes = len(goals)
	if r.Watch != nil {
		r.Watch.Listed(len(goals))
	}
	// What views show is known to be sent once what they show it of was looked at.
	views := slices.DeleteFunc(slices.Clone(goals), func(g *goal) bool { return !g.view() })
	goals = slices.DeleteFunc(goals, (*goal).view)
	if len(views) > 0 {
		r.elsewhere = map[[state.DigestSize]byte]bool{}
	}
	if err := r.restoreAll(ctx, goals, r.Connections); err != nil {
		return err
	}
	return r.restoreAll(ctx, views, 1)
}

func (r *restoring) restoreAll(ctx context.Context, goals []*goal, connections int) error {
	var g errgroup.Group
	g.SetLimit(max(1, connections))
	for _, goal := range goals {
		if ctx.Err() != nil || r.stopped() {
			r.stop(ctx)
			break
		}
		g.Go(func() error {
			err := r.restore(ctx, goal)
			r.turn.take()
			r.out.Boxes = append(r.out.Boxes, goal.said)
			r.out.Appended += goal.said.Appended
			r.out.OnServer += goal.said.Appended + goal.said.There
			r.out.Here += goal.said.Appended + goal.said.There + goal.said.Refused
			r.out.Outstanding += goal.said.Refused
			r.turn.give()
			if err != nil {
				return r.problem(goal.said.To, err)
			}
			return nil
		})
	}
	return errors.Join(g.Wait(), ctx.Err())
}

func (r *restoring) stopped() bool {
	select {
	case <-r.Stop:
		return true
	default:
		return false
	}
}

// stop notes that the run was asked to end before it was through.
func (r *restoring) stop(ctx context.Context) {
	r.turn.take()
	defer r.turn.give()
	r.out.Stopped = ctx.Err() == nil
}

func (r *restoring) step(format string, args ...any) error {
	if r.Step == nil {
		return nil
	}
	if err := r.Step(fmt.Sprintf(format, args...)); err != nil {
		return errors.Join(errCut, err)
	}
	return nil
}

func (r *restoring) problem(mailbox string, err error) error {
	if ends(err) {
		return err
	}
	r.turn.take()
	defer r.turn.give()
	r.out.Problems = append(r.out.Problems, Problem{Mailbox: mailbox, Err: err})
	return nil
}

// goal is one mailbox on the server, and what goes there.
type goal struct {
	levels  []string
	role    string
	listed  state.Listed // where it is there
	there   bool
	sources []Source
	said    Restored
}

// view reports whether all that goes to a mailbox comes from mailboxes that show what others hold.
func (g *goal) view() bool {
	return !slices.ContainsFunc(g.sources, func(s Source) bool { return !IsView(cmp.Or(s.Row.Use, s.Role)) })
}

// goals finds a mailbox on the server for each source. Two sources with one name have one
// goal.
func (r *restoring) goals() []*goal {
	r.assignRoles()
	var goals []*goal
	at := map[string]*goal{}
	for _, s := range r.From {
		if s.Maildir == nil {
			continue
		}
		g := r.goal(s)
		key := strings.Join(g.levels, "\x00")
		if g.there {
			key = "\x01" + state.RawKey(g.listed.Raw)
		}
		if at[key] == nil {
			at[key] = g
			goals = append(goals, g)
		}
		at[key].sources = append(at[key].sources, s)
		if from := at[key].said.From; !slices.Contains(from, s.Name) {
			at[key].said.From = append(from, s.Name)
		}
	}
	return goals
}

func (r *restoring) goal(s Source) *goal {
	g := &goal{levels: s.Levels, role: s.Role}
	if len(r.Into) > 0 {
		g.levels, g.role = slices.Concat(r.Into, s.Levels), ""
	}
	if r.belowINBOX() && len(g.levels) > 1 && state.SameName(g.levels[0], "INBOX") && !sameLevels(g.levels[1:], []string{"INBOX"}) {
		g.levels = g.levels[1:]
	}
	sep := separatorOf(r.listing)
	spelled, by := spelledFor(g.levels, sep, r.isSource)
	g.levels = spelled
	if g.listed, g.there = r.target(g.levels, g.role); g.there {
		g.levels, by = g.listed.Levels, ""
	}
	g.said.To = displayName(g.levels)
	if by != "" {
		r.note(g.said.To, fmt.Sprintf("%q has %q in its name, which parts levels on this server; %q is put in its place", s.Name, sep, by))
	}
	return g
}

// target finds the server's mailbox of a role, "" none, else the one of that name. Of several
// mailboxes with the role it is the one that has the name too, if there is one.
func (r *restoring) target(levels []string, role string) (found state.Listed, there bool) {
	ofRole := false
	for _, l := range r.listing.Mailboxes {
		named, has := sameLevels(l.Levels, levels), role != "" && l.Role == role
		switch {
		case l.NoSelect:
		case named && has:
			return l, true
		case has && !ofRole, named && !there:
			found, there, ofRole = l, true, has
		}
	}
	return found, there
}

// sameLevels compares mailbox names. INBOX is INBOX in any case (RFC 9051 section 5.1).
func sameLevels(a, b []string) bool {
	return slices.Equal(a, b) || len(a) == 1 && len(b) == 1 && state.SameName(a[0], b[0])
}
