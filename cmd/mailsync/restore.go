package main

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mailsync/backends/maildir/disk"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	engine "mailsync/sync"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/restore"
)

// bringing is what the flags of "restore" say.
type bringing struct {
	to, from  string
	mailboxes picking
	into      string
	since     int64 // seconds since 1970

	target *config.Account // of --to, nil: the account itself
}

func (p *program) restoreCommand() *cobra.Command {
	o := &bringing{since: state.NoDate}
	c := &cobra.Command{
		Use:   "restore ACCOUNT",
		Short: "put local mail back on a server",
		Long: `restore puts an account's mail on its server, or with --to on another account's: what is not
there yet, in the mailboxes it was in, with flags, keywords and dates, to the last byte as it was
fetched. Missing mailboxes are made; one for sent mail is the server's own, whatever it is called.

It can be broken off and run again: what is there already is not sent again, n equal files
need n messages. Mail that goes back to where it came from keeps its file, and the next sync
has nothing to fetch. What lies in an archive goes to another server only; "archive --undo"
brings it home. It deletes nothing.

With --into everything is put under another mailbox; to the account itself these are copies,
and the next sync fetches them. With --from DIR the mail is that of Maildirs that mailsync
never saw: of mbsync, OfflineIMAP, Dovecot, KMail or Thunderbird. What cannot be read, is a link
or is compressed is named, and keeps nothing else.`,
		Args: oneAccount,
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.to, "to", "", "put it on the server of this `ACCOUNT`")
	f.Var(pathFlag{&o.from, "DIR"}, "from", "take it from the Maildirs in `DIR`, not from the account's")
	o.mailboxes.flag(c, p)
	f.StringVar(&o.into, "into", "", "put everything under this `MAILBOX`, Old/2024 say")
	f.Var(day(&o.since), "since", "only what is not older: 2024-12-31, or 90d")
	_ = c.RegisterFlagCompletionFunc("to", p.completeAccounts) // it fails only for a flag that is not there
	check := func(accounts []*config.Account) error { return o.check(p, accounts) }
	return p.onAccounts(c, task{name: "restore", run: o.run, check: check, missed: o.mailboxes.missed}, acts...)
}

// oneAccount refuses to restore several accounts, or none.
func oneAccount(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("restore takes one account, and %d are named", len(args)).WithHint("its server gets the mail; --to names another one")
	}
	return nil
}

// check complains of what the flags ask for that cannot be, before anything is done.
func (o *bringing) check(p *program, accounts []*config.Account) error {
	a := accounts[0]
	if o.to != "" && o.to != a.Name {
		cfg, err := p.loadConfig()
		if err != nil {
			return err
		}
		chosen, err := choose(cfg, []string{o.to})
		if err != nil {
			return err
		}
		o.target = chosen[0]
		a = o.target
	}
	if a.Protocol == "pop3" {
		return usage("the server of %s speaks POP3, which takes no mail", a.Name).WithHint("name an IMAP account with --to")
	}
	for level := range strings.SplitSeq(o.into, "/") {
		if level == "" && o.into != "" {
			return usage(`--into %q has an empty level; "/" only stands between two levels`, o.into)
		}
	}
	if o.from == "" {
		return nil
	}
	if o.target != nil {
		return usage("--from names Maildirs of no account, and --to an account beside %s", accounts[0].Name).
			WithHint("restore %s --from %s", o.to, o.from)
	}
	inside, err := disk.Within(o.from, a.Maildir)
	if err != nil {
		return state.Faultf(state.Storage, "--from: %w", err)
	}
	if inside {
		return usage("--from %s is the account's own maildir", o.from).WithHint("leave --from out")
	}
	return nil
}

func (o *bringing) run(ctx context.Context, r *accountRun) (*port.Result, error) {
	var done *restore.Restoration
	var err error
	if o.target == nil && o.from == "" && o.into == "" {
		done, err = o.home(ctx, r)
	} else {
		done, err = o.away(ctx, r)
	}
	if done == nil {
		return nil, err
	}
	boxes := make([]report.Restored, len(done.Boxes))
	for i, b := range done.Boxes {
		boxes[i] = report.Restored{From: b.From, To: b.To, Created: b.Created, Appended: b.Appended, Bytes: b.Bytes,
			There: b.There, Refused: b.Refused, Older: b.Older, Shown: b.Shown, DryRun: r.flags.dryRun}
	}
	r.told.Restored(boxes)
	o.mailboxes.known(&done.Result)
	if r.flags.dryRun {
		done.Appended = 0 // it would be
	}
	return &done.Result, err
}

// home puts mail back on the server that it came from.
func (o *bringing) home(ctx context.Context, r *accountRun) (*restore.Restoration, error) {
	h, account, err := r.start(ctx, opening{}, reach{})
	if err != nil {
		return nil, err
	}
	account.Watch = summaryOnly{watch{r.told}}
	o.mailboxes.narrow(account)
	done := engine.Restore(ctx, account, o.since, r.mailboxLevels)
	o.tellOutsiders(ctx, r, h, done)
	return done, r.remember(ctx, h, account.Server, &done.Result)
}

// tellOutsiders names the Maildirs in the account's tree that a restore of everything passes over.
func (o *bringing) tellOutsiders(ctx context.Context, r *accountRun, h *here, done *restore.Restoration) {
	if o.mailboxes.given() || done.Fatal != nil {
		return
	}
	all, err := restore.Outsiders(ctx, held{h.store}, h.tree)
	if err != nil {
		done.Problems = append(done.Problems, port.Problem{Err: err})
	}
	for _, m := range all {
		watch{r.told}.Note(m.Path, report.Plural(m.Messages, "message")+" not restored: this Maildir is no mailbox of the account",
			`a "mailsync sync" with append = true makes it one; a copy of it elsewhere can be restored with --from`)
	}
}

// away puts mail on a server that it did not come from, or under other names.
func (o *bringing) away(ctx context.Context, r *accountRun) (*restore.Restoration, error) {
	target := r
	if o.target != nil {
		target = &accountRun{session: r.session, local: local{o.target}, told: r.told, opened: r.opened}
	}
	h, err := target.open(ctx, opening{state: true})
	if err != nil {
		return nil, err
	}
	server, err := target.connect(reach{})
	if err != nil {
		return nil, err
	}
	t := &restore.Restore{Server: server, Base: h.store, Since: o.since, Deleted: policy(target.a, nil).OnDiskDelete == plan.Delete,
		Connections: target.a.Connections, DryRun: r.flags.dryRun, Stop: r.stop, Watch: summaryOnly{watch{r.told}}}
	if o.into != "" {
		t.Into = strings.Split(o.into, "/")
	}
	if o.from != "" {
		return o.fromBare(ctx, r, t)
	}
	own := h
	if target != r {
		if _, err := os.Stat(r.a.Maildir); err != nil {
			return nil, state.Faultf(state.Storage, "nothing to restore: %w", err).WithHint("is it mounted?")
		}
		if own, err = r.look(); err != nil {
			return nil, err
		}
	}
	sources, problems, err := o.sources(ctx, r, own)
	if err != nil {
		return nil, err
	}
	t.From = sources
	done := t.Run(ctx, held{own.store})
	done.Problems = append(done.Problems, problems...)
	o.tellOutsiders(ctx, r, own, done)
	return done, nil
}

// sources are the account's own Maildirs and archives.
func (o *bringing) sources(ctx context.Context, r *accountRun, h *here) ([]port.Source, []port.Problem, error) {
	archives := func(root string) (port.Tree, error) { return r.archiveFolder(root, false) }
	only := func(row state.MailboxRow) bool { return o.mailboxes.match(r.mailboxLevels(row), row.Use) }
	return restore.Sources(ctx, held{h.store}, h.tree, archives, r.mailboxLevels, only)
}
