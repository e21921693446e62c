package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mailsync/cmd/mailsync/config"
	"mailsync/state"
	"mailsync/sync/port"
)

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		kinds []state.Kind
		want  int
	}{
		{nil, 0},
		{[]state.Kind{state.Login}, 4},
		{[]state.Kind{state.Login, state.Login}, 4},
		{[]state.Kind{state.Login, state.Unreachable}, 1},
		{[]state.Kind{state.Braked, state.Other}, 1},
		{[]state.Kind{state.Other}, 1},
		{[]state.Kind{state.Storage}, 8},
		{[]state.Kind{state.Storage, state.Login, state.Storage}, 1},
		{[]state.Kind{state.Login, state.Interrupted}, 143},
		{[]state.Kind{state.Interrupted}, 143},
	} {
		if got := exitCode(c.kinds, 143); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.kinds, got, c.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want state.Kind
	}{
		{errors.New("x"), state.Other},
		{fmt.Errorf("fetch: %w", context.Canceled), state.Interrupted},
		{fmt.Errorf("fetch: %w", errInterrupted), state.Interrupted},
		{fmt.Errorf("fetch: %w", errTimeUp), state.Other},
		{fmt.Errorf("open: %w", state.Faultf(state.Storage, "full")), state.Storage},
	} {
		if got := kindOf(c.err); got != c.want {
			t.Errorf("%v: kind %d, want %d", c.err, got, c.want)
		}
	}
}

// The engine tells by context.Canceled that it must come to an end.
func TestWhatEndsAContextIsCanceled(t *testing.T) {
	for _, err := range []error{errInterrupted, errTimeUp} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v is not a context.Canceled", err)
		}
	}
}

func TestMaxTimeStopsAndLaterBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &program{flags: flags{maxTime: time.Minute}}
		p.logs.began = time.Now() // the time counts from the program's start
		ctx, stop, cancel := p.limitTime(t.Context())
		defer cancel()
		closed := func() bool {
			synctest.Wait()
			select {
			case <-stop:
				return true
			default:
				return false
			}
		}
		time.Sleep(time.Minute - time.Second) // of the bubble's clock, here and below
		if closed() {
			t.Error("stopped too early")
		}
		time.Sleep(time.Second)
		if !closed() || ctx.Err() != nil {
			t.Error("not stopped cleanly when the time was up")
		}
		time.Sleep(grace)
		synctest.Wait()
		if context.Cause(ctx) != errTimeUp {
			t.Errorf("what still waits goes on waiting: %v", context.Cause(ctx))
		}
	})
}

func TestWithoutMaxTimeNothingStops(t *testing.T) {
	ctx, stop, cancel := (&program{}).limitTime(t.Context())
	defer cancel()
	if stop != nil || ctx != t.Context() {
		t.Error("there is a limit that nobody asked for")
	}
}

// The configuration that "help config" shows is one.
func TestHelpConfigIsAConfiguration(t *testing.T) {
	_, sample, _ := strings.Cut(configIntro, "to begin with:\n")
	sample, _, _ = strings.Cut(sample, "\"mailsync check\"")
	c, err := config.Parse("help", sample, 0o600, func(string) string { return "/home/ada" })
	if err != nil || len(c.Accounts) != 1 {
		t.Fatalf("%v\n%s", err, sample)
	}
}

// Of errors that were joined, each is printed once.
func TestMessage(t *testing.T) {
	one := fmt.Errorf("fetch: %w", errInterrupted)
	for want, err := range map[string]error{
		"fetch: " + errInterrupted.Error(): errors.Join(one, errInterrupted, context.Canceled),
		"a\nb":                             errors.Join(errors.New("a"), errors.New("b"), errors.New("a")),
		"interrupted":                      context.Canceled,
	} {
		if got := message(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What two steps met in one mailbox is reported once, whatever the number of connections.
func TestEachProblemOnce(t *testing.T) {
	full := errors.New("it is full")
	s := summarize(&config.Account{}, &port.Result{Problems: []port.Problem{
		{Mailbox: "INBOX", Err: full}, {Mailbox: "INBOX", Err: fmt.Errorf("%w", full)}, {Mailbox: "Archive", Err: full},
		{Mailbox: "INBOX", UID: 7, Err: full}, {Mailbox: "INBOX", Err: fmt.Errorf(`open "INBOX": %w`, full)},
	}}, 0)
	var got []string
	for _, p := range s.Errors {
		got = append(got, fmt.Sprint(p.Mailbox, " ", p.UID, " ", p.Error))
	}
	if want := "INBOX 0 it is full, Archive 0 it is full, INBOX 7 it is full, INBOX 0 open: it is full"; strings.Join(got, ", ") != want {
		t.Errorf("got %s", strings.Join(got, ", "))
	}
}
