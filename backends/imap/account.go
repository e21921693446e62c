package imap

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"mailsync/backends/reach"
	"mailsync/state"
)

// Account is one account on an IMAP server. Its methods are safe for concurrent use.
type Account struct {
	o        Options
	pool     pool
	patience *reach.Patience
	commands atomic.Int64 // of sessions that are gone
	login    *reach.Login
	server   observed
	names    names
	noticed  notices

	breaks       breaks // of all connections but the further ones of Fetches
	appendBreaks breaks // of Appends
}

// New checks the options and returns the account. It connects to nothing yet.
func New(o Options) (*Account, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	a := &Account{o: o, pool: newPool(o.Connections), patience: &reach.Patience{Most: o.MaxWait}}
	a.login = reach.NewLogin(&a.o.Options)
	return a, nil
}

// final is an error after which nothing is tried again: what was sent may have been done.
type final struct{ error }

func (f *final) Unwrap() error { return f.error }

// do runs f on a session. Where the connection breaks it is run once more on another one, and
// breaks.go says whose fault it is if that breaks, too; where the server wants us to come back
// later, after a wait. So f must be safe to run twice, or return a *final error once it is not.
func (a *Account) do(ctx context.Context, raw string, f func(*session) error) error {
	for again := false; ; {
		if err := a.breaks.leftOut(raw); err != nil {
			return err
		}
		s, err := a.acquire(ctx, raw, true)
		if err != nil {
			return err
		}
		stop := s.watch(ctx)
		err = f(s)
		stop()
		broken := s.broken.Load()
		a.release(s)
		if err == nil {
			a.patience.Worked()
			a.breaks.worked(raw)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var over *final
		isFinal := errors.As(err, &over)
		at := blamed(raw, err)
		if b, later := asBusy(err); later && !isFinal {
			waited := a.waitFor(ctx, b) == nil
			switch own := at.raw != "" && saysNotNow(err); {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case own && broken: // as whatever breaks it
			case waited:
				continue
			case own && !a.breaks.many(at, err):
				return state.Faultf(state.Other, "%w", err).WithHint("%s", state.HintOf(err))
			default:
				return err
			}
		}
		if !broken {
			a.breaks.clear()
			return err
		}
		switch verdict := a.breaks.at(at, err); {
		case verdict == ofServer, verdict == ofNone && again:
			return err
		case verdict == ofObject, isFinal:
			return at.fault(err)
		}
		again = true
	}
}

// Commands returns how many commands were sent so far.
func (a *Account) Commands() int64 {
	n := a.commands.Load()
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	for s := range a.pool.all {
		n += s.w.Commands()
	}
	return n
}

// Close logs out of every session that is free and breaks those that are in use. The
// account is of no use after; a second call does nothing.
func (a *Account) Close() error {
	p := &a.pool
	p.mu.Lock()
	free := p.free
	p.free, p.closed = nil, true
	for _, s := range free {
		delete(p.all, s)
	}
	for s := range p.all {
		s.drop() // whoever uses it gives it back
	}
	p.signal()
	p.mu.Unlock()

	var wg sync.WaitGroup
	for _, s := range free {
		wg.Go(func() {
			s.logout()
			a.commands.Add(s.w.Commands())
		})
	}
	wg.Wait()
	return nil
}
