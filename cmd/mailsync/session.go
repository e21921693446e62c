package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"mailsync/backends/pop3"
	backend "mailsync/backends/reach"
	"mailsync/backends/redact"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/oauth"
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
	logs     *logs                        // nil: none
	several  bool                         // there are several accounts
	trace    *trace                       // nil: none
	registry *store.Registry              // nil: roots are not remembered
	stop     <-chan struct{}              // closed when --max-time is up
	fileOf   func(*config.Account) string // the file that an account is in, nil where it is from the command line
	claims   claims
	hosts    *hosts // nil: connections are not counted
}

// account does the task with one account, reports it, and returns the kinds of all failures.
func (s *session) account(ctx context.Context, a *config.Account) []state.Kind {
	r := &accountRun{session: s, local: local{a}, out: s.report.Account(a.Name), opened: &opened{},
		ended: func() error { return context.Cause(ctx) }}
	began := time.Now()
	var result *port.Result
	err := s.over(ctx)
	if err == nil {
		result, err = s.task.run(ctx, r)
	}
	if result == nil && r.begins && r.lock != nil { // it ended before the engine began
		result, err = &port.Result{Fatal: err}, nil
	}
	if result != nil {
		if result.Began.IsZero() { // it is not the engine's
			result.Began, result.Ended = began, time.Now()
		}
		if result.Stopped {
			result.Problems = append(result.Problems, port.Problem{Err: errTimeUp})
		}
		withReasons(ctx, result) // "status" repeats what is remembered
	}
	if r.begins && r.lock != nil {
		err = errors.Join(err, r.remember(ctx, result))
	}
	err = errors.Join(err, r.close())
	r.hangUp()
	if result == nil {
		result = &port.Result{Fatal: err, Began: began, Ended: time.Now()}
	} else if err != nil && !(state.IsAllOfDisk(result.Fatal) && state.KindOf(err) == state.Storage) { // else it repeats that
		result.Problems = append(result.Problems, port.Problem{Err: err})
	}
	if s.flags.ifFree && result.Fatal != nil && kindOf(result.Fatal) == state.Locked {
		r.out.Note("", result.Fatal.Error(), "")
		r.out.Line("skipped: another run is under way")
		result.Fatal = nil
	}
	withReasons(ctx, result)
	for _, p := range problems(result) {
		p.Log(s.log, a.Name)
	}
	if s.several && kindOf(result.Fatal) == state.Interrupted {
		result.Fatal = printedError{result.Fatal} // once for all accounts
	}
	kinds := kindsOf(result)
	r.would(result)
	silent := r.unreachable(result, kinds) && s.flags.quiet
	r.out.Done(r.summary(result), silent)
	if silent {
		return nil
	}
	return kinds
}

// over is why no further account is begun: thousands of them that are only opened and closed again take a while.
func (s *session) over(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.stop:
		return errTimeUp
	default:
		return nil
	}
}

// accountRun is one run of a task with one account.
type accountRun struct {
	*session
	local
	out *report.Account
	*opened
	ended  func() error // the reason why the run is to end at once, nil while it is not
	begins bool         // by begin: the run is recorded, once it holds the lock
	part   bool         // it is about some of the account's mailboxes only
	begun  *here        // by begin, nil before
	lock   *store.Lock  // nil until it is held

	numbers *pop3.Numbers // of a POP3 account whose state is open, else nil
	worked  bool          // a POP3 log-in as this user did in an earlier run

	lane    *lane          // by gate, nil before
	secrets redact.Secrets // what no error, log or trace of this run shows
	source  *oauth.Source  // of the account's tokens; nil: not asked for yet, or there are none

	last     *store.LastRun  // by lastRun, nil before
	recalled *report.Summary // of the run before, whose failures "status" reports again
}

// here is what was opened of an account. It is closed when the task is over.
type here struct {
	lock   *store.Lock // nil where nothing is to be written
	store  *store.Store
	tree   port.Tree
	known  bool   // the root held mail of ours before
	server server // nil without start
}

// opening is how an account may be opened.
type opening struct {
	fresh   bool // a known root that is gone is made again
	foreign bool // a new root may hold Maildirs of other programs
	state   bool // only lock and state are needed: the Maildirs are left alone
	read    bool // without the lock, only to read, and without a look at what the root holds
	later   bool // what the base knows of each message is read once it is needed
}

// open takes the account's lock and opens its state and its Maildirs, made if they do not exist.
// In a dry run it leaves no trace: no lock, a state that is only read, and an empty folder, removed
// afterwards, in place of a root that does not exist.
func (r *accountRun) open(ctx context.Context, may opening) (*here, error) {
	if may.read {
		return r.look(may)
	}
	known, err := r.rootKnown(ctx, may.fresh)
	if err != nil {
		return nil, err
	}
	var h *here
	if r.flags.dryRun {
		h, err = r.look(may)
	} else {
		h, err = r.hold(ctx, may)
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
func (r *accountRun) hold(ctx context.Context, may opening) (*here, error) {
	if err := makeRoot(r.a.Maildir); err != nil {
		return nil, unusable("maildir", err)
	}
	lock, err := store.WaitLock(ctx, r.stateDir(), r.flags.wait)
	if err != nil {
		return nil, err
	}
	r.later(lock.Unlock)
	lock.Describe(r.task.name)
	r.lock = lock
	base, opened, err := store.Open(lock)
	if err != nil {
		return nil, err
	}
	if opened.SetAside != "" {
		r.out.Note("", fmt.Sprintf("the state file was damaged (%s) and is now %s", strings.TrimPrefix(message(opened.Damage), "the state file is damaged: "), opened.SetAside),
			"nothing is lost: the state is made again from the Maildirs")
	}
	return r.withTree(&here{lock: lock, store: base}, r.a.Maildir, r.a.StateDir, may)
}

// look opens the account's state and Maildirs to read, without its lock.
func (r *accountRun) look(may opening) (*here, error) {
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
	may.fresh = false
	return r.withTree(&here{store: base}, root, "", may)
}

// withTree opens the Maildirs beside a state that is open.
func (r *accountRun) withTree(h *here, root, stateDir string, may opening) (*here, error) {
	r.later(h.store.Close)
	if err := r.recallPOP3(h.store, may); err != nil {
		return nil, err
	}
	tree, closeTree, err := openTree(r.a.MaildirLayout(), root, stateDir, r.numbers, r.ended)
	if err != nil {
		return nil, err
	}
	r.later(closeTree)
	if h.tree = tree; root != r.a.Maildir {
		h.tree = standIn{tree, r.a.Maildir}
	}
	return h, nil
}

// start opens the account and connects its server.
func (r *accountRun) start(ctx context.Context, may opening, how reach) (*here, error) {
	h, err := r.open(ctx, may)
	if err != nil {
		return nil, err
	}
	h.server, err = r.connect(how)
	return h, err
}

// begin starts a run of the engine, which is recorded when it is over, and returns its account.
func (r *accountRun) begin(ctx context.Context, may opening, how reach) (*port.Account, error) {
	r.begins = true
	h, err := r.start(ctx, may, how)
	if err != nil {
		return nil, err
	}
	r.begun = h
	return r.engine(h), nil
}

// opened is what a run has opened and connected so far.
type opened struct {
	closers []func() error
	servers []server
	tunnels []*backend.Tunnel
	lanes   []*lane
}

// later has something closed when the task is over.
func (o *opened) later(f func() error) { o.closers = append(o.closers, f) }

// close closes everything, last opened first.
func (o *opened) close() error {
	var errs []error
	for _, f := range slices.Backward(o.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// agesCount reports whether the clock can be trusted, so that something may be done in this run
// because it is old.
func (r *accountRun) agesCount(h *here) bool {
	last, err := r.lastRun()
	trusted, reason := last.ClockTrusted(time.Now())
	if err != nil {
		trusted, reason = false, message(err)
	}
	if !trusted && h.lock != nil {
		r.out.Note("", "nothing is done in this run because of its age: "+reason, "check that the clock is right; the next run will trust it")
	}
	return trusted
}

// engine returns the engine's account over what is open, as the configuration has it.
func (r *accountRun) engine(h *here) *port.Account {
	account := &port.Account{
		Name: r.a.Name, Host: r.a.Host, User: r.a.User,
		Server: h.server, Tree: h.tree, Base: h.store, Policy: policy(r.a, r.flags.deletes),
		Root: r.a.Maildir, Claim: r.claims.of(r.a.Name, r.a.Maildir),
		Include:     func(l state.Listed) bool { return r.a.Mailboxes.Match(l.Levels, l.Role) },
		NameOf:      r.mailboxName,
		Connections: r.a.Connections,
		AgesCount:   r.agesCount(h),
		DryRun:      r.flags.dryRun, RootKnown: h.known, StateMoved: h.store.Moved(),
		Stop: r.stop, Watch: watch{r.out}, Log: r.log,
	}
	if r.registry != nil {
		account.Remember = func(id string) error { return r.registry.Remember(r.a.Maildir, id) }
	}
	return account
}

// would prints what a dry run would do.
func (r *accountRun) would(result *port.Result) {
	all := make([]report.Would, len(result.Would))
	for i, w := range result.Would {
		all[i] = report.Would{Mailbox: w.Mailbox, Changes: report.Changes(w.Done)}
	}
	if len(all) > 0 {
		r.out.Would(all)
	}
}

// ownPlan is the watch of a command that prints lines of its own about what it would do. The single
// operations are for -v.
func (r *accountRun) ownPlan() port.Watch {
	if r.flags.verbose > 0 {
		return watch{r.out}
	}
	return summaryOnly{watch{r.out}}
}

// summaryOnly is a watch without single operations: the command prints a line a mailbox.
type summaryOnly struct{ watch }

func (summaryOnly) Op(string, plan.Op) {}

// hangUp closes the connections that are left.
func (r *accountRun) hangUp() {
	for _, s := range r.servers {
		if err := s.Close(); err != nil {
			r.log.Info("log out", "account", r.a.Name, "err", err) // everything is done by then
		}
	}
	for _, t := range r.tunnels {
		t.Close()
	}
	for _, l := range r.lanes {
		l.close()
	}
}

func (r *accountRun) summary(result *port.Result) report.Summary {
	var commands int64
	for _, s := range r.servers {
		commands += s.Commands()
	}
	s := summarize(r.a, result, commands)
	s.DryRun, s.Part = r.flags.dryRun, r.part
	if last := r.recalled; last != nil {
		s.Undeletable = last.Undeletable
		if s.Status == "ok" {
			s.Status, s.Errors = last.Status, last.Errors
		}
	}
	return s
}
