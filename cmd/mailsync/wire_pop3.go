package main

import (
	"context"
	"log/slog"

	"mailsync/backends/maildir"
	"mailsync/backends/pop3"
	"mailsync/cmd/mailsync/config"
	"mailsync/state"
	engine "mailsync/sync"
)

var (
	_ server       = (*pop3.Account)(nil)
	_ maildir.Keys = (*pop3.Numbers)(nil)
)

// popNumbers returns what the base knows of the numbers of a POP3 account's messages; nil
// for an IMAP account, whose server numbers its messages itself. Where a run may start
// afresh, what it begins has to be told of all of them.
func popNumbers(a *config.Account, store *state.Store, fresh bool) (*pop3.Numbers, error) {
	if a.Protocol != "pop3" {
		return nil, nil
	}
	ctx := context.Background() // the store is here
	rows, err := store.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if gen := row.Current(); gen != nil && row.Role == state.RoleMailbox {
			known, err := store.UIDLs(ctx, gen.ID)
			numbers := pop3.NewNumbers(known)
			if fresh {
				numbers.GiveAgain()
			}
			return numbers, err
		}
	}
	return pop3.NewNumbers(nil), nil
}

// popServer makes the server of a POP3 account. It connects to nothing yet. numbers are
// nil where it is only looked at.
func popServer(a *config.Account, numbers *pop3.Numbers, how reach, log *slog.Logger) (*pop3.Account, error) {
	roots, err := trustedRoots(a)
	if err != nil {
		return nil, err
	}
	return pop3.New(pop3.Options{
		Host: a.Host, Port: a.Port, TLS: pop3.TLSMode(a.TLS), RootCAs: roots, Pins: a.TLSPins, Insecure: a.Insecure,
		User: a.User,
		Secret: func(ctx context.Context) (pop3.Secret, error) {
			password, err := a.Password.Read(ctx)
			return pop3.Secret{Password: password.Reveal()}, err
		},
		Numbers: numbers, Timeout: a.Timeout, MaxWait: a.MaxWait, ReadOnly: how.readOnly,
		Secrets: how.secrets, Trace: how.trace, Log: log,
	})
}

// popRelease says what may be deleted from an account's server. Even where nothing is to be, what
// an earlier run had begun is taken back.
func popRelease(a *config.Account) *engine.Release {
	c := engine.Cutoff{Collected: true, BiggerThan: a.DeleteBiggerThan}
	switch a.Delete {
	case "never":
		c.FetchedAge = -1
	case "age":
		c.FetchedAge = a.DeleteAge
	}
	return &engine.Release{Cutoff: c}
}
