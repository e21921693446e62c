package main

import (
	"slices"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
	"mailsync/state"
	engine "mailsync/sync"
)

// picking is the flag --mailbox: which of the included mailboxes a run is about.
type picking []config.Pattern

var _ interface {
	Set(string) error
	String() string
	Type() string
} = (*picking)(nil)

func (p *picking) Set(text string) error {
	pattern, err := config.ParsePattern(text)
	if err == nil {
		*p = append(*p, pattern)
	}
	return err
}

func (p *picking) String() string { return "" }

func (p *picking) Type() string { return "PATTERN" }

// flag gives a command the flag --mailbox.
func (p *picking) flag(c *cobra.Command, of *program) {
	c.Flags().Var(p, "mailbox", "only mailboxes that match, INBOX, 'Lists/*' or role:sent say; may be repeated")
	_ = c.RegisterFlagCompletionFunc("mailbox", of.completeMailboxes) // it fails only for a flag that is not there
}

// match reports whether a mailbox is picked. Without a pattern all are.
func (p picking) match(levels []string, role string) bool {
	return len(p) == 0 || slices.ContainsFunc(p, func(pattern config.Pattern) bool { return pattern.Match(levels, role) })
}

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
func (o *pulling) apply(account *engine.Account) error {
	account.Full, account.New, account.Moved = o.full, o.fresh, o.moved
	account.Policy.Refetch = o.refetch
	account.Partial = len(o.mailboxes) > 0
	include := account.Include
	account.Include = func(l state.Listed) bool { return include(l) && o.mailboxes.match(l.Levels, l.Role) }
	var err error
	account.Accept, err = o.messages()
	return err
}

// told tells that the patterns matched none of the mailboxes, which is more likely a mistake
// than meant.
func (p picking) told(r *accountRun, result *engine.Result, mailboxes int, where, hint string) {
	if len(p) > 0 && result.Fatal == nil && mailboxes == 0 {
		r.told.Note("", "no mailbox "+where+" matches --mailbox", hint)
	}
}

// Where a pattern matched nothing, and what shows what there is.
const (
	included     = "that is included"
	includedHint = `"mailsync list" shows them all`
	kept         = "that is kept here"
	keptHint     = `"mailsync status --json" shows them with their roles, as the server last told them`
)
