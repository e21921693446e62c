package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"mailsync/state"
)

// interrupt is what is known of signals that ask the program to end.
type interrupt struct {
	got    atomic.Int32 // exit code of the first one, 0: none came
	cancel context.CancelCauseFunc
	in     chan os.Signal
}

// cancelled is a context.Canceled that says why.
type cancelled string

func (c cancelled) Error() string        { return string(c) }
func (c cancelled) Is(target error) bool { return target == context.Canceled }

// errInterrupted is why a context ended at the first signal.
var errInterrupted = state.Faultf(state.Interrupted, "%w", cancelled("interrupted")).
	WithHint("the state is clean; the next run goes on from here")

// watchSignals returns a context that the first SIGINT or SIGTERM cancels, so that the
// run stops cleanly. The second ends the program at once: no state is lost by that
// either, but what was under way is.
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
