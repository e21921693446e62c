package main

import (
	"context"
	"log/slog"

	"mailsync/backends/maildir"
	"mailsync/backends/pop3"
	"mailsync/cmd/mailsync/config"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

var (
	_ server       = (*pop3.Account)(nil)
	_ maildir.Keys = (*pop3.Numbers)(nil)
)

// recallPOP3 takes what the base knows of a POP3 account: the numbers of its messages, which stay nil for
// an IMAP account, whose server numbers its messages itself, and whether a log-in worked. Where a run may
// start afresh, what it begins has to be told of all numbers.
func (r *accountRun) recallPOP3(base *store.Store, fresh bool) error {
	if r.a.Protocol != "pop3" {
		return nil
	}
	ctx := context.Background() // the store is here
	gen, err := popMailbox(ctx, base)
	if err != nil {
		return err
	}
	var known []state.UIDL
	if gen != nil {
		if known, err = base.UIDLs(ctx, gen.ID); err != nil {
			return err
		}
		account, err := base.Account(ctx)
		if err != nil {
			return err
		}
		r.worked = gen.Compared != 0 && account.User == r.a.User // it was listed
	}
	r.numbers = pop3.NewNumbers(known)
	if fresh {
		r.numbers.GiveAgain()
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

// popServer makes the server of a POP3 account. It connects to nothing yet. numbers are
// nil where it is only looked at; worked says that a log-in did before.
func popServer(a *config.Account, numbers *pop3.Numbers, worked bool, how reach, log *slog.Logger) (*pop3.Account, error) {
	o, err := serverOptions(a, how, log)
	if err != nil {
		return nil, err
	}
	return pop3.New(pop3.Options{Options: o, WorkedBefore: worked, Numbers: numbers})
}

// popDeletes reports whether anything is to be deleted from an account's server.
func popDeletes(a *config.Account) bool { return a.Delete != "never" || a.DeleteBiggerThan > 0 }

// popRelease says what may be deleted from an account's server. Even where nothing is to be, what
// an earlier run had begun is taken back.
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

// foretell has a dry run say that a server is known not to delete what it is told to.
func (r *accountRun) foretell(s port.Server) {
	p, ok := s.(*pop3.Account)
	if !ok || !r.flags.dryRun || !popDeletes(r.a) {
		return
	}
	for _, h := range p.Habits() {
		if h == pop3.IgnoresDelete {
			r.told.Note("", string(h), h.Hint())
		}
	}
}
