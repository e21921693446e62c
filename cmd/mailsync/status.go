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

	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync/port"
)

func (p *program) statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "status [ACCOUNT...]",
		Short: "show how things stand here, without asking the server",
		Long: `status shows the last run of each account and what went wrong in it, and of each mailbox
how many messages are here, and how many are outstanding, skipped or kept away. It asks
no server, and changes nothing.`,
	}
	return p.onAccounts(c, task{name: "status", run: standing}, "quiet", "json")
}

// standing tells how an account stands. What went wrong in its last run is told again, and is no failure
// of this one.
func standing(ctx context.Context, r *accountRun) (*port.Result, error) {
	result := &port.Result{}
	if _, err := r.rootKnown(ctx, false); err != nil {
		return nil, err
	}
	if _, err := os.Stat(r.stateDir()); errors.Is(err, fs.ErrNotExist) {
		r.told.Line("no run yet")
		return result, nil
	}
	rows, err := r.recorded(ctx)
	if err != nil {
		return nil, err
	}
	last, known, err := store.ReadLastRun(r.stateDir())
	if err != nil {
		return nil, err
	}
	var held []report.Held
	var bytes int64
	short := false // something is not here yet
	for _, row := range rows {
		g := row.Current()
		if g == nil || row.Role == state.RoleArchive {
			continue
		}
		t := g.Tally
		held = append(held, report.Held{Mailbox: r.mailboxName(row), Path: row.Path, Role: row.Use,
			Here: t.Here, HereBytes: t.HereBytes, OnServer: t.OnServer, Outstanding: t.Outstanding,
			Skipped: t.Skipped, KeptAway: t.KeptAway, OnlyHere: t.OnlyHere})
		result.Mailboxes++
		result.OnServer += t.OnServer
		result.Here += t.Here - t.OnlyHere
		result.Outstanding += t.Outstanding
		short = short || t.Outstanding > 0 || g.Compared == 0 && t == (state.Tally{}) // made, and never scanned
		bytes += t.HereBytes
	}
	slices.SortStableFunc(held, func(a, b report.Held) int { return strings.Compare(a.Mailbox, b.Mailbox) })
	r.told.Held("mailboxes below "+r.a.Maildir, held)
	if known {
		remembered(r, last)
	}
	if r.recalled = summaryOf(last); r.recalled == nil {
		r.recalled = &report.Summary{Status: "ok"}
	}
	line := lastRun(last, known) + "; " + whatIsHere(result, bytes)
	if r.recalled.Undeletable > 0 {
		line += "; " + r.recalled.Stays()
	}
	for _, q := range last.Quota {
		line += "; quota " + quotaText(q)
	}
	r.told.Line(line)
	if short && r.recalled.Status == "ok" { // another run was killed since, or it was about a part of the mailboxes
		r.recalled.Status = "partial"
	}
	return result, nil
}

// remembered tells in JSON what is known of the last run.
func remembered(r *accountRun, last store.LastRun) {
	told := &report.LastRun{Command: last.Command, Started: last.Started.Format(time.RFC3339), Ended: last.Ended.Format(time.RFC3339), Status: last.Status}
	var quotas []report.Quota
	for _, q := range last.Quota {
		quotas = append(quotas, report.Quota{Root: q.Root, Used: q.Used, Limit: q.Limit, Asked: last.QuotaAsked.Format(time.RFC3339)})
	}
	r.told.Remembered(told, quotas)
}

// whatIsHere sums up what all mailboxes hold, for people.
func whatIsHere(sum *port.Result, bytes int64) string {
	text := fmt.Sprintf("%s here (%s) in %s, %d on the server",
		report.Plural(sum.Here, "message"), report.Size(bytes), report.Plural(sum.Mailboxes, "mailbox"), sum.OnServer)
	if sum.Outstanding > 0 {
		text += fmt.Sprintf(", %d outstanding", sum.Outstanding)
	}
	return text
}

// lastRun says which was the last run, how long ago it was, and how it ended.
func lastRun(last store.LastRun, known bool) string {
	if !known {
		return "the last run is not known"
	}
	ago := "just now"
	if d := time.Since(last.Ended); d < 0 {
		ago = "in the future, by this clock"
	} else if d >= time.Minute {
		ago = report.Seconds(d) + " ago"
	}
	return fmt.Sprintf("last %s %s: %s", last.Command, ago, last.Status)
}

// summaryOf is what a run wrote of how it ended, nil where it cannot be read.
func summaryOf(last store.LastRun) *report.Summary {
	var s report.Summary
	if json.Unmarshal(last.Summary, &s) != nil || s.Type == "" {
		return nil
	}
	return &s
}

func quotaText(q state.Quota) string {
	if q.Limit <= 0 {
		return report.Size(q.Used) + " used"
	}
	return fmt.Sprintf("%s of %s used (%d%%)", report.Size(q.Used), report.Size(q.Limit), int(float64(q.Used)/float64(q.Limit)*100))
}
