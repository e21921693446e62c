package main

import (
	"context"

	"github.com/spf13/cobra"

	engine "mailsync/sync"
	"mailsync/sync/port"
)

// pulling are the flags of the commands that fetch: "sync" and "backup".
type pulling struct {
	mailboxes picking
	full      bool
	refetch   bool
	fresh     bool // --new
	foreign   bool
	moved     bool
	accepting
}

func (o *pulling) register(c *cobra.Command, p *program) {
	f := c.Flags()
	f.SortFlags = false
	o.mailboxes.flag(c)
	f.BoolVar(&o.full, "full", false, "compare everything, also what seems unchanged")
	f.BoolVar(&o.refetch, "refetch", false, "fetch again what you removed here, or accepted as missing")
	o.accepting.flag(c)
	f.BoolVar(&o.moved, "moved", false, "follow a Maildir that you moved, or an account whose server or user was renamed")
	f.BoolVar(&o.fresh, "new", false, "start again from nothing where a known Maildir is gone")
	f.BoolVar(&o.foreign, "foreign", false, "use a new root that holds Maildirs of other programs; these are never changed")
}

// start begins a run as the flags ask for it.
func (o *pulling) start(ctx context.Context, r *accountRun, how reach) (*port.Account, error) {
	account, err := r.begin(ctx, opening{fresh: o.fresh, foreign: o.foreign, later: true}, how)
	if err != nil {
		return nil, err
	}
	account.Full, account.New, account.Moved = o.full, o.fresh, o.moved
	account.Partial, r.part = o.mailboxes.given(), o.mailboxes.given()
	o.mailboxes.narrow(account)
	account.Accept, err = o.messages()
	return account, err
}

// syncing are the flags of "sync".
type syncing struct{ pulling }

func (p *program) syncCommand() *cobra.Command {
	o := &syncing{}
	c := &cobra.Command{
		Use:   "sync [ACCOUNT...]",
		Short: "fetch new mail, and sync flags both ways",
		Long: `sync fetches new mail of all accounts, or of those that are named, into their Maildirs.
Flags are synced both ways, or as the account's key "flags" has it.

A message that is expunged on the server stays here, unless on_server_delete = "delete" moves its
file to the trash. A message whose file you remove stays on the server and is not fetched again,
unless on_disk_delete = "delete" expunges it. With append = true, files that mail programs put
into a Maildir are uploaded, and messages that they move to another Maildir are moved on the
server too.`,
		Example: `mailsync sync                          # all accounts
mailsync sync work --mailbox INBOX
mailsync sync -n -v                    # what would be done
mailsync sync -q --max-time 10m        # from cron: prints errors only`,
	}
	o.register(c, p)
	return p.onAccounts(c, task{name: "sync", run: o.run, check: o.check, missed: o.mailboxes.missed}, all...)
}

// syncTask is "sync" without a flag.
func syncTask() task { return task{name: "sync", run: (&syncing{}).run} }

func (o *syncing) run(ctx context.Context, r *accountRun) (*port.Result, error) {
	account, err := o.start(ctx, r, reach{})
	if err != nil {
		return nil, err
	}
	account.Policy.Refetch = o.refetch
	account.TrashKeep = &r.a.TrashKeep
	if r.a.Protocol == "pop3" {
		account.Release = popRelease(r.a)
		r.foretell(account.Server)
	} else {
		account.Release = r.release()
	}
	result := engine.Run(ctx, account)
	o.mailboxes.known(result)
	return result, nil
}
