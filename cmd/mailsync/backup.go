package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
	engine "mailsync/sync"
	"mailsync/sync/port"
)

// backing are the flags of "backup".
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
		Long: `backup fetches what is not here yet, and proves that nothing is missing. It only reads: the
connection refuses every command that could change the server, and nothing is deleted here
either. It ends with the proof: how many messages the server has, and where each of them is.

It works without a configuration:

  mailsync backup --url imaps://ada@imap.example.org --maildir ~/Mail/work

imaps:// and pop3s:// use TLS from the first byte, imap:// and pop3:// use STARTTLS (to this
machine itself: plain text). mailsync asks for the password on the terminal, or runs
--password-command, which is split into words as in a shell, but no shell is used.`,
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
			for _, name := range []string{"maildir", "password-command", "tls-ca", "tls-pin"} {
				if c.Flags().Changed(name) {
					return usage("--%s needs --url", name).WithHint("for an account of the configuration, set it there")
				}
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

// account makes the account of --url and the flags that go with it.
func (o *backing) account(c *cobra.Command, args []string) (*config.Account, error) {
	switch {
	case len(args) > 0:
		return nil, usage("--url is an account by itself, and %q names one of the configuration", args[0])
	case c.Flags().Changed("config"):
		return nil, usage("--url needs no configuration, and --config names one")
	case o.maildir == "":
		return nil, usage("--url needs --maildir: the folder for its mail")
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
		r.out.Prove(proof(r.a, result))
		doubts(r, result.Doubts, result.Doubtful)
	}
	return result, nil
}

// proof is where every message is that the server counted in this run.
func proof(a *config.Account, r *port.Result) report.Proof {
	p := report.Proof{
		Account: a.Name, Mailboxes: r.Mailboxes + r.Excluded.Mailboxes, Messages: r.OnServer + r.Excluded.Messages,
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

// askPassword asks for a password on the terminal and does not show it.
func askPassword(ctx context.Context, user, host string, stderr io.Writer) (secret.Secret, error) {
	in := int(os.Stdin.Fd())
	before, err := term.GetState(in)
	if err != nil {
		return secret.Secret{}, state.Faultf(state.Login, "there is no terminal to ask for the password of %s at %s", user, host).
			WithHint("use --password-command 'pass show mail/work', or a configuration")
	}
	type answer struct {
		word []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		word, err := term.ReadPassword(in)
		got <- answer{word, err}
	}()
	// Until the terminal stops to echo, a password that is typed at once would be seen.
	for n := 0; n < 200 && echoes(in, before) && len(got) == 0; n++ {
		time.Sleep(time.Millisecond)
	}
	_, _ = fmt.Fprintf(stderr, "Password of %s at %s: ", strconv.QuoteToGraphic(user), host)
	select {
	case a := <-got:
		_, _ = fmt.Fprintln(stderr)
		if a.err != nil {
			return secret.Secret{}, state.Faultf(state.Login, "read the password: %w", a.err)
		}
		if len(a.word) == 0 {
			return secret.Secret{}, state.Faultf(state.Login, "the password is empty")
		}
		return secret.New(string(a.word)), nil
	case <-ctx.Done():
		_ = term.Restore(in, before) // the goroutine that waits for the password ends with the program
		_, _ = fmt.Fprintln(stderr)
		return secret.Secret{}, context.Cause(ctx)
	}
}

// echoes reports whether a terminal is still as it was.
func echoes(in int, before *term.State) bool {
	now, err := term.GetState(in)
	return err == nil && *now == *before
}
