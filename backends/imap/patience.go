package imap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mailsync/backends/reach"
	"mailsync/state"
)

// turnedAway is a refusal in place of a greeting: nothing of ours was wrong yet.
func (a *Account) turnedAway(r *refusal) error {
	wait, _ := r.comeBack()
	return &reach.Busy{Err: fmt.Errorf("%s turned us away: %w", a.o.Addr(), r), Wait: wait}
}

// asBusy finds a come back later in an error, a refused command's included.
func asBusy(err error) (*reach.Busy, bool) {
	var b *reach.Busy
	if errors.As(err, &b) {
		return b, true
	}
	if r, ok := asRefusal(err); ok {
		if wait, later := r.comeBack(); later {
			return &reach.Busy{Err: err, Wait: wait}, true
		}
	}
	return nil, false
}

// waitFor waits as long as b asks, or longer each time where it does not say. It returns at
// once, with the error to give up with, where that would be too long.
func (a *Account) waitFor(ctx context.Context, b *reach.Busy) error {
	waited, err := a.patience.Wait(ctx, b.Wait)
	if waited {
		return err
	}
	return gaveUp(b)
}

// gaveUp is the error for a server that is busy for longer than we wait.
func gaveUp(b *reach.Busy) error {
	f := state.Faultf(state.Unreachable, "%w", b.Err)
	if b.Wait > 0 {
		return f.WithHint("the server wants to be left alone for %v: try again then, or raise max_wait", b.Wait.Round(time.Second))
	}
	return f.WithHint("the server is busy or limits its use: try again later")
}
