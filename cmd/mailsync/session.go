package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"time"

	"mailsync/backends/pop3"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// session is what the accounts of one run of the program have in common.
type session struct {
	task     task
	flags    flags
	report   *report.Report
	log      *slog.Logger
	trace    *trace          // nil: none
	registry *store.Registry // nil: roots are not remembered
	stop     <-chan struct{} // closed when --max-time is up
	// configFile is where the accounts stand, "" where they came with the command line.
	configFile string
}

// account does the task with one account, tells about it, and returns the kinds of what
// went wrong.
func (s *session) account(ctx context.Context, a *config.Account) []state.Kind {
	r := &accountRun{session: s, local: local{a}, told: s.report.Account(a.Name), opened: &opened{}}
	began := time.Now()
	result, err := s.task.run(ctx, r)
	err = errors.Join(err, r.close())
	r.hangUp()
	if result == nil {
		result = &port.Result{Fatal: err}
	} else if err != nil && !(state.IsWholeDisk(result.Fatal) && state.KindOf(err) == state.Storage) { // else it says so again
		result.Problems = append(result.Problems, port.Problem{Err: err})
	}
	if result.Began.IsZero() { // it did not come from the engine
		result.Began, result.Ended = began, time.Now()
	}
	if s.flags.ifFree && result.Fatal != nil && kindOf(result.Fatal) == state.Locked {
		r.told.Note("", result.Fatal.Error(), "")
		result.Fatal = nil
	}
	if result.Stopped {
		err := state.Faultf(state.Other, "stopped by --max-time before the end").WithHint("the next run goes on from here")
		result.Problems = append(result.Problems, port.Problem{Err: err})
	}
	kinds := kindsOf(result)
	silent := r.unreachable(result, kinds) && s.flags.quiet
	r.told.Done(r.summary(result), silent)
	if silent {
		return nil
	}
	return kinds
}

// accountRun is one run of a task with one account.
type accountRun struct {
	*session
	local
	told *report.Account
	*opened
	numbers *pop3.Numbers // of a POP3 account whose state is open, else nil
	worked  bool          // a POP3 log-in as this user did in an earlier run

	holds bool // it held the account's lock

	recalled *report.Summary // of the run before, whose failures are told again by a command that does nothing itself
}

// here is the local side of an account: its state and its Maildirs. It is closed when the task is over.
type here struct {
	lock  *store.Lock // nil where nothing is to be written
	store *store.Store
	tree  port.Tree
	known bool // the root is one that held mail of ours
}

// opening says what may be opened.
type opening struct {
	fresh   bool // a root that was known and is gone
	foreign bool // a new root in which Maildirs of other programs lie
	state   bool // only lock and state are wanted: the Maildirs are left alone
}

// open takes the account's lock and opens its state and its Maildirs, made if they are
// not there. In a dry run it leaves no trace: no lock, a state that is only read, and for a root that is
// not there yet an empty folder that goes again.
func (r *accountRun) open(ctx context.Context, may opening) (*here, error) {
	known, err := r.rootKnown(ctx, may.fresh)
	if err != nil {
		return nil, err
	}
	var h *here
	if r.flags.dryRun {
		h, err = r.look()
	} else {
		h, err = r.hold(ctx, may.fresh)
	}
	if err != nil {
		return nil, err
	}
	h.known = known
	if may.state || known && !may.fresh {
		return h, nil
	}
	return h, r.meetForeign(ctx, h, may.foreign)
}

// hold opens the account to write, under its lock.
func (r *accountRun) hold(ctx context.Context, fresh bool) (*here, error) {
	if err := makeRoot(r.a.Maildir); err != nil {
		return nil, state.Faultf(state.Storage, "make maildir: %w", err)
	}
	lock, err := store.WaitLock(ctx, r.stateDir(), r.flags.wait)
	if err != nil {
		return nil, err
	}
	r.later(lock.Unlock)
	r.holds = true
	base, opened, err := store.Open(lock)
	if err != nil {
		return nil, err
	}
	r.later(base.Close)
	if opened.SetAside != "" {
		r.told.Note("", fmt.Sprintf("the state file was damaged (%v) and is now %s", opened.Damage, opened.SetAside),
			"nothing is lost: the state is made again from the Maildirs")
	}
	if err := r.recallPOP3(base, fresh); err != nil {
		return nil, err
	}
	files, closeFiles, err := openTree(r.layout(), r.a.Maildir, r.a.StateDir, r.numbers)
	if err != nil {
		return nil, err
	}
	r.later(closeFiles)
	return &here{lock: lock, store: base, tree: files}, nil
}

// look opens the account's state and Maildirs to read in, without its lock.
func (r *accountRun) look() (*here, error) {
	root := r.a.Maildir
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		if root, err = os.MkdirTemp("", "mailsync-empty-"); err != nil {
			return nil, state.Faultf(state.Storage, "make an empty folder: %w", err)
		}
		r.later(func() error { return os.Remove(root) })
	}
	base, err := store.OpenReadOnly(r.stateDir())
	if err != nil {
		return nil, err
	}
	r.later(base.Close)
	if err := r.recallPOP3(base, false); err != nil {
		return nil, err
	}
	files, closeFiles, err := openTree(r.layout(), root, "", r.numbers)
	if err != nil {
		return nil, err
	}
	r.later(closeFiles)
	return &here{store: base, tree: files}, nil
}

// opened is what a run has opened and connected so far, to be closed when its task is over.
type opened struct {
	closers []func() error
	servers []server
}

// later has something closed when the task is over.
func (o *opened) later(f func() error) { o.closers = append(o.closers, f) }

// close closes what is here, last opened first.
func (o *opened) close() error {
	var errs []error
	for _, f := range slices.Backward(o.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// start opens the account, connects its server, and returns the engine's account over both.
func (r *accountRun) start(ctx context.Context, may opening, how reach) (*here, *port.Account, error) {
	h, err := r.open(ctx, may)
	if err != nil {
		return nil, nil, err
	}
	server, err := r.connect(how)
	if err != nil {
		return nil, nil, err
	}
	return h, r.engine(h, server), nil
}

// agesCount reports whether something may be done in this run because it is old, and
// tells why not.
func (r *accountRun) agesCount() bool {
	last, _, err := store.ReadLastRun(r.stateDir())
	trusted, reason := last.ClockTrusted(time.Now())
	if err != nil {
		trusted, reason = false, err.Error()
	}
	if !trusted && !r.flags.dryRun {
		r.told.Note("", "nothing is done in this run because of its age: "+reason, "see that the clock is right; the next run believes it")
	}
	return trusted
}

// engine returns the engine's account over what is here and a server, as the
// configuration has it.
func (r *accountRun) engine(h *here, server port.Server) *port.Account {
	account := &port.Account{
		Name: r.a.Name, Host: r.a.Host, User: r.a.User,
		Server: server, Tree: h.tree, Base: h.store, Policy: policy(r.a, r.flags.deletes),
		Include:     func(l state.Listed) bool { return r.a.Mailboxes.Match(l.Levels, l.Role) },
		Connections: r.a.Connections,
		AgesCount:   r.agesCount(),
		DryRun:      r.flags.dryRun, RootKnown: h.known, StateMoved: h.store.Moved(),
		Stop: r.stop, Watch: watch{r.told}, Log: r.log,
	}
	if r.registry != nil {
		account.Remember = func(id string) error { return r.registry.Remember(r.a.Maildir, id) }
	}
	return account
}

// summaryOnly is a watch that leaves single operations out: what would go where is told by mailbox.
type summaryOnly struct{ watch }

func (summaryOnly) Op(string, plan.Op) {}

// hangUp closes the connections that are left.
func (r *accountRun) hangUp() {
	for _, s := range r.servers {
		if err := s.Close(); err != nil {
			r.log.Info("log out", "account", r.a.Name, "err", err) // everything is done by then
		}
	}
}

// commands is how many commands the servers were sent so far.
func (r *accountRun) commands() (n int64) {
	for _, s := range r.servers {
		n += s.Commands()
	}
	return n
}

// remember writes down how the run ended, for "status" and for the next run's clock.
func (r *accountRun) remember(ctx context.Context, h *here, server port.Server, result *port.Result) error {
	if h.lock == nil {
		return nil
	}
	last, _, err := store.ReadLastRun(h.lock.Dir())
	if err != nil {
		return err
	}
	last.Command, last.Started, last.Ended, last.Status = r.task.name, result.Began, result.Ended, result.Status()
	r.askQuota(ctx, server, result, &last)
	if last.Summary, err = json.Marshal(r.told.Final(r.summary(result))); err != nil {
		return fmt.Errorf("write the last run: %w", err)
	}
	return store.WriteLastRun(h.lock.Dir(), last)
}

// askQuota asks for the quota after a run that changed something here or there: an idle one costs nothing.
// A server that does not answer leaves what was known.
func (r *accountRun) askQuota(ctx context.Context, server port.Server, result *port.Result, last *store.LastRun) {
	if result.Fatal != nil || result.Fetched+result.Appended+result.DeletedOnServer+result.MovedToTrash+result.MovedBack == 0 {
		return
	}
	quota, err := server.Quota(ctx, "INBOX")
	if err != nil {
		r.log.Info("ask for the quota", "account", r.a.Name, "err", err)
		return
	}
	last.Quota, last.QuotaAsked = quota, time.Now()
}

func (r *accountRun) summary(result *port.Result) report.Summary {
	s := summarize(r.a, result, r.commands())
	s.DryRun = r.flags.dryRun
	if last := r.recalled; last != nil {
		s.Undeletable = last.Undeletable
		if s.Status == "ok" {
			s.Status, s.Errors = last.Status, last.Errors
		}
	}
	return s
}
