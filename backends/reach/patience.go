package reach

import (
	"context"
	"sync"
	"time"
)

// Patience waits for a busy server, for Most from its first refusal to the next success. Its methods
// are safe for concurrent use: all connections of an account share it.
type Patience struct {
	Most  time.Duration
	Now   func() time.Time                                 // nil: time.Now
	Sleep func(ctx context.Context, d time.Duration) error // nil: one that ctx cuts short

	mu    sync.Mutex
	since time.Time // of the first refusal, zero while all is well
	next  time.Duration
}

const (
	firstWait   = 5 * time.Second
	longestWait = 2 * time.Minute
)

// Wait waits as long as the server asked, or longer each time where it did not ask for a time (0). It
// returns false at once where that would be too long, and an error where ctx ended.
func (p *Patience) Wait(ctx context.Context, asked time.Duration) (waited bool, err error) {
	d, ok := p.plan(asked)
	if !ok {
		return false, nil
	}
	rest := p.Sleep
	if rest == nil {
		rest = Sleep
	}
	return true, rest(ctx, d)
}

func (p *Patience) plan(asked time.Duration) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.Now != nil {
		now = p.Now()
	}
	if p.since.IsZero() {
		p.since, p.next = now, firstWait
	}
	d := asked
	if d <= 0 {
		d = p.next
		p.next = min(2*p.next, longestWait)
	}
	return d, now.Add(d).Sub(p.since) <= p.Most
}

// Worked ends the waiting: the server answers again.
func (p *Patience) Worked() {
	p.mu.Lock()
	p.since = time.Time{}
	p.mu.Unlock()
}

// Busy is the error of a server that refuses for now.
type Busy struct {
	Err  error
	Wait time.Duration // how long it asks us to wait; 0: not known
}

func (b *Busy) Error() string { return b.Err.Error() }
func (b *Busy) Unwrap() error { return b.Err }

// Meet calls connect until it works: again after each wait for a busy server, and once more where
// the connection broke on the way. read finds out which of the two an error is, if any; the last error
// is returned as it is, or the cause where ctx ended.
func (p *Patience) Meet(ctx context.Context, connect func() error, read func(error) (busy *Busy, broke bool)) error {
	for again := true; ; {
		err := connect()
		if err == nil {
			p.Worked()
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		busy, broke := read(err)
		switch {
		case busy != nil:
			waited, cut := p.Wait(ctx, busy.Wait)
			if cut != nil {
				return cut
			}
			if !waited {
				return err
			}
		case again && broke:
			again = false
		default:
			return err
		}
	}
}

// Sleep waits for so long, or returns why the context ended before.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
