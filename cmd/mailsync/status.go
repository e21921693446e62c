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
		Short: "show the last run and what is here, without asking the server",
		Long: `status shows the last run of each account and its errors, and for each mailbox how many
messages are here, and how many are outstanding, skipped or kept away. It asks no server, and
changes nothing.`,
	}
	return p.onAccounts(c, task{name: "status", run: status, bare: &bareNeeds{maildir: true, server: never}}, "quiet", "json")
}

// status reports what the state knows of an account. The errors of its last run are repeated, and
// are not failures of this one.
func status(ctx context.Context, r *accountRun) (*port.Result, error) {
	result := &port.Result{}
	if _, err := r.rootKnown(ctx, false); err != nil {
		return nil, err
	}
	if _, err := os.Stat(r.stateDir()); errors.Is(err, fs.ErrNotExist) {
		r.out.Line("no run yet")
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
	var mailboxes []report.LocalMailbox
	var bytes int64
	short := false // something is not here yet
	for _, row := range rows {
		g := row.Current()
		if g == nil || row.Role == state.RoleArchive {
			continue
		}
		t := g.Tally
		mailboxes = append(mailboxes, report.LocalMailbox{Mailbox: r.mailboxName(row), Path: row.Path, Role: row.Use,
			Here: t.Here, HereBytes: t.HereBytes, OnServer: t.OnServer, Outstanding: t.Outstanding,
			Skipped: t.Skipped, KeptAway: t.KeptAway, OnlyHere: t.OnlyHere})
		result.Mailboxes++
		result.OnServer += t.OnServer
		result.Here += t.Here - t.OnlyHere
		result.Outstanding += t.Outstanding
		short = short || t.Outstanding > 0 || g.Compared == 0 && t == (state.Tally{}) // made, and never scanned
		bytes += t.HereBytes
	}
	slices.SortStableFunc(mailboxes, func(a, b report.LocalMailbox) int { return strings.Compare(a.Mailbox, b.Mailbox) })
	r.out.LocalMailboxes("mailboxes below "+r.a.Maildir, mailboxes)
	if known {
		r.out.LastRun(last)
	}
	if r.recalled = summaryOf(last); r.recalled == nil {
		r.recalled = &report.Summary{Status: "ok"}
	}
	line := lastRun(last, known) + "; " + whatIsHere(result, bytes)
	if r.recalled.Undeletable > 0 {
		line += "; " + r.recalled.Stays()
	}
	for _, q := range last.Quota {
		line += "; quota " + report.Room{Used: q.Used, Limit: q.Limit}.String()
	}
	r.out.Line(line)
	if short && r.recalled.Status == "ok" { // another run was killed since, or it was about a part of the mailboxes
		r.recalled.Status = "partial"
	}
	return result, nil
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

// lastRun is which command ran last, how long ago, and how it ended.
func lastRun(last store.LastRun, known bool) string {
	if !known {
		return "last run unknown"
	}
	ago := "just now"
	if d := time.Since(last.Ended); d < 0 {
		ago = "in the future, by this clock"
	} else if d >= time.Minute {
		ago = report.Seconds(d) + " ago"
	}
	return fmt.Sprintf("last %s %s: %s", last.Command, ago, last.Status)
}

// summaryOf is the summary that a run recorded, nil where it cannot be read.
func summaryOf(last store.LastRun) *report.Summary {
	var s report.Summary
	if json.Unmarshal(last.Summary, &s) != nil || s.Type == "" {
		return nil
	}
	return &s
}
