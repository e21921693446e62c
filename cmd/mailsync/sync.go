package main

import (
	"context"

	"github.com/spf13/cobra"

	engine "mailsync/sync"
	"mailsync/sync/port"
)

// syncing is what the flags of "sync" say.
type syncing struct{ pulling }

func (p *program) syncCommand() *cobra.Command {
	o := &syncing{}
	c := &cobra.Command{
		Use:   "sync [ACCOUNT...]",
		Short: "fetch new mail and carry flags both ways",
		Long: `sync brings accounts and their Maildirs together: all of them, or those that are named.
New mail is fetched, and flags are carried both ways or as the account's key "flags" says.
What is expunged on the server stays here, or goes to the trash as "on_server_delete"
says. What you remove here stays on the server and is not fetched again, or is expunged
as "on_disk_delete" says. With "append" files that mail programs put into a Maildir go to
the server, and messages that they move between Maildirs are moved there too.`,
	}
	o.register(c, p)
	return p.onAccounts(c, task{name: "sync", run: o.run, check: o.check, missed: o.mailboxes.missed}, all...)
}

// syncTask is "sync" without a flag.
func syncTask() task { return task{name: "sync", run: (&syncing{}).run} }

func (o *syncing) run(ctx context.Context, r *accountRun) (*port.Result, error) {
	h, account, err := r.start(ctx, o.opening(), reach{})
	if err != nil {
		return nil, err
	}
	account.TrashKeep = &r.a.TrashKeep
	if r.a.Protocol == "pop3" {
		account.Release = popRelease(r.a)
		r.foretell(account.Server)
	} else {
		account.Release = r.release()
	}
	if err := o.apply(account); err != nil {
		return nil, err
	}
	result := engine.Run(ctx, account)
	o.mailboxes.known(result)
	return result, r.remember(ctx, h, account.Server, result)
}
