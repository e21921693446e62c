package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mailsync/backends/imap"
	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	engine "mailsync/sync"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/restore"
)

// restoring are the flags of "restore".
type restoring struct {
	to, from  string
	mailboxes picking
	into      string
	since     int64 // seconds since 1970

	target *config.Account // of --to, nil: the account itself
}

func (p *program) restoreCommand() *cobra.Command {
	o := &restoring{since: state.NoDate}
	c := &cobra.Command{
		Use:   "restore ACCOUNT",
		Short: "put local mail back on a server",
		Long: `restore uploads an account's mail to its server, or with --to to the server of another account.
It uploads what is not there yet, into the mailboxes where it was, with flags, keywords and dates,
byte for byte as it was fetched. Missing mailboxes are created; for sent mail, drafts and the like
the server's own mailbox is used, whatever its name.

It can be interrupted and run again without duplicates: n equal files need n messages on the
server. Mail that returns to its own account keeps its files, and the next sync fetches nothing.
Archived mail goes only to another server; "archive --undo" returns it to its own. Nothing is
deleted.

With --into, everything is put below another mailbox; to the account itself these are copies,
which the next sync fetches. With --from DIR the mail is read from Maildirs that mailsync does
not know: of mbsync, OfflineIMAP, Dovecot, KMail or Thunderbird. A file that cannot be read, is a
link or is compressed is reported and skipped.`,
		Example: `mailsync restore work -n                          # what would be uploaded
mailsync restore work --mailbox Archive --since 2024-01-01
mailsync restore work --to new                    # to another provider
mailsync restore new --from ~/Mail/mbsync
mailsync restore --url imaps://ada@imap.example.org --maildir ~/Mail/work`,
		Args: p.oneAccount,
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.to, "to", "", "upload to the server of this `ACCOUNT`")
	f.Var(pathFlag{&o.from, "DIR"}, "from", "read the Maildirs in `DIR`, not the account's")
	o.mailboxes.flag(c)
	f.StringVar(&o.into, "into", "", "put everything below this `MAILBOX`, e.g. Old/2024")
	f.Var(day(&o.since), "since", "skip what is older: 2024-12-31, or 90d")
	check := func(accounts []*config.Account) error { return o.check(p, accounts) }
	t := task{name: "restore", run: o.run, check: check, missed: o.mailboxes.missed, bare: &bareNeeds{server: always}}
	return p.onAccounts(c, t, acts...)
}

// oneAccount refuses several accounts, or none where no flag makes one.
func (p *program) oneAccount(c *cobra.Command, args []string) error {
	switch bare := c.Flags().Changed("url") || c.Flags().Changed("maildir"); {
	case len(args) > 1:
		return usage("%s takes one account, not %d", c.Name(), len(args)).WithHint("run it once for each")
	case len(args) == 0 && !bare:
		hint := "e.g. " + c.CommandPath() + " work"
		if cfg, err := p.loadConfig(); err == nil {
			hint = "the accounts are " + listed(accountNames(cfg))
		}
		return usage("%s needs the name of an account", c.Name()).WithHint("%s", hint)
	}
	return nil
}

// check refuses what the flags cannot mean, before anything is done.
func (o *restoring) check(p *program, accounts []*config.Account) error {
	a := accounts[0]
	if a.Bare {
		if err := o.checkBare(a); err != nil {
			return err
		}
	}
	if o.to != "" && o.to != a.Name {
		cfg, err := p.loadConfig()
		if err != nil {
			return err
		}
		if o.target, err = one(cfg, o.to); err != nil {
			return err
		}
		a = o.target
	}
	if a.Protocol == "pop3" {
		hint := "name an IMAP account with --to"
		if a.Bare {
			hint = "write its imaps:// URL, if it has one"
		}
		return usage("the server of %s speaks POP3, which cannot store mail", a.Name).WithHint("%s", hint)
	}
	for level := range strings.SplitSeq(o.into, "/") {
		if level == "" && o.into != "" {
			return usage(`--into %q has an empty level; "/" separates two levels`, o.into)
		}
	}
	if o.from == "" {
		return nil
	}
	if o.target != nil {
		return usage("--from names Maildirs of no account, and --to a second account beside %s", accounts[0].Name).
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

func (o *restoring) run(ctx context.Context, r *accountRun) (*port.Result, error) {
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
	r.out.Restored(boxes, r.ended() != nil)
	o.mailboxes.known(&done.Result)
	if r.flags.dryRun {
		done.Appended = 0 // it would be
	}
	return &done.Result, err
}

// home puts mail back on the server that it is from.
func (o *restoring) home(ctx context.Context, r *accountRun) (*restore.Restoration, error) {
	account, err := r.begin(ctx, opening{}, reach{})
	if err != nil {
		return nil, err
	}
	account.Watch = r.ownPlan()
	o.mailboxes.narrow(account)
	done := engine.Restore(ctx, account, o.since, r.mailboxLevels)
	o.noteOutsiders(ctx, r, r.begun, done)
	return done, nil
}

// noteOutsiders names the Maildirs in the account's tree that a restore of everything skips.
func (o *restoring) noteOutsiders(ctx context.Context, r *accountRun, h *here, done *restore.Restoration) {
	if o.mailboxes.given() || done.Fatal != nil {
		return
	}
	all, err := restore.UnknownMaildirs(ctx, openStore{h.store}, h.tree)
	if err != nil {
		done.Problems = append(done.Problems, port.Problem{Err: err})
	}
	for _, m := range all {
		if m.Forgotten {
			hint := "a copy of it elsewhere can be restored with --from"
			if m.Recorded {
				hint = fmt.Sprintf("\"mailsync forget --undo %s %s\" takes it back", r.a.Name, plan.ShellWord(m.Path))
			}
			r.out.Note(m.Path, report.Plural(m.Messages, "message")+" not restored: the mailbox was forgotten", hint)
			continue
		}
		r.out.Note(m.Path, report.Plural(m.Messages, "message")+" not restored: this Maildir is not a mailbox of the account",
			`a "mailsync sync" with append = true makes it one; a copy of it elsewhere can be restored with --from`)
	}
}

// away puts mail on a server that it is not from, or under other names.
func (o *restoring) away(ctx context.Context, r *accountRun) (*restore.Restoration, error) {
	target := r
	if o.target != nil {
		target = &accountRun{session: r.session, local: local{o.target}, out: r.out, opened: r.opened}
	}
	h, err := target.start(ctx, opening{state: true}, reach{})
	if err != nil {
		return nil, err
	}
	t := &restore.Restore{Name: target.a.Name, Log: r.log, Server: h.server, Base: h.store, Since: o.since, Deleted: policy(target.a, nil).OnDiskDelete == plan.Delete,
		Connections: target.a.Connections, DryRun: r.flags.dryRun, Stop: r.stop, Watch: r.ownPlan()}
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
		if own, err = r.open(ctx, opening{read: true}); err != nil {
			return nil, err
		}
	}
	archives := func(root string) (port.Tree, error) { return r.archiveFolder(root, false) }
	only := func(row state.MailboxRow) bool { return o.mailboxes.match(r.mailboxLevels(row), row.Use) }
	sources, problems, err := restore.Sources(ctx, openStore{own.store}, own.tree, archives, r.mailboxLevels, only)
	if err != nil {
		return nil, err
	}
	t.From = sources
	done := t.Run(ctx, openStore{own.store})
	done.Problems = append(done.Problems, problems...)
	o.noteOutsiders(ctx, r, own, done)
	return done, nil
}

// fromBare restores the Maildirs of --from, and reports what was skipped there.
func (o *restoring) fromBare(ctx context.Context, r *accountRun, t *restore.Restore) (*restore.Restoration, error) {
	files, err := disk.OpenReal(o.from)
	if err != nil {
		return nil, state.Faultf(state.Storage, "open %s: %w", o.from, err)
	}
	defer func() { _ = files.Close() }() // only read
	sources, passed, err := o.bare(ctx, maildir.Open(files, maildir.Options{Ended: r.ended}))
	if err != nil {
		return nil, err
	}
	done := &restore.Restoration{}
	if len(sources) > 0 {
		t.From = sources
		done = t.Run(ctx, nil)
	} else {
		done.Fatal = state.Faultf(state.Storage, "%s holds no Maildir", o.from).WithHint(`a Maildir is a folder with "cur" and "new" in it`)
	}
	o.reportPassed(r, done, passed)
	return done, nil
}

// bare are the Maildirs of a folder that no account of the configuration has. What could not be
// read of it is passed, and does not stop the rest.
func (o *restoring) bare(ctx context.Context, tree *maildir.Tree) (sources []port.Source, passed []state.NotMail, err error) {
	found, passed, err := tree.Bare(ctx, levelOf)
	if err != nil {
		return nil, nil, err
	}
	for _, b := range found {
		levels := b.Levels
		if b.Marked && b.Marker.Raw != "" { // it was mailsync's once: the marker knows its name, unless it is of an archive
			names := imap.NameOf(b.Marker.Raw, b.Marker.Sep)
			levels = names[max(0, len(names)-len(levels)):]
		}
		s := port.Source{Name: strings.Join(levels, "/"), Levels: levels, Role: b.Marker.Use}
		if o.mailboxes.match(levels, s.Role) {
			md, err := tree.OpenBare(b.Path)
			if err != nil {
				passed = append(passed, state.NotMail{Name: b.Path, Err: err})
				continue
			}
			s.Maildir = md
		}
		sources = append(sources, s)
	}
	return sources, passed, nil
}

// reportPassed reports what a walk skipped. Where only some mailboxes are asked for it is not a
// failure, because it may be none of them.
func (o *restoring) reportPassed(r *accountRun, done *restore.Restoration, passed []state.NotMail) {
	for _, p := range passed {
		name := filepath.Join(o.from, filepath.FromSlash(p.Name))
		if p.Harmless || o.mailboxes.given() {
			r.out.Note("", fmt.Sprintf("%q is left alone: %s", name, message(p.Err)), "")
			continue
		}
		done.Problems = append(done.Problems, port.Problem{Err: fmt.Errorf("%q is not restored: %w", name, p.Err)})
		done.Outstanding += p.Count
	}
}

// levelOf is the mailbox level of a folder's name: as mailsync escapes it, or in modified UTF-7,
// in which IMAP servers name their folders.
func levelOf(name string) string {
	if plain, ok := maildir.FS.Unescape(name); ok && plain != name {
		return plain
	}
	if levels := imap.NameOf(name, ""); len(levels) == 1 {
		return levels[0]
	}
	return name
}
