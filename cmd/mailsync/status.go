package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync/port"
)

// stating are the flags of "status".
type stating struct {
	maxAge *time.Duration // nil where it is not given
}

func (p *program) statusCommand() *cobra.Command {
	o := &stating{}
	c := &cobra.Command{
		Use:   "status [ACCOUNT...]",
		Short: "show the last run and what is here, without asking the server",
		Long: `status shows the last run of each account and its errors, the last one that succeeded, whether a
run is under way, and for each mailbox how many messages are here, and how many are outstanding,
skipped or kept away. It asks no server, waits for nothing, and changes nothing.

A success is a sync or a backup of all mailboxes of the account with exit code 0. With --max-age
26h, status checks that only: it prints a line an account, and exits with code 1 where the last
success is older, or there is none. This is for monitoring.`,
		Example: `mailsync status
mailsync status -q --max-age 26h                  # for monitoring
mailsync status --maildir ~/Mail/work`,
	}
	c.Flags().Var(value{"DURATION", func(text string) error {
		d, err := config.ParseDuration(text)
		o.maxAge = &d
		return err
	}}, "max-age", "only check that the last success is not older than this, e.g. 26h; exit 1 if it is")
	return p.onAccounts(c, task{name: "status", run: o.run, bare: &bareNeeds{maildir: true, server: never}}, "quiet", "json", "log-file", "shard")
}

// run reports what the state knows of an account. The errors of its last run are repeated, and
// are not failures of this one.
func (o *stating) run(ctx context.Context, r *accountRun) (*port.Result, error) {
	if _, err := r.rootKnown(ctx, false); err != nil {
		return nil, err
	}
	runs, err := readRuns(r.stateDir())
	if err != nil {
		return nil, err
	}
	result, here, err := r.recount(ctx, runs)
	if err != nil {
		return nil, err
	}
	if o.maxAge != nil {
		return result, o.judge(r, runs, result)
	}
	r.out.Runs(runs.objects(nil))
	if !runs.any {
		r.out.Line("no run yet")
		return result, nil
	}
	r.out.LocalMailboxes("mailboxes below "+r.a.Maildir, here.mailboxes)
	if r.recalled = summaryOf(runs.last); r.recalled == nil {
		r.recalled = &report.Summary{Status: "ok"}
	}
	line := runs.String() + "; " + whatIsHere(result, here)
	if r.recalled.Undeletable > 0 {
		line += "; " + r.recalled.Stays()
	}
	for _, q := range runs.last.Quota {
		line += "; quota " + report.Room{Used: q.Used, Limit: q.Limit}.String()
	}
	r.out.Line(line)
	if here.short && r.recalled.Status == "ok" { // another run was killed since, or it was about a part of the mailboxes
		r.recalled.Status = "partial"
	}
	return result, nil
}

// recounted is what the state knows of an account's mailboxes.
type recounted struct {
	mailboxes []report.LocalMailbox
	bytes     int64
	unknown   int  // mailboxes of which nothing is here
	short     bool // something is not here yet
}

// recount adds up what the state knows of an account's mailboxes.
func (r *accountRun) recount(ctx context.Context, runs runs) (*port.Result, recounted, error) {
	result, all, last := &port.Result{}, recounted{}, runs.last
	if !runs.any {
		return result, all, nil
	}
	rows, err := r.recorded(ctx)
	if err != nil {
		return nil, all, err
	}
	for _, row := range rows {
		g := row.Current()
		if g == nil || row.Role != state.RoleMailbox {
			continue
		}
		t := g.Tally
		m := report.LocalMailbox{Mailbox: r.mailboxName(row), Path: row.Path, Role: row.Use,
			Here: t.Here, HereBytes: t.HereBytes, OnServer: t.OnServer, Outstanding: t.Outstanding,
			Skipped: t.Skipped, KeptAway: t.KeptAway, OnlyHere: t.OnlyHere}
		all.bytes += t.HereBytes
		if m.LeftOut = r.leftOut(row, last); m.LeftOut == report.Gone {
			m.OnServer, m.Outstanding, m.Skipped, m.KeptAway, m.OnlyHere = 0, 0, 0, 0, t.Here
		}
		all.mailboxes = append(all.mailboxes, m)
		if m.LeftOut != "" {
			continue
		}
		result.Mailboxes++
		result.OnServer += t.OnServer
		result.Here += t.Here - t.OnlyHere
		result.Outstanding += t.Outstanding
		result.OnlyHere += t.OnlyHere
		all.short = all.short || t.Outstanding > 0 || g.Compared == 0 && t == (state.Tally{}) // made, and never scanned
	}
	all.unknown = len(r.unrecorded(rows, last))
	all.short = all.short || all.unknown > 0
	slices.SortStableFunc(all.mailboxes, func(a, b report.LocalMailbox) int { return strings.Compare(a.Mailbox, b.Mailbox) })
	return result, all, nil
}

// leftOut reports why a mailbox that the state knows is no part of a run, "" where it is one: the same mailboxes are counted
// here as in a run.
func (l local) leftOut(row state.MailboxRow, last store.LastRun) report.LeftOut {
	switch {
	case slices.Contains(last.Gone, row.Path):
		return report.Gone
	case !l.a.Mailboxes.Match(l.mailboxLevels(row), row.Use):
		return report.Excluded
	}
	return ""
}

// unrecorded are mailboxes that the server had in an earlier run, and of which the state has nothing.
func (l local) unrecorded(rows []state.MailboxRow, last store.LastRun) (names []string) {
	for _, name := range last.Unknown {
		is := func(row state.MailboxRow) bool {
			return row.Role == state.RoleMailbox && state.SameName(l.mailboxName(row), name)
		}
		if !slices.ContainsFunc(rows, is) && l.a.Mailboxes.Match(strings.Split(name, "/"), "") {
			names = append(names, name)
		}
	}
	return names
}

// whatIsHere is what all mailboxes hold, for people, counted as the line of a run counts it.
func whatIsHere(r *port.Result, here recounted) string {
	where := report.Whereabouts{OnServer: r.OnServer, Here: r.Here, Outstanding: r.Outstanding, OnlyHere: r.OnlyHere}
	text := where.In(r.Mailboxes)
	if here.unknown > 0 {
		text += fmt.Sprintf(", %s not fetched yet", report.Plural(here.unknown, "more mailbox"))
	}
	return text + fmt.Sprintf("; %s as the server counts", report.Size(here.bytes))
}

// summaryOf is the summary that a run recorded, nil where it cannot be read.
func summaryOf(last store.LastRun) *report.Summary {
	var s report.Summary
	if json.Unmarshal(last.Summary, &s) != nil || s.Type == "" {
		return nil
	}
	return &s
}
