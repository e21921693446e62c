package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	}
	c.Flags().Var(value{"DURATION", func(text string) error {
		d, err := config.ParseDuration(text)
		o.maxAge = &d
		return err
	}}, "max-age", "only check that the last success is not older than this, e.g. 26h; exit 1 if it is")
	return p.onAccounts(c, task{name: "status", run: o.run, bare: &bareNeeds{maildir: true, server: never}}, "quiet", "json", "log-file")
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
	result, here, err := r.recount(ctx)
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
	line := runs.String() + "; " + whatIsHere(result, here.bytes)
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
	short     bool // something is not here yet
}

// recount adds up what the state knows of an account's mailboxes.
func (r *accountRun) recount(ctx context.Context) (*port.Result, recounted, error) {
	result, all := &port.Result{}, recounted{}
	if _, err := os.Stat(r.stateDir()); errors.Is(err, fs.ErrNotExist) {
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
		all.mailboxes = append(all.mailboxes, report.LocalMailbox{Mailbox: r.mailboxName(row), Path: row.Path, Role: row.Use,
			Here: t.Here, HereBytes: t.HereBytes, OnServer: t.OnServer, Outstanding: t.Outstanding,
			Skipped: t.Skipped, KeptAway: t.KeptAway, OnlyHere: t.OnlyHere})
		result.Mailboxes++
		result.OnServer += t.OnServer
		result.Here += t.Here - t.OnlyHere
		result.Outstanding += t.Outstanding
		all.short = all.short || t.Outstanding > 0 || g.Compared == 0 && t == (state.Tally{}) // made, and never scanned
		all.bytes += t.HereBytes
	}
	slices.SortStableFunc(all.mailboxes, func(a, b report.LocalMailbox) int { return strings.Compare(a.Mailbox, b.Mailbox) })
	return result, all, nil
}

// whatIsHere is what all mailboxes hold, for people.
func whatIsHere(sum *port.Result, bytes int64) string {
	text := fmt.Sprintf("%s here (%s) in %s, %d on the server",
		report.Plural(sum.Here, "message"), report.Size(bytes), report.Plural(sum.Mailboxes, "mailbox"), sum.OnServer)
	if sum.Outstanding > 0 {
		text += fmt.Sprintf(", %d outstanding", sum.Outstanding)
	}
	return text
}

// summaryOf is the summary that a run recorded, nil where it cannot be read.
func summaryOf(last store.LastRun) *report.Summary {
	var s report.Summary
	if json.Unmarshal(last.Summary, &s) != nil || s.Type == "" {
		return nil
	}
	return &s
}
