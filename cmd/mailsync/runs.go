package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync/port"
)

// runs is what is known of an account's runs: the one under way, the last one, and the last that
// succeeded. It is read beside a run, without its lock.
type runs struct {
	now    time.Time
	any    bool // a run began some time
	last   store.LastRun
	known  bool // last is known
	holder store.Holder
	held   bool // by holder; else that one was killed
}

func readRuns(dir string) (r runs, err error) {
	r.now = time.Now()
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	r.any = true
	r.holder, r.held = store.ReadHolder(dir)
	r.last, r.known, err = store.ReadLastRun(dir)
	return r, err
}

// String is the runs for people.
func (r runs) String() string {
	text := r.lastRun()
	switch s := r.last.Success; {
	case s == nil:
		text += "; no success yet"
	case !r.known || s.Ended != r.last.Ended:
		text += "; last success " + r.ago(s.Ended) + " (" + s.Command + ")"
	}
	if under := r.underWay(); under != "" {
		text = under + "; " + text
	}
	return text
}

// lastRun is which command ran last, how long ago, and how it ended.
func (r runs) lastRun() string {
	if !r.known {
		return "last run unknown"
	}
	what := r.last.Command
	if r.last.Part {
		what += " of some mailboxes"
	}
	return fmt.Sprintf("last %s %s: %s", what, r.ago(r.last.Ended), r.last.Status)
}

// underWay is the run that holds the account's lock, or the last that held it and was killed; ""
// where there is neither.
func (r runs) underWay() string {
	what := r.holder.Command
	if what == "" {
		what = "run"
	}
	switch {
	case r.holder.PID == 0:
		return ""
	case !r.held:
		return fmt.Sprintf("the %s that began %s did not come to its end (killed, or a power failure)", what, r.ago(r.holder.Since))
	}
	return fmt.Sprintf("%s under way since %s (process %d)", what, r.at(r.holder.Since), r.holder.PID)
}

// ago is how long ago something was, for people.
func (r runs) ago(t time.Time) string {
	switch d := r.now.Sub(t); {
	case t.IsZero():
		return "at an unknown time"
	case d < 0:
		return report.Seconds(-d) + " in the future, by this clock"
	case d < time.Minute:
		return "just now"
	default:
		return report.Seconds(d) + " ago"
	}
}

// at is a time for people: of today the time alone.
func (r runs) at(t time.Time) string {
	t, now := t.Local(), r.now.Local()
	switch {
	case t.IsZero():
		return "an unknown time"
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04:05")
}

// slack is how far in the future a success may be: clocks are set back by a little.
const slack = time.Minute

// recent reports whether the last success is not older than maxAge, and says why not.
func (r runs) recent(maxAge time.Duration) (ok bool, why string) {
	s := r.last.Success
	if s == nil {
		why = "no sync or backup of all mailboxes has succeeded yet"
		if !r.any {
			why = "no run yet"
		}
		return false, why
	}
	age, text := r.now.Sub(s.Ended), fmt.Sprintf("last success %s (%s)", r.ago(s.Ended), s.Command)
	switch {
	case age < -slack:
		return false, text + ": the clock was or is wrong"
	case age > maxAge:
		return false, text + ", older than " + report.Seconds(maxAge)
	}
	return true, text
}

// judge reports whether an account's last success is recent enough.
func (o *stating) judge(r *accountRun, runs runs, result *port.Result) error {
	ok, text := runs.recent(*o.maxAge)
	r.out.Runs(runs.objects(&ok))
	if ok {
		r.out.Line("ok: " + text)
		return nil
	}
	if runs.known && runs.last.Success == nil || runs.known && runs.last.Ended != runs.last.Success.Ended {
		text += "; " + runs.lastRun()
	}
	if under := runs.underWay(); under != "" {
		text += "; " + under
	}
	text = "late: " + text
	r.out.Line(text)
	var err error = state.Faultf(state.Other, "%s", text)
	if !r.flags.quiet || r.flags.json {
		err = printedError{err}
	}
	result.Fatal, result.Unlooked = err, result.Mailboxes
	return nil
}

// objects are the runs as --json has them; recent is nil where it was not asked for.
func (r runs) objects(recent *bool) (all report.Runs) {
	if r.known {
		all.Last = &report.LastRun{Command: r.last.Command, Part: r.last.Part, Started: stamp(r.last.Started), Ended: stamp(r.last.Ended), Status: r.last.Status}
	}
	for _, q := range r.last.Quota {
		all.Quota = append(all.Quota, report.Quota{Root: q.Root, Used: q.Used, Limit: q.Limit, Asked: stamp(r.last.QuotaAsked)})
	}
	if r.holder.PID != 0 {
		all.Lock = &report.Lock{Command: r.holder.Command, PID: r.holder.PID, Since: stamp(r.holder.Since), Held: r.held}
	}
	all.Success.Recent = recent
	if s := r.last.Success; s != nil {
		age := int64(r.now.Sub(s.Ended) / time.Second)
		all.Success.Command, all.Success.Ended, all.Success.Age = s.Command, stamp(s.Ended), &age
	}
	return all
}

// stamp is a time in JSON, "" where it is not known.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
