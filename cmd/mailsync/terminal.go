package main

import (
	"log/slog"
	"os"

	"golang.org/x/term"

	"mailsync/cmd/mailsync/report"
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
