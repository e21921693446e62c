package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"mailsync/state"
	"mailsync/sync/port"
)

// interrupt holds the signals that ask the program to end.
type interrupt struct {
	got    atomic.Int32 // exit code of the first one, 0: there was none
	cancel context.CancelCauseFunc
	in     chan os.Signal
}

// cancelled is a context.Canceled with a reason.
type cancelled string

func (c cancelled) Error() string        { return string(c) }
func (c cancelled) Is(target error) bool { return target == context.Canceled }

// errInterrupted is the reason of a cancellation by the first signal. It is one line, for whoever pressed Ctrl-C.
var errInterrupted = state.Faultf(state.Interrupted, "%w", cancelled("interrupted; the next run continues from here"))

// watchSignals returns a context that the first SIGINT or SIGTERM cancels, so that the run stops
// cleanly. The second ends the program at once: the state survives that too, but work in progress
// is lost.
func watchSignals(ctx context.Context) (context.Context, *interrupt) {
	ctx, cancel := context.WithCancelCause(ctx)
	i := &interrupt{cancel: cancel, in: make(chan os.Signal, 2)}
	signal.Notify(i.in, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range i.in {
			code := 128 + int32(syscall.SIGINT)
			if s == syscall.SIGTERM {
				code = 128 + int32(syscall.SIGTERM)
			}
			if !i.got.CompareAndSwap(0, code) {
				os.Exit(int(code))
			}
			cancel(errInterrupted)
		}
	}()
	return ctx, i
}

// code is the exit code of an interrupted run.
func (i *interrupt) code() int {
	if code := i.got.Load(); code != 0 {
		return int(code)
	}
	return int(state.Interrupted)
}

func (i *interrupt) stop() {
	signal.Stop(i.in)
	close(i.in)
	i.cancel(nil)
}

// withReason is an error of a run whose ctx may have ended. What was interrupted is of no interest; where nothing
// says why something was cancelled, it is ctx's reason.
func withReason(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, errTimeUp) {
		return errTimeUp // wherever that was
	}
	if _, known := errors.AsType[*state.Fault](err); known && state.KindOf(cause) != state.Interrupted {
		return err
	}
	return cause
}

// withReasons gives all failures of a result their reason.
func withReasons(ctx context.Context, result *port.Result) {
	result.Fatal = withReason(ctx, result.Fatal)
	for i := range result.Problems {
		result.Problems[i].Err = withReason(ctx, result.Problems[i].Err)
	}
}

// grace is how long a run may take to stop by itself once its time is up, before its context is
// cancelled, whatever the server does. That is clean too, but work in progress is lost.
const grace = time.Second

// errTimeUp is the reason of that cancellation, and what a run that stopped by itself reports. It is one line.
var errTimeUp = state.Faultf(state.Other, "%w", cancelled("stopped by --max-time; the next run continues from here"))

// limitTime ends a run after --max-time: it closes the channel that it returns, which is nil
// without a limit, and after the grace it cancels the context.
func (p *program) limitTime(ctx context.Context) (context.Context, <-chan struct{}, func()) {
	if p.flags.maxTime == 0 {
		return ctx, nil, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := make(chan struct{})
	left := p.flags.maxTime - time.Since(p.logs.began)
	up := time.AfterFunc(left, func() { close(stop) })
	over := time.AfterFunc(left+grace, func() { cancel(errTimeUp) })
	return ctx, stop, func() {
		up.Stop()
		over.Stop()
		cancel(nil)
	}
}
