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

// archiving is what the flags of "archive" say.
type archiving struct {
	mailboxes picking
	accepting
	apply bool
	undo  bool
	rules map[string]string // keys of the archive table that are set for this run
}

// archiveFlags are the keys of the archive table as flags.
var archiveFlags = []struct{ flag, key, value, help string }{
	{"older-than", "older_than", "DURATION", "what is older goes, 1y say"},
	{"until-quota", "until_quota", "PERCENT", "the oldest goes until less than this is used, 80% say"},
	{"larger-than", "larger_than", "SIZE", "only what is larger goes, 1M say"},
	{"never-younger-than", "never_younger_than", "DURATION", "what is younger stays, whatever the quota; 30d by default"},
	{"keep", "keep", "LIST", "what stays: flagged,unread by default, \"\" is nothing"},
	{"copied-before", "copied_before", "FILE", "only what was here when this file was last changed goes"},
	{"into", "into", "PATH", "where the files go; {year}, {month} and {mailbox} stand for a message's own"},
	{"via", "via", "WAY", "how they leave the server: expunge, trash or auto"},
	{"quota", "quota", "SIZE", "what the account may use, where the server does not tell"},
}

func (p *program) archiveCommand() *cobra.Command {
	o := &archiving{rules: map[string]string{}}
	c := &cobra.Command{
		Use:   "archive [ACCOUNT...]",
		Short: "move old mail off the server",
		Long: `archive moves old mail off the server, to make room there. It prints what would go, by
mailbox, and what the quota would be; with --apply it does it.

What goes is fetched if it is not here yet. Its file is read again, and has to be to the last
byte what the server sent; it is moved into the archive, if there is one ("into"); then the
server's copy is expunged. What does not pass, or may not be all of its message, stays on the
server and is named. A server that cannot expunge single messages (it has no UIDPLUS) gets them
moved to its trash, if it can: that frees nothing until the trash is emptied there. Drafts, junk and
trash are left out unless --mailbox names them.

The rules are in the account's archive table; flags change them for this run.

--undo puts back on the server what the last archive run took off it.`,
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&o.apply, "apply", false, "do it")
	f.BoolVar(&o.undo, "undo", false, "put back what the last archive run took off the server")
	o.mailboxes.flag(c, p)
	o.accepting.flag(c)
	for _, x := range archiveFlags {
		f.Var(rule{o.rules, x.key, x.value}, x.flag, x.help)
	}
	check := func(accounts []*config.Account) error {
		p.flags.dryRun = p.flags.dryRun || !o.apply && !o.undo
		return o.check(p, accounts)
	}
	return p.onAccounts(c, task{name: "archive", run: o.run, check: check, missed: o.mailboxes.missed}, all...)
}

// rule is a flag that sets a key of the archive table.
type rule struct {
	rules      map[string]string
	key, value string
}

func (r rule) Set(text string) error { r.rules[r.key] = text; return nil }
func (r rule) String() string        { return "" }
func (r rule) Type() string          { return r.value }

// check gives the accounts the rules of this run, and complains where that cannot be.
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
			return usage("--undo puts back what the last archive run took, and needs neither rules nor --apply nor --accept")
		}
		return nil
	}
	asks := false
	for _, a := range accounts {
		if a.Protocol == "pop3" {
			continue
		}
		for _, x := range archiveFlags {
			text, given := o.rules[x.key]
			if !given {
				continue
			}
			if err := a.SetArchive(x.key, text, os.Getenv); err != nil {
				return usage("--%s: %w", x.flag, err)
			}
		}
		asks = asks || a.Archive.Asks()
	}
	if !asks {
		return usage("nothing says which mail may leave the server").
			WithHint(`say --older-than 1y or --until-quota 80%%, or set older_than or until_quota in the account's archive table`)
	}
	return o.checkInto(p, accounts)
}

// checkInto sees that an archive that a flag names lies in no account's tree.
func (o *archiving) checkInto(p *program, accounts []*config.Account) error {
	if o.rules["into"] == "" {
		return nil
	}
	cfg, err := p.loadConfig()
	if err != nil {
		return err
	}
	every := accounts
	for _, a := range cfg.Accounts {
		known := false
		for _, b := range accounts {
			known = known || a.Name == b.Name
		}
		if !known {
			every = append(every[:len(every):len(every)], a)
		}
	}
	return config.CheckRoots(every)
}

func (o *archiving) run(ctx context.Context, r *accountRun) (*port.Result, error) {
	switch {
	case o.undo && r.a.Protocol == "pop3":
		r.nothingToUndo("archive is for IMAP", "")
		return &port.Result{}, nil
	case r.a.Protocol == "pop3" || !o.undo && !r.a.Archive.Asks():
		r.told.Note("", "nothing says which mail of this account may leave the server", "")
		return &port.Result{}, nil
	}
	h, account, err := r.start(ctx, opening{}, reach{})
	if err != nil {
		return nil, err
	}
	if !o.mailboxes.given() && !o.undo {
		leaveOut(account, "drafts", "junk", "trash") // what once left them can be put back
	}
	o.mailboxes.narrow(account)
	if o.undo {
		result := o.putBack(ctx, r, account)
		return result, r.remember(ctx, h, account.Server, result)
	}
	if account.Accept, err = o.messages(); err != nil {
		return nil, err
	}
	account.Watch = summaryOnly{watch{r.told}}
	if account.Release, err = r.archive(); err != nil {
		return nil, err
	}
	if r.flags.dryRun && !account.AgesCount {
		r.told.Note("", "the clock is not to be trusted, so nothing is old", "see that the clock is right")
	}
	result := engine.Run(ctx, account)
	o.mailboxes.known(result)
	if result.Released != nil {
		r.told.Archived(archived(result.Released, !r.flags.dryRun))
	}
	return result, r.remember(ctx, h, account.Server, result)
}

// putBack undoes the last archive run.
func (o *archiving) putBack(ctx context.Context, r *accountRun, account *port.Account) *port.Result {
	account.Release = r.release()
	result := engine.Undo(ctx, account)
	switch {
	case !result.NothingToUndo:
		o.mailboxes.known(result)
	case result.Fatal == nil && len(result.Problems) == 0:
		r.nothingToUndo("no archive run is known that took anything which is not back already",
			fmt.Sprintf("should its state have been lost, \"mailsync restore %s\" puts back what is here", r.a.Name))
	}
	return result
}

// nothingToUndo says that an undo has nothing to put back, on stderr with the reason.
func (r *accountRun) nothingToUndo(why, hint string) {
	r.told.Note("", "nothing to undo: "+why, hint)
	r.told.Did("nothing to do; nothing to undo")
}

// leaveOut leaves mailboxes with these roles out of a run.
func leaveOut(account *port.Account, roles ...string) {
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
				WithHint("the offsite backup has to make this file when it is done; until then nothing goes")
		}
		rel.Cutoff.CopiedBefore = stamp.ModTime().Unix()
	}
	return rel, nil
}

// release is how released messages leave the server, and where their files go. By itself
// it lets nothing new go: it is what finishes an archive run that was interrupted.
func (r *accountRun) release() *port.Release {
	rel := &port.Release{Shelf: r.archiveFolder}
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
	v := report.Archive{Applied: applied, Messages: rel.Messages, Bytes: rel.Bytes, Gone: rel.Gone, Freed: rel.Freed, Stay: rel.Stay,
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
