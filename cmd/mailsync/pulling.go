package main

import (
	"github.com/spf13/cobra"

	"mailsync/sync/port"
)

// pulling is what the commands that pull have for flags.
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
	o.mailboxes.flag(c, p)
	f.BoolVar(&o.full, "full", false, "compare everything, also what seems not to have changed")
	f.BoolVar(&o.refetch, "refetch", false, "fetch again what you removed here, or accepted as not to be had")
	o.accepting.flag(c)
	f.BoolVar(&o.moved, "moved", false, "follow a Maildir that you moved, or an account whose server or user has another name now")
	f.BoolVar(&o.fresh, "new", false, "start afresh where a Maildir that was known is gone")
	f.BoolVar(&o.foreign, "foreign", false, "go on in a new root though other programs' Maildirs lie in it: never append or change them")
}

// opening says how a run that pulls opens the account.
func (o *pulling) opening() opening { return opening{fresh: o.fresh, foreign: o.foreign} }

// apply changes an account as the flags say.
func (o *pulling) apply(account *port.Account) error {
	account.Full, account.New, account.Moved = o.full, o.fresh, o.moved
	account.Policy.Refetch = o.refetch
	account.Partial = o.mailboxes.given()
	o.mailboxes.narrow(account)
	var err error
	account.Accept, err = o.messages()
	return err
}
