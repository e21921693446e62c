package port

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"mailsync/state"
	"mailsync/sync/plan"
)

// Account is one account with everything a run needs of the world.
type Account struct {
	Name   string
	Host   string
	User   string
	Server Server
	Tree   Tree
	Base   Base
	Policy plan.Policy
	// NameOf is the name of a mailbox as people call it, by its row; nil: the path of its Maildir.
	NameOf func(state.MailboxRow) string
	// Root is where the Tree is, as the user calls it; "" if that is not known.
	Root string
	// Claim notes how many octets this account will still write to its disk, and returns how many others have
	// claimed there. nil where there are no others.
	Claim func(octets int64) (others int64)

	// Partial means that Include leaves out mailboxes of the account in this run alone: what
	// is gone from one that is included may have been moved to one of those.
	Partial bool
	// Include is true for the listed mailboxes that the run is about. The others stay as they are.
	Include func(state.Listed) bool
	// Census counts the messages of the mailboxes that are not included too, and names those that are
	// in doubt.
	Census bool
	// Accept are messages that cannot be fetched and are failures no more.
	Accept []plan.Message
	// Wider is a policy that this run's is a part of. What it would still do in a mailbox
	// keeps that from counting as clean, so that the next run under it need not look at all
	// the others again. nil where there is none.
	Wider *plan.Policy
	// Connections bounds how many mailboxes the server is asked about at once; 0 means 1.
	Connections int

	// Release lets messages leave the server; nil: none.
	Release *Release

	// AgesCount means that the clock can be trusted. Without it nothing is done because
	// something is old.
	AgesCount bool
	// TrashKeep is how long removed files stay in the trash; nil: for ever.
	TrashKeep *time.Duration

	DryRun bool // plan, print, do nothing
	Full   bool // compare everything
	New    bool // start afresh where a known root or Maildir is gone
	// Moved means that the user moved Maildirs, or follows the server to another name: path,
	// host and user in the markers are replaced by the current ones.
	Moved bool
	// RootKnown means that this root once held mail of ours: without a marker in it, it is
	// not mounted.
	RootKnown bool
	// StateMoved means that the state file is a copy: what is missing on disk proves nothing.
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

// Stopped reports whether the run was asked to end.
func (a *Account) Stopped() bool {
	select {
	case <-a.Stop:
		return true
	default:
		return false
	}
}

// Lasting spells the policy under which a mailbox that this run settles is settled.
func (a *Account) Lasting() string {
	if a.Wider != nil {
		return a.Wider.Lasting()
	}
	return a.Policy.Lasting()
}

// Accepted are the messages of a mailbox that the user accepts as they are.
func (a *Account) Accepted(mailbox string) (uids []state.UID) {
	for _, m := range a.Accept {
		if state.SameName(m.Mailbox, mailbox) {
			uids = append(uids, m.UID)
		}
	}
	return uids
}

// Accepts reports whether the user accepts a message as it is.
func (a *Account) Accepts(mailbox string, uid state.UID) bool {
	return slices.Contains(a.Accepted(mailbox), uid)
}

// ErrCut is what Step's error becomes: nothing more is done, nothing is tidied.
var ErrCut = errors.New("cut by a test")

// Ends reports whether an error ends the account's run.
func Ends(err error) bool {
	k := state.KindOf(err)
	return errors.Is(err, ErrCut) || errors.Is(err, context.Canceled) || state.IsAllOfDisk(err) ||
		k == state.Unreachable || k == state.Login || k == state.Locked
}

// NotMounted is the failure of a disk that does not have what it had.
func NotMounted(format string, args ...any) error {
	return state.Faultf(state.Storage, format, args...).WithHint("not mounted? --new starts afresh")
}

// ErrUnreadableName is what is wrong with a mailbox whose name cannot be read: there is mail
// on the server that nobody can ask for.
func ErrUnreadableName() error {
	return state.Faultf(state.Other, "the server sent a mailbox name that cannot be read; the messages in it are not here").
		WithHint("rename that mailbox on the server, without blanks, quotes and backslashes in it")
}

// ExplainedBy reports whether the server's failure, nil for none, is also what is wrong with a message that was not
// sent.
func ExplainedBy(failed error, a state.Appended) bool {
	return failed != nil && Ends(failed) && (a.Doubt == state.Unsure || a.Doubt == state.CutOff)
}

// Ignore is nil for a file or a folder that is not there.
func Ignore(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Wrap adds what was tried; nil stays nil.
func Wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// FileError is the error of a file that could not be read. It is the file's own, unless the run is to end.
func FileError(ctx context.Context, err error) (error, bool) {
	switch {
	case ctx.Err() != nil || Ends(err):
		return err, false
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("it was gone when it was to be read"), true
	}
	return err, true
}
