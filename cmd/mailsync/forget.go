package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	engine "mailsync/sync"
	"mailsync/sync/port"
)

// forgetting are the arguments and flags of "forget".
type forgetting struct {
	mailbox string
	undo    bool
}

func (p *program) forgetCommand() *cobra.Command {
	o := &forgetting{}
	c := &cobra.Command{
		Use:   "forget ACCOUNT MAILBOX",
		Short: "no longer report a mailbox that is gone on the server",
		Long: `forget lets go of a mailbox that is gone on the server: no run reports it any more. Its Maildir stays
where it is, with all messages, as the Maildir of another program would: it is not synced, not
uploaded, not verified, and nothing in it is deleted. If the server has a mailbox of this name
again one day, that is fetched anew, into a Maildir of its own.

The server is asked first: a mailbox that it still has, or has renamed, is not forgotten. To leave
such a mailbox out of every run, add it to the account's "exclude".

--undo makes a forgotten mailbox one of the account again; it asks no server. What "archive" moved
off the mailbox can be put back after that.`,
		Example: "mailsync forget work Old/2019\nmailsync forget work Old/2019 --undo",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("forget takes an account and a mailbox").WithHint(`mailsync forget work "Old/2019"`)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&o.undo, "undo", false, "make a forgotten mailbox one of the account again")
	p.onAccounts(c, task{name: "forget", run: o.run, check: o.check}, acts...)
	onAccounts := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		o.mailbox = args[1]
		return onAccounts(c, args[:1])
	}
	c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) (names []string, _ cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return p.completeAccounts(c, args, word)
		case 1:
			for _, a := range p.meantAccounts(c, args) {
				names = append(names, local{a}.mailboxNames(o.role())...)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

func (o *forgetting) check(accounts []*config.Account) error {
	if accounts[0].Protocol == "pop3" {
		return usage("forget is for IMAP: the account %s, on POP3, has one mailbox, and it is never gone", accounts[0].Name)
	}
	return nil
}

// role is the role of the mailboxes that are looked for.
func (o *forgetting) role() string {
	if o.undo {
		return state.RoleForgotten
	}
	return state.RoleMailbox
}

func (o *forgetting) run(ctx context.Context, r *accountRun) (*port.Result, error) {
	h, err := r.open(ctx, opening{state: true})
	if err != nil {
		return nil, err
	}
	rows, err := h.store.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	row, err := o.find(r, rows)
	if err != nil || row == nil {
		return &port.Result{}, err
	}
	if !o.undo {
		if h.server, err = r.connect(reach{readOnly: true}); err != nil {
			return nil, err
		}
	}
	result := engine.Forget(ctx, r.engine(h), row.ID, o.undo)
	result.Mailboxes, result.Unlooked, result.Census = 0, 0, port.Census{} // it is about one that is not on the server
	if result.Fatal != nil {
		return result, nil
	}
	messages := 0
	if g := row.Current(); g != nil {
		messages = g.Tally.Here
	}
	r.out.Forgot(report.Forgotten{Mailbox: r.mailboxName(*row), Path: row.Path, Messages: messages, Undo: o.undo, DryRun: r.flags.dryRun})
	return result, nil
}

// find returns the row of the mailbox that was named, by its name or the path of its Maildir. Where there is nothing to
// do for it, it is nil.
func (o *forgetting) find(r *accountRun, rows []state.MailboxRow) (*state.MailboxRow, error) {
	named := func(row state.MailboxRow) bool {
		return state.SameName(r.mailboxName(row), o.mailbox) || row.Path == strings.TrimSuffix(o.mailbox, "/")
	}
	var names []string
	done := false
	for _, role := range []string{state.RoleMailbox, state.RoleForgotten} {
		i := slices.IndexFunc(rows, func(row state.MailboxRow) bool { return row.Role == role && named(row) })
		switch {
		case i >= 0 && role == o.role():
			return &rows[i], nil
		case i >= 0:
			done = true
		}
	}
	if done {
		// A run that was interrupted may have left the marker behind: with --undo that is the mailbox's own row.
		if i := slices.IndexFunc(rows, named); o.undo && i >= 0 && r.markedForgotten(rows[i]) {
			return &rows[i], nil
		}
		what := "it is forgotten already"
		if o.undo {
			what = "it is not forgotten"
		}
		r.out.Note(o.mailbox, what, "")
		return nil, nil
	}
	for _, row := range rows {
		if row.Role == o.role() {
			names = append(names, r.mailboxName(row))
		}
	}
	what := "mailbox"
	if o.undo {
		what = "forgotten mailbox"
	}
	fault := usage("the state knows no %s %q", what, o.mailbox)
	if len(names) > 0 && len(names) <= manyNames || strings.HasPrefix(config.Guess(o.mailbox, names), "did you") {
		return nil, fault.WithHint("%s", config.Guess(o.mailbox, names))
	}
	return nil, fault.WithHint("%s", fmt.Sprintf("\"mailsync status %s\" lists the mailboxes", r.a.Name))
}

// markedForgotten reports whether the marker of a mailbox's Maildir names it forgotten.
func (r *accountRun) markedForgotten(row state.MailboxRow) bool {
	files, closeFiles, err := openTree(r.a.MaildirLayout(), r.a.Maildir, r.a.StateDir, nil, r.ended)
	if err != nil {
		return false
	}
	defer func() { _ = closeFiles() }() // it was only read
	md, err := files.Open(row.Path)
	if err != nil {
		return false
	}
	m, err := md.Marker()
	return err == nil && m.Role == state.RoleForgotten
}
