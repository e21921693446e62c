package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Restore puts local mail on a server: messages that are not there yet, in mailboxes that
// are made where they are missing, with flags, keywords and dates, their bytes as they were
// fetched. It can be broken off anywhere and run again: what is there is not sent again.
type Restore struct {
	From   []port.Source
	Server port.Server
	Ledger port.Ledger
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
	Watch       port.Watch
	// Wait and Step are Account's.
	Wait func(ctx context.Context, d time.Duration) error
	Step func(string) error
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
	port.Result
	Boxes []Restored // sorted by To
}

// restoring is one run of a Restore.
type restoring struct {
	*Restore
	origin  *origin
	mu      sync.Mutex // guards out, the ledger and elsewhere
	out     Restoration
	listing *state.Listing
	// elsewhere is what is in the mailboxes that were looked at before, nil where none is a view.
	elsewhere map[[state.DigestSize]byte]bool
}

// Run does it. The Restoration is never nil; what failed is in it. memory is of the account
// that the sources are of; nil where nothing is recorded.
func (t *Restore) Run(ctx context.Context, memory port.Memory) *Restoration {
	r := &restoring{Restore: t, origin: &origin{from: t.From, memory: memory, deleted: t.Deleted}}
	r.out.Began = time.Now()
	r.out.Fatal = r.run(ctx)
	slices.SortFunc(r.out.Boxes, func(a, b Restored) int { return plan.CompareNames(a.To, b.To) })
	r.out.Ended = time.Now()
	return &r.out
}

func (r *restoring) run(ctx context.Context) (err error) {
	if r.listing, err = r.Server.List(ctx, func(state.Listed) bool { return false }); err != nil {
		return err
	}
	targets := r.targets()
	r.out.Mailboxes = len(targets)
	if r.Watch != nil {
		r.Watch.Listed(len(targets))
	}
	// What views show is known to be sent once what they show it of was looked at.
	views := slices.DeleteFunc(slices.Clone(targets), func(g *target) bool { return !g.view() })
	targets = slices.DeleteFunc(targets, (*target).view)
	if len(views) > 0 {
		r.elsewhere = map[[state.DigestSize]byte]bool{}
	}
	if err := r.restoreAll(ctx, targets, r.Connections); err != nil {
		return err
	}
	return r.restoreAll(ctx, views, 1)
}

func (r *restoring) restoreAll(ctx context.Context, targets []*target, connections int) error {
	var g errgroup.Group
	g.SetLimit(max(1, connections))
	for _, target := range targets {
		if ctx.Err() != nil || r.stopped() {
			r.stop(ctx)
			break
		}
		g.Go(func() error {
			err := r.restore(ctx, target)
			r.mu.Lock()
			r.out.Boxes = append(r.out.Boxes, target.said)
			r.out.Appended += target.said.Appended
			r.out.OnServer += target.said.Appended + target.said.There
			r.out.Here += target.said.Appended + target.said.There + target.said.Refused
			r.out.Outstanding += target.said.Refused
			r.mu.Unlock()
			if err != nil {
				return r.problem(target.said.To, err)
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
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Stopped = ctx.Err() == nil
}

func (r *restoring) step(format string, args ...any) error {
	if r.Step == nil {
		return nil
	}
	if err := r.Step(fmt.Sprintf(format, args...)); err != nil {
		return errors.Join(port.ErrCut, err)
	}
	return nil
}

func (r *restoring) problem(mailbox string, err error) error {
	if port.Ends(err) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Problems = append(r.out.Problems, port.Problem{Mailbox: mailbox, Err: err})
	return nil
}

// target is one mailbox on the server, and what goes there.
type target struct {
	levels  []string
	role    string
	listed  state.Listed // where it is there
	there   bool
	sources []port.Source
	said    Restored
}

// view reports whether all that goes to a mailbox comes from mailboxes that show what others hold.
func (g *target) view() bool {
	return !slices.ContainsFunc(g.sources, func(s port.Source) bool { return !plan.IsView(cmp.Or(s.Row.Use, s.Role)) })
}

// targets finds a mailbox on the server for each source. Two sources with one name have one
// target.
func (r *restoring) targets() []*target {
	r.assignRoles()
	var targets []*target
	at := map[string]*target{}
	for _, s := range r.From {
		if s.Maildir == nil {
			continue
		}
		g := r.targetOf(s)
		key := strings.Join(g.levels, "\x00")
		if g.there {
			key = "\x01" + state.RawKey(g.listed.Raw)
		}
		if at[key] == nil {
			at[key] = g
			targets = append(targets, g)
		}
		at[key].sources = append(at[key].sources, s)
		if from := at[key].said.From; !slices.Contains(from, s.Name) {
			at[key].said.From = append(from, s.Name)
		}
	}
	return targets
}

func (r *restoring) targetOf(s port.Source) *target {
	g := &target{levels: s.Levels, role: s.Role}
	if len(r.Into) > 0 {
		g.levels, g.role = slices.Concat(r.Into, s.Levels), ""
	}
	if r.belowINBOX() && len(g.levels) > 1 && state.SameName(g.levels[0], "INBOX") && !plan.SameLevels(g.levels[1:], []string{"INBOX"}) {
		g.levels = g.levels[1:]
	}
	sep := plan.SeparatorOf(r.listing)
	spelled, by := plan.SpelledFor(g.levels, sep, r.isSource)
	g.levels = spelled
	if g.listed, g.there = r.find(g.levels, g.role); g.there {
		g.levels, by = g.listed.Levels, ""
	}
	g.said.To = plan.DisplayName(g.levels)
	if by != "" {
		r.note(g.said.To, fmt.Sprintf("%q has %q in its name, which parts levels on this server; %q is put in its place", s.Name, sep, by))
	}
	return g
}

// find finds the server's mailbox of a role, "" none, else the one of that name. Of several
// mailboxes with the role it is the one that has the name too, if there is one.
func (r *restoring) find(levels []string, role string) (found state.Listed, there bool) {
	ofRole := false
	for _, l := range r.listing.Mailboxes {
		named, has := plan.SameLevels(l.Levels, levels), role != "" && l.Role == role
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
