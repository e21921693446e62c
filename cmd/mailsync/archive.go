package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	engine "mailsync/sync"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// archiving are the flags of "archive".
type archiving struct {
	mailboxes picking
	accepting
	apply bool
	undo  bool
	rules map[string]string // keys of the archive table that are set for this run
}

// archiveFlags are the keys of the archive table as flags.
var archiveFlags = []struct{ flag, key, value, help string }{
	{"older-than", "older_than", "DURATION", "archive what is older, e.g. 1y"},
	{"until-quota", "until_quota", "PERCENT", "archive the oldest until less than this is used, e.g. 80%"},
	{"larger-than", "larger_than", "SIZE", "archive only what is larger, e.g. 1M"},
	{"never-younger-than", "never_younger_than", "DURATION", "keep what is younger, whatever the quota; 30d by default"},
	{"keep", "keep", "LIST", "messages to keep: flagged,unread by default, \"\" is none"},
	{"copied-before", "copied_before", "FILE", "archive only what was here when this file was last changed"},
	{"into", "into", "PATH", "move the files there; {year}, {month} and {mailbox} are replaced for each message"},
	{"via", "via", "WAY", "how messages leave the server: expunge, trash or auto"},
	{"quota", "quota", "SIZE", "the account's quota, where the server does not report it"},
}

func (p *program) archiveCommand() *cobra.Command {
	o := &archiving{rules: map[string]string{}}
	c := &cobra.Command{
		Use:   "archive [ACCOUNT...]",
		Short: "move old mail off the server",
		Long: `archive moves old mail off the server, to make room there. It prints what would be archived, by
mailbox, and what the quota would be; with --apply it does it.

A message is fetched if it is not here yet. Its file is read again, and has to be exactly what the
server sent; it is moved into the archive folder, if there is one ("into"); then the server's copy
is expunged. A message whose file does not match, or may be incomplete, stays on the server and is
reported. A server that cannot expunge single messages (it has no UIDPLUS) moves them to its trash
instead, if it can: that frees nothing until the trash is emptied there. Drafts, junk and trash
are skipped unless --mailbox names them.

The rules are in the account's archive table; flags change them for this run.

--undo puts back on the server what the last archive run took off it.`,
		Example: `mailsync archive work --older-than 1y             # the plan
mailsync archive work --older-than 1y --apply
mailsync archive work --until-quota 80% --into ~/Mail/old/{year} --apply
mailsync archive work --undo`,
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&o.apply, "apply", false, "do it, not only print the plan")
	f.BoolVar(&o.undo, "undo", false, "put back what the last archive run took off the server")
	o.mailboxes.flag(c)
	o.accepting.flag(c)
	for _, x := range archiveFlags {
		set := func(text string) error { o.rules[x.key] = text; return nil }
		f.Var(rule{choice{value{x.value, set}, func() []string { return config.Words("archive", x.key) }}}, x.flag, x.help)
	}
	check := func(accounts []*config.Account) error {
		p.flags.dryRun = p.flags.dryRun || !o.apply && !o.undo
		return o.check(p, accounts)
	}
	return p.onAccounts(c, task{name: "archive", run: o.run, check: check, missed: o.mailboxes.missed}, all...)
}

// rule is a flag that sets a key of the archive table.
type rule struct{ choice }

// check gives the accounts the rules of this run, or returns what is wrong with them.
func (o *archiving) check(p *program, accounts []*config.Account) error {
	if !slices.ContainsFunc(accounts, func(a *config.Account) bool { return a.Protocol != "pop3" }) {
		return usage("archive is for IMAP, and %s is on POP3", accounts[0].Name).
			WithHint(`the keys "delete" and "delete_bigger_than" let "mailsync sync" delete from a POP3 server`)
	}
	if err := o.accepting.check(accounts); err != nil {
		return err
	}
	if o.undo {
		if len(o.rules) > 0 || o.apply || len(o.accepting) > 0 {
			return usage("--undo puts back what the last archive run took, and takes neither rules nor --apply nor --accept")
		}
		return nil
	}
	asks := false
	for _, a := range accounts {
		if a.Protocol == "pop3" {
			continue
		}
		for _, x := range archiveFlags {
			if text, given := o.rules[x.key]; given {
				if err := a.SetArchive(x.key, text, os.Getenv); err != nil {
					return badValue(x.flag, err, `"mailsync archive --help" lists the flags`)
				}
			}
		}
		asks = asks || a.Archive.Asks()
	}
	if !asks {
		return usage("no rule selects mail to archive").
			WithHint(`use --older-than 1y or --until-quota 80%%, or set older_than or until_quota in the account's archive table`)
	}
	return o.checkInto(p, accounts)
}

// checkInto checks that the archive folder of a flag is in no account's tree.
func (o *archiving) checkInto(p *program, accounts []*config.Account) error {
	if o.rules["into"] == "" {
		return nil
	}
	cfg, err := p.loadConfig()
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(cfg.Accounts, func(a *config.Account) bool {
		return slices.ContainsFunc(accounts, func(b *config.Account) bool { return a.Name == b.Name })
	})
	return config.CheckRoots(slices.Concat(accounts, others))
}

func (o *archiving) run(ctx context.Context, r *accountRun) (*port.Result, error) {
	switch {
	case o.undo && r.a.Protocol == "pop3":
		r.nothingToUndo("archive is for IMAP", "")
		return o.none(), nil
	case r.a.Protocol == "pop3" || !o.undo && !r.a.Archive.Asks():
		r.out.Note("", "no rule selects mail of this account to archive", r.noRule())
		return o.none(), nil
	}
	account, err := r.begin(ctx, opening{}, reach{})
	if err != nil {
		return nil, err
	}
	if !o.mailboxes.given() && !o.undo {
		skip(account, "drafts", "junk", "trash") // an undo can also put back what was archived from them
	}
	o.mailboxes.narrow(account)
	r.part = o.mailboxes.given()
	if o.undo {
		return o.putBack(ctx, r, account), nil
	}
	if account.Accept, err = o.messages(); err != nil {
		return nil, err
	}
	account.Watch = r.ownPlan()
	if account.Release, err = r.archive(); err != nil {
		return nil, err
	}
	if r.flags.dryRun && !account.AgesCount {
		r.out.Note("", "the clock cannot be trusted, so no message counts as old", "check that the clock is right")
	}
	result := engine.Run(ctx, account)
	o.mailboxes.known(result)
	result.Would = nil // the plan has it
	if result.Released != nil {
		r.out.Archived(archived(result.Released, !r.flags.dryRun))
	}
	return result, nil
}

// none is the result for an account that the run is not about. No pattern can match a mailbox of it.
func (o *archiving) none() *port.Result {
	result := &port.Result{}
	o.mailboxes.known(result)
	return result
}

// noRule is what to do about an account from which nothing is archived.
func (r *accountRun) noRule() string {
	if r.a.Protocol == "pop3" {
		return "name the accounts that archive is for; it is for IMAP"
	}
	return "set older_than or until_quota in its archive table, or name the accounts that archive is for"
}

// putBack undoes the last archive run.
func (o *archiving) putBack(ctx context.Context, r *accountRun, account *port.Account) *port.Result {
	account.Release = r.release()
	result := engine.Undo(ctx, account)
	switch {
	case !result.NothingToUndo:
		o.mailboxes.known(result)
	case result.Fatal == nil && len(result.Problems) == 0:
		r.nothingToUndo("all that the last archive run took is back, or no archive run is known", r.earlierArchived())
	}
	return result
}

// earlierArchived is how mail that an undo does not take back can be put back.
func (r *accountRun) earlierArchived() string {
	if r.a.Archive == nil || r.a.Archive.Into == "" {
		return "--undo takes back only the last run"
	}
	return fmt.Sprintf("--undo takes back only the last run; \"mailsync restore %s --from %s --into Archive\" uploads an archive folder",
		r.a.Name, plan.ShellWord(r.a.Archive.IntoRoot()))
}

// nothingToUndo reports that an undo has nothing to put back, on stderr with the reason.
func (r *accountRun) nothingToUndo(why, hint string) {
	r.out.Note("", "nothing to undo: "+why, hint)
	r.out.Did("nothing to do; nothing to undo")
}

// skip excludes mailboxes with these roles from a run.
func skip(account *port.Account, roles ...string) {
	include := account.Include
	account.Include = func(l state.Listed) bool { return !slices.Contains(roles, l.Role) && include(l) }
}

// archive is what the account's archive table lets leave the server.
func (r *accountRun) archive() (*port.Release, error) {
	a := r.a.Archive
	rel := r.release()
	rel.Alone, rel.UntilQuota, rel.Quota = true, a.UntilQuota, a.Quota
	rel.Cutoff = plan.Cutoff{
		ByAge: a.OlderThan >= 0, OlderThan: a.OlderThan, NeverYoungerThan: a.NeverYoungerThan,
		LargerThan: a.LargerThan, KeepFlagged: a.KeepFlagged, KeepUnread: a.KeepUnread,
	}
	if a.CopiedBefore != "" {
		stamp, err := os.Stat(a.CopiedBefore)
		if err != nil {
			return nil, state.Faultf(state.Other, "copied_before: %w", err).
				WithHint("the offsite backup has to write this file when it is done; until then nothing is archived")
		}
		rel.Cutoff.CopiedBefore = stamp.ModTime().Unix()
	}
	return rel, nil
}

// release is how released messages leave the server, and where their files are moved. By itself it
// releases nothing new: it finishes an archive run that was interrupted.
func (r *accountRun) release() *port.Release {
	rel := &port.Release{Folder: r.archiveFolder}
	if r.registry != nil {
		rel.Remember = r.registry.Remember
	}
	a := r.a.Archive
	if a == nil {
		return rel
	}
	rel.Via = map[string]port.Via{"expunge": port.ViaExpunge, "trash": port.ViaTrash}[a.Via]
	if a.Into != "" {
		rel.Into = &port.Into{Root: a.IntoRoot(), Path: a.IntoPath}
	}
	return rel
}

// archived is what leaves the server, for the report.
func archived(rel *port.Released, applied bool) report.Archive {
	v := report.Archive{Applied: applied, Messages: rel.Messages, Bytes: rel.Bytes, Gone: rel.Deleted, Freed: rel.Freed, Stay: rel.Stay,
		ToTrash: rel.ToTrash, MovedToTrash: rel.Trashed,
		Before: quotaOf(rel.Quota), After: quotaOf(rel.After)}
	if !applied && rel.Quota != nil {
		v.After = &report.Room{Used: max(0, rel.Quota.Used-rel.Bytes), Limit: rel.Quota.Limit}
	}
	for _, m := range rel.Mailboxes {
		v.Mailboxes = append(v.Mailboxes, report.ArchiveMailbox{Mailbox: m.Mailbox, Messages: m.Messages, Bytes: m.Bytes,
			Oldest: time.Unix(m.Oldest, 0).UTC(), Newest: time.Unix(m.Newest, 0).UTC()})
	}
	return v
}

func quotaOf(q *state.Quota) *report.Room {
	if q == nil {
		return nil
	}
	return &report.Room{Used: q.Used, Limit: q.Limit}
}
