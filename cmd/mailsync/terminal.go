package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"golang.org/x/term"

	"mailsync/cmd/mailsync/report"
	"mailsync/state"
)

// report opens the report that the flags ask for.
func (p *program) report() *report.Report {
	opts := report.Options{Out: p.stdout, Err: p.stderr, JSON: p.flags.json, Quiet: p.flags.quiet}
	if f, ok := p.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) && p.flags.verbose == 0 {
		opts.Width = func() int {
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil || width <= 0 {
				return 80
			}
			return width
		}
	}
	return report.New(opts)
}

// log opens the log that -v asks for. Without it there is none: what the user has to
// know is in the report.
func (p *program) log(r *report.Report) *slog.Logger {
	if p.flags.verbose == 0 {
		return slog.New(slog.DiscardHandler)
	}
	level := slog.LevelInfo
	if p.flags.verbose > 1 {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(r.Log(), &slog.HandlerOptions{Level: level}))
}

// limit is how --max-time ends a run.
type limit struct {
	ctx    context.Context
	cancel func()
	stop   <-chan struct{} // closed when the time is up; nil without a limit
}

// grace is how long a run may take to stop by itself once its time is up, before its waits are
// broken, whatever the server does. That is clean as well, but what was under way is lost.
const grace = time.Second

// errTimeUp is why a context ended then.
var errTimeUp = state.Faultf(state.Other, "%w", cancelled("stopped by --max-time while waiting for the server")).
	WithHint("the next run goes on from here")

func (p *program) limitTime(ctx context.Context) limit {
	if p.flags.maxTime == 0 {
		return limit{ctx: ctx, cancel: func() {}}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := make(chan struct{})
	up := time.AfterFunc(p.flags.maxTime, func() { close(stop) })
	over := time.AfterFunc(p.flags.maxTime+grace, func() { cancel(errTimeUp) })
	return limit{ctx: ctx, stop: stop, cancel: func() {
		up.Stop()
		over.Stop()
		cancel(nil)
	}}
}
