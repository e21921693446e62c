// Mailsync pulls mail from IMAP servers into local Maildirs.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
)

func main() {
	thrift()
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// thrift has garbage collected sooner than Go would by itself: a run allocates little, so
// that a smaller heap costs next to nothing. GOGC wins, as everywhere.
func thrift() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
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
		return p.fail(err)
	}
	return p.code
}

// program is one run of the program.
type program struct {
	stdout, stderr io.Writer
	flags          flags
	interrupt      *interrupt
	code           int // of the command that ran
}

// fail tells an error that ended the command, and returns its exit code.
func (p *program) fail(err error) int {
	r := report.New(report.Options{Out: p.stdout, Err: p.stderr})
	var problems config.Problems
	if errors.As(err, &problems) {
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
