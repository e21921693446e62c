// Package restore puts mail of Maildirs on a server: another one (Restore), or the account's own (Home). What is there
// already is not sent again. Both load their messages (load.go), match them with those of a mailbox (match.go) and send
// them (sync/send) in one way, with intents in the state of the account that gets them. They differ in what remains: a
// restore to another server leaves the local side as it is and keeps its intents (record.go), one
// to the account's own server gives each file its message's identity.
package restore

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// Restore puts local mail on a server: messages that are not there yet, in mailboxes that
// are made where they are missing, with flags, keywords and dates, their bytes as they were
// fetched. It can be interrupted anywhere and run again: what is there is not sent again.
type Restore struct {
	From   []port.Source
	Server port.Server
	// Base is the memory of the account that is restored to: it records what was sent.
	Base port.Base
	// Into are the levels under which everything is put; nil: mailboxes keep their names, or are put
	// into the server's own mailbox of the same role.
	Into []string
	// Since leaves out what is older, in seconds since 1970; NoDate: nothing.
	Since int64
	// Deleted lets \Deleted travel.
	Deleted     bool
	Connections int
	DryRun      bool
	Stop        <-chan struct{}
	Watch       port.Watch
	Name        string       // of the account that is restored to, for the log
	Log         *slog.Logger // nil: none
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
	Shown    int // are copies that a view (all mail, flagged mail) showed of others, which are there or not restored
}

// Restoration is the result of a restore.
type Restoration struct {
	port.Result
	Boxes []Restored // sorted by To
}

// restoring is one run of a Restore.
type restoring struct {
	*mailbox.Run
	sender  *send.Run
	origin  *origin
	since   int64
	records map[string]*record // what was sent by earlier runs, by the raw name of the mailbox
	boxes   []Restored         // guarded by Mu
}

// Run does it. The Restoration is never nil; what failed is in it. memory is of the account
// that the sources are of; nil where nothing is recorded.
func (o *Restore) Run(ctx context.Context, memory port.Memory) *Restoration {
	r := &restoring{
		Run:    &mailbox.Run{Account: &port.Account{Name: o.Name, Log: o.Log, Server: o.Server, Base: o.Base, DryRun: o.DryRun, Stop: o.Stop, Watch: o.Watch, Wait: o.Wait, Step: o.Step}},
		origin: &origin{from: o.From, memory: memory, deleted: o.Deleted},
		since:  o.Since,
	}
	r.sender = send.New(r.Run)
	r.sender.All, r.sender.Foreseen = true, true
	began := time.Now()
	fatal := r.run(ctx, o)
	slices.SortFunc(r.boxes, func(a, b Restored) int { return plan.CompareNames(a.To, b.To) })
	r.Result.Fatal, r.Result.Began, r.Result.Ended = fatal, began, time.Now()
	return &Restoration{Result: r.Result, Boxes: r.boxes}
}

func (r *restoring) run(ctx context.Context, o *Restore) error {
	sent, err := r.Base.Intents(ctx, 0)
	if err != nil {
		return port.Wrap("read state", err)
	}
	r.records = readRecords(sent)
	listing, err := r.Server.List(ctx, func(state.Listed) bool { return false })
	if err != nil {
		return err
	}
	r.Can.Labels = listing.Labels
	y := &layout{from: o.From, into: o.Into, listing: listing, note: r.Note}
	targets := y.targets()
	r.Result.Mailboxes = len(targets)
	if r.Watch != nil {
		r.Watch.Listed(len(targets))
	}
	// Views are last: what they show is known once the mailboxes that hold it were looked at.
	views := slices.DeleteFunc(slices.Clone(targets), func(g *target) bool { return !g.view() })
	targets = slices.DeleteFunc(targets, (*target).view)
	r.sender.NoteHeld(len(views) > 0)
	if err := r.restoreAll(ctx, targets, o.Connections); err != nil {
		return err
	}
	return r.restoreAll(ctx, views, 1)
}

// restoreAll finds out what is missing in every target, looks whether there is room for it, and sends it.
func (r *restoring) restoreAll(ctx context.Context, targets []*target, connections int) error {
	transfers := make([]*transfer, len(targets))
	for i, g := range targets {
		transfers[i] = &transfer{restoring: r, target: g, box: &mailbox.Box{Name: g.done.To, KW: state.NewKeywords(nil)}}
	}
	r.Doing("comparing", "")
	if err := r.each(ctx, transfers, connections, (*transfer).prepare); err != nil {
		return err
	}
	messages, octets := 0, int64(0)
	for _, t := range transfers {
		messages += len(t.missing)
		octets += t.octets()
	}
	if err := r.room(ctx, messages, octets); err != nil {
		for _, t := range transfers {
			t.done.Refused += len(t.missing)
			r.add(&t.done)
		}
		return err
	}
	r.Planned(messages, octets)
	err := r.each(ctx, transfers, connections, (*transfer).run)
	for _, t := range transfers {
		r.add(&t.done)
		r.LogMailbox(t.box)
	}
	return err
}

// each does something with all targets, several at once, until the run is stopped. What fails is not tried any more.
func (r *restoring) each(ctx context.Context, all []*transfer, connections int, do func(*transfer, context.Context) error) error {
	var group errgroup.Group
	group.SetLimit(max(1, connections))
	for _, t := range all {
		if ctx.Err() != nil || r.Stopped() {
			r.stop(ctx)
			break
		}
		group.Go(func() error {
			if err := do(t, ctx); err != nil {
				return r.Problem(t.done.To, 0, err)
			}
			return nil
		})
	}
	return errors.Join(group.Wait(), ctx.Err())
}

// room compares what is to be sent with the quota there. In a dry run it is a failure like any other.
func (r *restoring) room(ctx context.Context, messages int, octets int64) error {
	err := roomThere(ctx, r.Run, messages, octets)
	if err != nil && r.DryRun {
		return r.Problem("", 0, err)
	}
	return err
}

// add counts what became of a mailbox.
func (r *restoring) add(done *Restored) {
	r.Mu.Lock()
	defer r.Mu.Unlock()
	r.boxes = append(r.boxes, *done)
	r.Result.OnServer += done.Appended + done.There
	r.Result.Here += done.Appended + done.There + done.Refused
	r.Result.Outstanding += done.Refused
}

// stop notes that the run was asked to end before it was complete.
func (r *restoring) stop(ctx context.Context) {
	r.Mu.Lock()
	defer r.Mu.Unlock()
	r.Result.Stopped = ctx.Err() == nil
}
