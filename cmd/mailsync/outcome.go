package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/sync/port"
)

// problems are all failures of a result, what ended the run last.
func problems(result *port.Result) []port.Problem {
	all := slices.Clone(result.Problems)
	if result.Fatal != nil {
		all = append(all, port.Problem{Err: result.Fatal})
	}
	return all
}

// kindsOf returns the kind of each failure. What was given up in a run that the server ended was
// the server's fault, too.
func kindsOf(result *port.Result) []state.Kind {
	ended := result.Fatal != nil && kindOf(result.Fatal) == state.Unreachable
	var kinds []state.Kind
	for _, p := range problems(result) {
		kind := kindOf(p.Err)
		if ended && errors.Is(p.Err, state.ErrBreaks) {
			kind = state.Unreachable
		}
		kinds = append(kinds, kind)
	}
	return kinds
}

// summarize puts a result into the report's words.
func summarize(a *config.Account, r *port.Result, commands int64) report.Summary {
	s := report.Summary{
		Account: a.Name, Protocol: a.Protocol, Status: r.Status(),
		Mailboxes: r.Mailboxes, Unchanged: r.Unchanged,
		Changes: report.Changes{
			Fetched: r.Fetched, FetchedBytes: r.FetchedBytes, Appended: r.Appended,
			FlagsToDisk: r.FlagsToDisk, FlagsToServer: r.FlagsToServer,
			DeletedOnDisk: r.DeletedOnDisk, DeletedOnServer: r.DeletedOnServer,
			MovedOnDisk: r.MovedHere, MovedOnServer: r.MovedThere,
			MovedToTrash: r.MovedToTrash, MovedBack: r.MovedBack, Undeletable: r.Undeletable,
		},
		Whereabouts: report.Whereabouts{
			OnServer: r.OnServer, Here: r.Here, Outstanding: r.Outstanding,
			Unlooked: r.Unlooked, NotLookedAt: r.Unseen, Uncounted: r.Uncounted,
		},
		Commands: commands, Seconds: r.Ended.Sub(r.Began).Seconds(),
		Errors: []report.Problem{},
	}
	for _, p := range problems(r) {
		s.Errors = append(s.Errors, report.Problem{
			Mailbox: p.Mailbox, UID: uint32(p.UID), Error: said(p.Err), Hint: state.HintOf(p.Err), Told: errors.As(p.Err, new(toldError)),
		})
	}
	return s
}

// said is what an error says, each thing once: where several connections broke for one
// reason, their errors were joined.
func said(err error) string {
	var lines []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !slices.ContainsFunc(lines, func(l string) bool { return l == line || strings.HasSuffix(l, ": "+line) }) {
			lines = append(lines, line)
		}
	}
	if len(lines) > 1 { // it only tells that something else ended it
		lines = slices.DeleteFunc(lines, func(l string) bool { return l == context.Canceled.Error() })
	}
	return strings.Join(lines, "\n")
}

// sinceFile is empty; its time says since when the server cannot be reached.
const sinceFile = "unreachable"

// unreachable keeps the memory behind complain_after, and reports whether there is
// nothing to complain of yet: the server alone is the trouble, and has not been for long.
// An account without a state directory was never reached, and is complained of at once.
// Only runs that held the account's lock count: the others are somebody who looks.
func (r *accountRun) unreachable(result *port.Result, kinds []state.Kind) bool {
	if r.a.ComplainAfter == 0 || !r.holds {
		return false
	}
	path := filepath.Join(r.stateDir(), sinceFile)
	if !slices.Contains(kinds, state.Unreachable) {
		if result.Mailboxes > 0 {
			_ = os.Remove(path) // there seldom is one; if it stays, the next complaint comes early
		}
		return false
	}
	if slices.ContainsFunc(kinds, func(k state.Kind) bool { return k != state.Unreachable }) {
		return false
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		return err == nil && f.Close() == nil
	}
	if err != nil {
		return false // without a memory, nothing is held back
	}
	lasted := time.Since(info.ModTime())
	return lasted >= 0 && lasted < r.a.ComplainAfter
}
