package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/cmd/mailsync/secret"
	engine "mailsync/sync"
	"mailsync/sync/port"
)

// backing is what the flags of "backup" say.
type backing struct {
	pulling
	url, maildir, tlsCA, command string
	pins                         []string
}

func (p *program) backupCommand() *cobra.Command {
	o := &backing{}
	c := &cobra.Command{
		Use:   "backup [ACCOUNT...]",
		Short: "fetch everything, and change nothing on the server",
		Long: `backup fetches what is not here yet, and proves what is. It only reads: the connection itself
refuses every command that could change the server, and nothing is deleted here either.
It ends with the proof: how many messages the server has, and where each of them is.

It needs no configuration:

  mailsync backup --url imaps://ada@imap.example.org --maildir ~/Mail/work

imaps:// and pop3s:// are TLS from the first byte, imap:// and pop3:// are STARTTLS (to this
machine itself: plain text). The password is asked for on the terminal, or comes from --password-command, which
is split into words as a shell would, and run without one.`,
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.url, "url", "", "the account, without a configuration: `imaps://USER@HOST[:PORT]`")
	f.Var(pathFlag{&o.maildir, "DIR"}, "maildir", "with --url: the `DIR` for its Maildirs")
	f.StringVar(&o.command, "password-command", "", "with --url: a `COMMAND` whose first line of output is the password")
	f.Var(pathFlag{&o.tlsCA, "FILE"}, "tls-ca", "with --url: a PEM `FILE` of more trusted roots")
	f.StringArrayVar(&o.pins, "tls-pin", nil, "with --url: a trusted key, `sha256/...`, whoever signed it; may be repeated")
	o.register(c, p)
	t := task{name: "backup", run: o.run, check: o.check, missed: o.mailboxes.missed}
	p.onAccounts(c, t, all...)
	configured := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if o.url == "" {
			if name := firstGiven(c, "maildir", "password-command", "tls-ca", "tls-pin"); name != "" {
				return usage("--%s goes with --url", name).WithHint("what the configuration has about an account stands there")
			}
			return configured(c, args)
		}
		a, err := o.account(c, args)
		if err != nil {
			return err
		}
		if a.Password.None() {
			if a.Password.Literal, err = askPassword(c.Context(), a.User, a.Host, p.stderr); err != nil {
				return err
			}
		}
		p.code, err = p.perform(c.Context(), t, "", []*config.Account{a})
		return err
	}
	return c
}

// firstGiven returns the first of the flags that was given, "" if none was.
func firstGiven(c *cobra.Command, names ...string) string {
	for _, name := range names {
		if c.Flags().Changed(name) {
			return name
		}
	}
	return ""
}

// account makes the account that --url and its companions tell of.
func (o *backing) account(c *cobra.Command, args []string) (*config.Account, error) {
	if len(args) > 0 {
		return nil, usage("--url is an account by itself, and %q names one of the configuration", args[0])
	}
	if c.Flags().Changed("config") {
		return nil, usage("--url needs no configuration, and --config names one")
	}
	if o.maildir == "" {
		return nil, usage("--url wants --maildir: where the mail goes to")
	}
	from := config.Bare{URL: o.url, Maildir: o.maildir, TLSCA: o.tlsCA, TLSPins: o.pins}
	if c.Flags().Changed("password-command") {
		argv, err := secret.Words(o.command)
		if err != nil {
			return nil, usage("--password-command: %w", err)
		}
		from.PasswordCommand = argv
	}
	return from.Account()
}

func (o *backing) run(ctx context.Context, r *accountRun) (*port.Result, error) {
	h, account, err := r.start(ctx, o.opening(), reach{readOnly: true})
	if err != nil {
		return nil, err
	}
	wider := account.Policy
	account.Policy, account.Wider, account.Census = wider.PullOnly(), &wider, true
	if err := o.apply(account); err != nil {
		return nil, err
	}
	result := engine.Run(ctx, account)
	o.mailboxes.known(result)
	if result.Mailboxes+result.Excluded.Mailboxes+result.Unreadable > 0 {
		r.told.Prove(proof(r.a, result))
		doubts(r, result.Doubts, result.Doubtful)
	}
	return result, r.remember(ctx, h, account.Server, result)
}

// proof says of every message that the server counted in this run where it is.
func proof(a *config.Account, r *port.Result) report.Proof {
	var doubts []report.Doubt
	for _, d := range r.Doubts {
		doubts = append(doubts, report.Doubt{Mailbox: d.Mailbox, UID: uint32(d.UID), Announced: d.Announced, Came: d.Came})
	}
	return report.Proof{
		Account: a.Name, Mailboxes: r.Mailboxes + r.Excluded.Mailboxes, Messages: r.OnServer + r.Excluded.Messages,
		Census: report.Census{
			Here: r.Here, Doubtful: r.Doubtful, Outstanding: r.Outstanding, Skipped: r.Skipped, KeptAway: r.KeptAway,
			Accepted: r.Accepted(), NotLookedAt: r.Unseen, Excluded: r.Excluded.Messages,
		},
		ExcludedMailboxes: r.Excluded.Mailboxes, Uncounted: r.Uncounted + r.Excluded.Uncounted,
		UncountedIncluded: r.Uncounted, Unreadable: r.Unreadable, Doubts: doubts,
	}
}

// doubts names messages of which what is here may not be all, the first of so many.
func doubts(r *accountRun, all []port.Doubt, of int) {
	const most = 20
	for i, d := range all {
		if i == most {
			r.told.Note("", fmt.Sprintf("%d more are doubtful; --json names up to 1,000", of-most), "")
			return
		}
		hint := ""
		if i == 0 {
			hint = "look at them here and in another program; \"mailsync sync\" takes --accept MAILBOX:UID for one that is whole"
		}
		r.told.Note(d.Mailbox, fmt.Sprintf("uid %d is doubtful: %d octets came, and the server announces %d", d.UID, d.Came, d.Announced), hint)
	}
}
