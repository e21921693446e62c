package main

import (
	"context"
	"errors"

	"mailsync/backends/imap"
	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/backends/pop3"
	backend "mailsync/backends/reach"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// The backends and the store implement the engine's interfaces.
var (
	_ server       = (*imap.Account)(nil)
	_ server       = (*pop3.Account)(nil)
	_ maildir.Keys = (*pop3.Numbers)(nil)
	_ port.Maildir = (*maildir.Maildir)(nil)
	_ port.Tree    = tree{}
	_ port.Base    = (*store.Store)(nil)
	_ port.Watch   = watch{}
)

// tree is a maildir.Tree whose Maildirs are the engine's.
type tree struct{ *maildir.Tree }

func (t tree) Open(path string) (port.Maildir, error) {
	m, err := t.Tree.Open(path)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (t tree) Create(path string, marker state.Marker) (port.Maildir, error) {
	m, err := t.Tree.Create(path, marker)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// watch reports what the engine does.
type watch struct{ *report.Account }

func (w watch) Op(mailbox string, op plan.Op) { w.Account.Op(mailbox, op.String()) }

// server is an account's server: the engine's, with what only commands need.
type server interface {
	port.Server
	Commands() int64 // how many commands were sent so far
	Way() string     // of logging in with a password, that worked last; "" none
	// Probe logs in once and returns how far it got, also beside an error.
	Probe(context.Context) (state.Probe, error)
}

// reach is what a command needs of a server.
type reach struct {
	readOnly bool // refuse whatever could change it, as a dry run does always
	sizes    bool // ask for the sizes of mailboxes where that is cheap
}

// connect returns the account's server. It connects when it is first asked for something, and is
// hung up when the task is over.
func (r *accountRun) connect(how reach) (server, error) {
	o, err := r.serverOptions(how)
	if err != nil {
		return nil, err
	}
	o.Way = r.knownWay()
	var s server
	if r.a.Protocol == "pop3" {
		s, err = pop3.New(pop3.Options{Options: o, WorkedBefore: r.worked, Numbers: r.numbers})
	} else {
		s, err = imap.New(imap.Options{Options: o, Connections: r.a.Connections, Compress: imap.Compression(r.a.Compress),
			Sizes: how.sizes, Quota: r.begins && !r.flags.dryRun, Version: version(), Notice: r.out.Alert})
	}
	if err != nil {
		return nil, err
	}
	r.servers = append(r.servers, s)
	return s, nil
}

// serverOptions are the options of an account's server, for both protocols.
func (r *accountRun) serverOptions(how reach) (backend.Options, error) {
	a := r.a
	r.logs.keep(&r.secrets)
	r.secrets.Keep(a.Password.Ahead().Reveal()) // a greeting is received before the password is asked for
	server, err := r.transport()
	if err != nil {
		return backend.Options{}, err
	}
	if server.Proxy != nil {
		r.secrets.Keep(server.Proxy.Password)
	}
	with, err := r.credentials()
	if err != nil {
		return backend.Options{}, err
	}
	return backend.Options{
		Server: server, User: a.User,
		Secret: with.ask, Refused: with.refused, LoginHint: with.hint, Again: a.Password.Again,
		MaxWait: a.MaxWait, ReadOnly: how.readOnly || r.flags.dryRun, Secrets: &r.secrets, Trace: r.trace.of(a.Name), Log: r.log.With("account", a.Name),
	}, nil
}

// openTree opens the Maildirs below root. stateDir holds the trash where that is outside of the
// tree; "" where it is inside, or nothing is deleted. numbers are a POP3 account's, nil without. ended is
// maildir.Options'.
func openTree(layout maildir.Layout, root, stateDir string, numbers *pop3.Numbers, ended func() error) (port.Tree, func() error, error) {
	files, err := disk.OpenReal(root)
	if err != nil {
		return nil, nil, unusable("maildir", err)
	}
	closeAll := files.Close
	opts := maildir.Options{Layout: layout, Ended: ended}
	if numbers != nil {
		opts.Keys = numbers
	}
	if stateDir != "" {
		trash, err := disk.OpenReal(stateDir)
		if err != nil {
			return nil, nil, errors.Join(unusable("state_dir", err), files.Close())
		}
		opts.Trash = trash
		closeAll = func() error { return errors.Join(files.Close(), trash.Close()) }
	}
	return tree{maildir.Open(files, opts)}, closeAll, nil
}

func deletion(s string) plan.Deletion {
	if s == "delete" {
		return plan.Delete
	}
	return plan.Keep
}

// policy is what the configuration lets the engine do. deletes is the brake of this run alone,
// nil where the command line does not set one.
func policy(a *config.Account, deletes *int) plan.Policy {
	p := plan.Policy{
		FlagsToServer:  a.Flags == "both" && a.Protocol != "pop3", // which has none
		FlagsToDisk:    a.Flags != "none",
		OnServerDelete: deletion(a.OnServerDelete),
		OnDiskDelete:   deletion(a.OnDiskDelete),
		Append:         a.Append,
		MaxSize:        a.MaxSize,
		FetchOnce:      a.Protocol == "pop3",
		MaxDelete:      a.MaxDelete,
	}
	if deletes != nil {
		p.MaxDelete, p.Meant = *deletes, true
	}
	return p
}

// recallPOP3 takes what the base knows of a POP3 account: the numbers of its messages, which stay
// nil for an IMAP account, whose server numbers them, and whether a log-in worked. A run that starts
// again from nothing must be given all numbers.
func (r *accountRun) recallPOP3(base *store.Store, may opening) error {
	ctx := context.Background() // the store is local
	gen, has, err := uniqueIDs(ctx, base)
	if err != nil {
		return err
	}
	switch imap := r.a.Protocol != "pop3"; {
	case imap && has, !imap && !has && gen != nil && gen.Tally.OnServer > 0:
		return otherProtocol(r.a)
	case imap:
		return nil
	}
	r.numbers = pop3.NewNumbers(nil)
	if gen != nil {
		account, err := base.Account(ctx)
		if err != nil {
			return err
		}
		r.worked = gen.Compared != 0 && account.User == r.a.User // it was listed
		r.numbers = pop3.LoadNumbers(func() ([]state.UIDL, error) { return base.UIDLs(ctx, gen.ID) })
	}
	if may.fresh {
		r.numbers.GiveAgain()
	}
	if may.fresh || !may.later {
		return r.numbers.Load()
	}
	return nil
}

// popMailbox is the one mailbox of a POP3 account, nil where the base knows none.
func popMailbox(ctx context.Context, base *store.Store) (*state.Generation, error) {
	rows, err := base.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if gen := row.Current(); gen != nil && row.Role == state.RoleMailbox {
			return gen, nil
		}
	}
	return nil, nil
}

// uniqueIDs reports whether the base knows any of that mailbox. Only POP3 has them.
func uniqueIDs(ctx context.Context, base *store.Store) (gen *state.Generation, has bool, err error) {
	if gen, err = popMailbox(ctx, base); err == nil && gen != nil {
		has, err = base.HasUIDLs(ctx, gen.ID)
	}
	return gen, has, err
}

// otherProtocol is the error for an account whose Maildirs were filled by the other protocol: each numbers messages in its
// own way, and numbers of the one would be taken for those of the other.
func otherProtocol(a *config.Account) error {
	was, is := "IMAP", "POP3"
	if a.Protocol != "pop3" {
		was, is = is, was
	}
	return state.Faultf(state.Storage, "the Maildirs in %s were filled by %s, and %s speaks %s", a.Maildir, was, a.Name, is).
		WithHint("give it a maildir of its own; \"mailsync restore\" with --from can upload what is here")
}

// popDeletes reports whether anything is to be deleted from an account's server.
func popDeletes(a *config.Account) bool { return a.Delete != "never" || a.DeleteBiggerThan > 0 }

// popRelease is what may be deleted from an account's server. Also where nothing may be, what an
// earlier run began is taken back.
func popRelease(a *config.Account) *port.Release {
	c := plan.Cutoff{Collected: true, BiggerThan: a.DeleteBiggerThan}
	switch a.Delete {
	case "never":
		c.FetchedAge = -1
	case "age":
		c.FetchedAge = a.DeleteAge
	}
	return &port.Release{Cutoff: c}
}

// foretell has a dry run note that a server is known not to delete messages.
func (r *accountRun) foretell(s port.Server) {
	p, ok := s.(*pop3.Account)
	if !ok || !r.flags.dryRun || !popDeletes(r.a) {
		return
	}
	for _, h := range p.Habits() {
		if h == pop3.IgnoresDelete {
			r.out.Note("", string(h), h.Hint())
		}
	}
}
