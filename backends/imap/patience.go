package imap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mailsync/state"
)

// busy is a server that wants us to come back later.
type busy struct {
	err  error
	wait time.Duration // what it asked for, 0 unknown
}

func (b *busy) Error() string { return b.err.Error() }
func (b *busy) Unwrap() error { return b.err }

// turnedAway is a refusal in place of a greeting: nothing of ours was wrong yet.
func (a *Account) turnedAway(r *refusal) error {
	wait, _ := r.comeBack()
	return &busy{err: fmt.Errorf("%s turned us away: %w", a.o.Addr(), r), wait: wait}
}

// asBusy finds a come back later in an error, a refused command's included.
func asBusy(err error) (*busy, bool) {
	var b *busy
	if errors.As(err, &b) {
		return b, true
	}
	if r, ok := asRefusal(err); ok {
		if wait, later := r.comeBack(); later {
			return &busy{err: err, wait: wait}, true
		}
	}
	return nil, false
}

// waitFor waits as long as b asks, or longer each time where it does not say. It returns at
// once, with the error to give up with, where that would be too long.
func (a *Account) waitFor(ctx context.Context, b *busy) error {
	waited, err := a.patience.Wait(ctx, b.wait)
	if waited {
		return err
	}
	f := state.Faultf(state.Unreachable, "%w", b.err)
	if b.wait > 0 {
		return f.WithHint("the server wants to be left alone for %v: try again then, or raise max_wait", b.wait.Round(time.Second))
	}
	return f.WithHint("the server is busy or limits its use: try again later")
}
