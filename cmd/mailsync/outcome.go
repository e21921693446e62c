package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// kindsOf returns the kind of each failure. What was given up in a run that the server ended is
// the server's fault too.
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

// summarize makes the report's summary of a result.
func summarize(a *config.Account, r *port.Result, commands int64) report.Summary {
	s := report.Summary{
		Account: a.Name, Protocol: a.Protocol, Status: r.Status(),
		Mailboxes: r.Mailboxes, Unchanged: r.Unchanged,
		Changes: report.Changes(r.Done),
		Whereabouts: report.Whereabouts{
			OnServer: r.OnServer, Here: r.Here, Outstanding: r.Outstanding,
			OnlyHere: r.OnlyHere, Unlooked: r.Unlooked, NotLookedAt: r.Unseen, Uncounted: r.Uncounted,
		},
		Commands: commands, Seconds: r.Ended.Sub(r.Began).Seconds(),
	}
	for _, p := range problems(r) {
		problem := report.Problem{
			Mailbox: p.Mailbox, UID: uint32(p.UID), Error: withoutName(message(p.Err), p.Mailbox), Hint: state.HintOf(p.Err), Printed: errors.As(p.Err, new(printedError)),
		}
		if n, ok := errors.AsType[*port.NotAppended](p.Err); ok {
			problem.Unsent = withoutName(message(n.Err), p.Mailbox)
		}
		if !slices.Contains(s.Errors, problem) { // the next step may have met the same
			s.Errors = append(s.Errors, problem)
		}
	}
	return s
}

// withoutName takes the name of a mailbox out of a text that is shown behind it.
func withoutName(text, mailbox string) string {
	return strings.Replace(text, " "+strconv.QuoteToGraphic(mailbox)+": ", ": ", 1)
}

// message is the text of an error without duplicate lines: where several connections broke for
// one reason, their errors were joined.
func message(err error) string {
	var lines []string
	for line := range strings.SplitSeq(state.PlainText(err), "\n") {
		if !slices.ContainsFunc(lines, func(l string) bool { return l == line || strings.HasSuffix(l, ": "+line) }) {
			lines = append(lines, line)
		}
	}
	if len(lines) > 1 { // a cancellation only follows from another error
		lines = slices.DeleteFunc(lines, func(l string) bool { return l == state.PlainText(context.Canceled) })
	}
	return strings.Join(lines, "\n")
}

// unreachableFile is empty; since its mtime the server cannot be reached.
const unreachableFile = "unreachable"

// unreachable keeps the time for complain_after, and reports whether it is too early to complain:
// the only failure is that the server cannot be reached, and it has not lasted long. An account
// without a state directory never reached it, and is reported at once. Only runs that held the
// account's lock count: the others only look.
func (r *accountRun) unreachable(result *port.Result, kinds []state.Kind) bool {
	if r.a.ComplainAfter == 0 || r.lock == nil {
		return false
	}
	path := filepath.Join(r.stateDir(), unreachableFile)
	if !slices.Contains(kinds, state.Unreachable) {
		if result.Mailboxes > 0 {
			_ = os.Remove(path) // if it stays, the next complaint is early
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
		return false // without the time, everything is reported
	}
	lasted := time.Since(info.ModTime())
	return lasted >= 0 && lasted < r.a.ComplainAfter
}
