// Mailsync pulls mail from IMAP and POP3 servers into local Maildirs.
package main

import (
	"context"
	"errors"
	"io"
	"os"

	"mailsync/cmd/mailsync/ask"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/lookup"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
)

func main() {
	paceGarbage()
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the program with its arguments and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := &program{stdout: stdout, stderr: stderr}
	ctx, p.interrupt = watchSignals(ctx)
	defer p.interrupt.stop()
	root := p.commands()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		p.code = p.fail(err)
	}
	return p.closeLogs(p.code)
}

// program is one run of the program.
type program struct {
	stdout, stderr io.Writer
	flags          flags
	interrupt      *interrupt
	logs           logs
	shown          *report.Report // of the command that runs
	code           int            // of the command that ran

	answers ask.Asker      // nil: the person at the terminal
	finder  *lookup.Finder // nil: the network
}

// fail reports an error that ended the command, and returns its exit code.
func (p *program) fail(err error) int {
	r := report.New(report.Options{Out: p.stdout, Err: p.stderr, Record: p.logs.record})
	if problems, ok := errors.AsType[config.Problems](err); ok {
		for _, problem := range problems {
			r.Wrong(problem)
		}
		return int(state.Usage)
	}
	r.Wrong(err)
	return exitCode([]state.Kind{kindOf(err)}, p.interrupt.code())
}

// usage is a mistake on the command line.
func usage(format string, args ...any) *state.Fault {
	return state.Faultf(state.Usage, format, args...)
}

// exitCode is the program's exit code for the kinds of all failures: none is 0, one kind has its
// own code whether or not the rest was done, several are 1. An interrupted run always has the code
// of its signal.
func exitCode(kinds []state.Kind, interrupted int) int {
	code := 0
	for _, k := range kinds {
		switch {
		case k == state.Interrupted:
			return interrupted
		case code == 0:
			code = int(k)
		case code != int(k):
			code = int(state.Other)
		}
	}
	return code
}

// kindOf is state.KindOf for errors that may also be a cancelled context's.
func kindOf(err error) state.Kind {
	if _, ok := errors.AsType[*state.Fault](err); !ok && errors.Is(err, context.Canceled) {
		return state.Interrupted
	}
	return state.KindOf(err)
}

// report opens the report that the flags ask for.
func (p *program) report() *report.Report {
	return report.New(report.Options{Out: p.stdout, Err: p.stderr, JSON: p.flags.json, Quiet: p.flags.quiet, Record: p.logs.record,
		Ops: p.flags.verbose > 0, Terminal: terminalSize(p.stderr)})
}
