package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/report"
	engine "mailsync/sync"
	"mailsync/sync/port"
)

// backing are the flags of "backup".
type backing struct{ pulling }

func (p *program) backupCommand() *cobra.Command {
	o := &backing{}
	c := &cobra.Command{
		Use:   "backup [ACCOUNT...]",
		Short: "fetch everything, and change nothing on the server",
		Long: `backup fetches what is not here yet, and proves that nothing is missing. It only reads: the
connection refuses every command that could change the server, and nothing is deleted here
either. It ends with the proof: how many messages the server has, and where each of them is.

It works without a configuration, by --url and --maildir. imaps:// and pop3s:// use TLS from the
first byte, imap:// and pop3:// use STARTTLS (to this machine itself: plain text). mailsync asks for
the password on the terminal, or runs --password-command, which is split into words as in a
shell, but no shell is used.`,
		Example: `mailsync backup
mailsync backup --url imaps://ada@imap.example.org --maildir ~/Mail/work`,
	}
	o.register(c, p)
	t := task{name: "backup", run: o.run, check: o.check, missed: o.mailboxes.missed,
		bare: &bareNeeds{maildir: true, server: always}}
	return p.onAccounts(c, t, all...)
}

func (o *backing) run(ctx context.Context, r *accountRun) (*port.Result, error) {
	account, err := o.start(ctx, r, reach{readOnly: true})
	if err != nil {
		return nil, err
	}
	wider := account.Policy
	account.Policy, account.Wider, account.Census = wider.PullOnly(), &wider, true
	account.Policy.Refetch = o.refetch
	result := engine.Run(ctx, account)
	o.mailboxes.known(result)
	if result.Mailboxes+result.Excluded.Mailboxes+result.Unreadable > 0 {
		r.out.Prove(proof(r, result))
		doubts(r, result.Doubts, result.Doubtful)
	}
	return result, nil
}

// proof is where every message is that the server counted in this run.
func proof(run *accountRun, r *port.Result) report.Proof {
	p := report.Proof{
		Account: run.a.Name, Part: run.part, Mailboxes: r.Mailboxes + r.Excluded.Mailboxes, Messages: r.OnServer + r.Excluded.Messages,
		Census: report.Census{
			Here: r.Here, Doubtful: r.Doubtful, Outstanding: r.Outstanding, Skipped: r.Skipped, KeptAway: r.KeptAway,
			Accepted: r.Accepted(), NotLookedAt: r.Unseen, Excluded: r.Excluded.Messages,
		},
		ExcludedMailboxes: r.Excluded.Mailboxes, Uncounted: r.Uncounted + r.Excluded.Uncounted,
		UncountedIncluded: r.Uncounted, Unreadable: r.Unreadable,
	}
	for _, d := range r.Doubts {
		p.Doubts = append(p.Doubts, report.Doubt(d))
	}
	return p
}

// doubts names messages that may be incomplete here, the first of so many.
func doubts(r *accountRun, all []port.Doubt, of int) {
	const most = 20
	for i, d := range all {
		if i == most {
			r.out.Note("", fmt.Sprintf("%d more are doubtful; --json names up to 1,000", of-most), "")
			return
		}
		hint := ""
		if i == 0 {
			hint = "look at them here and in another program; \"mailsync sync\" takes --accept MAILBOX:UID for one that is complete"
		}
		r.out.Note(d.Mailbox, fmt.Sprintf("uid %d is doubtful: %d octets were fetched, and the server announces %d", d.UID, d.Received, d.Announced), hint)
	}
}
