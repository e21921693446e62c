package imap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"mailsync/backends/reach"
)

var (
	errClosed = errors.New("the account is closed")
	// errNoRoom means that another connection cannot be made without waiting.
	errNoRoom = errors.New("all connections are in use")
)

// pool holds an account's sessions. It makes one when it is needed and none is free,
// up to limit; a server that does not let us have so many lowers limit, as long as one
// session is there.
type pool struct {
	mu      sync.Mutex
	free    []*session
	all     map[*session]struct{}
	making  int
	limit   int
	took    time.Duration // how long the last session took to be made
	line    []*waiter     // those that change flags, in the order in which they came
	closed  bool
	changed chan struct{} // closed, and made anew, whenever a session is released or removed
}

func newPool(limit int) pool {
	return pool{all: map[*session]struct{}{}, limit: limit, changed: make(chan struct{})}
}

// near is how quickly a server that is near makes a session. There another one saves no round trips, and costs both sides the
// processor: it pays only where those that are there are busy for longer.
const near = 100 * time.Millisecond

// acquire returns a session that nobody else uses, one that has the mailbox selected if
// there is one. With patient it waits for one; else it returns errNoRoom, unless one is just being made.
func (a *Account) acquire(ctx context.Context, raw string, patient bool) (*session, error) {
	return a.wait(ctx, &waiter{raw: raw}, patient)
}

// wait is acquire for a waiter.
func (a *Account) wait(ctx context.Context, w *waiter, patient bool) (*session, error) {
	p := &a.pool
	defer p.step(w)
	var busy <-chan time.Time // ends a wait that was as long as making another one takes
	long := !patient
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, errClosed
		}
		if s := p.take(w); s != nil {
			p.mu.Unlock()
			return s, nil
		}
		if p.enter(w) {
			busy, long = nil, !patient
		}
		mayPay := long || len(p.all) == 0 || p.pays(w)
		if mayPay && len(p.all)+p.making < p.limit {
			p.leave(w)
			s, err := a.grow(ctx, p) // unlocks
			if !errors.Is(err, errNoRoom) || !patient {
				return s, err
			}
			continue
		}
		changed, making := p.changed, p.making
		if !mayPay && busy == nil {
			busy = time.After(p.took)
		}
		p.mu.Unlock()
		if !patient && making == 0 {
			return nil, errNoRoom
		}
		select {
		case <-changed:
		case <-busy:
			long = true
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// take removes a free session, the one longest unused unless one has the mailbox open. One that opens a mailbox for somebody who
// waits in line is left to them.
func (p *pool) take(w *waiter) *session {
	best := -1
	for i, s := range p.free {
		if s.ahead != nil && s.ahead.whose != w && slices.Contains(p.line, s.ahead.whose) {
			continue
		}
		if best = i; s.at != nil && s.at.raw == w.raw {
			break
		}
	}
	if _, there := p.all[w.on]; there {
		best = slices.Index(p.free, w.on) // else it is free in a moment
	}
	if best < 0 {
		return nil
	}
	s := p.free[best]
	p.free = append(p.free[:best], p.free[best+1:]...)
	return s
}

// grow makes one more session. Where others are there, one that cannot be made lowers
// the limit and is errNoRoom: many servers allow few sessions and refuse more in many ways,
// or close without a word. p.mu is held when it is called and free when it returns.
func (a *Account) grow(ctx context.Context, p *pool) (*session, error) {
	p.making++
	p.mu.Unlock()
	begun := time.Now()
	s, err := a.open(ctx, p.alone)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = time.Since(begun)
	p.making--
	defer p.signal()
	if err == nil && p.closed {
		s.drop()
		return nil, errClosed
	}
	if err == nil {
		p.all[s] = struct{}{}
		return s, nil
	}
	var later *reach.Busy
	others := len(p.all) + p.making
	if ctx.Err() == nil && (others > 0 || errors.As(err, &later) || errors.Is(err, reach.ErrFull)) {
		// Where the others are gone meanwhile, the next try is alone.
		p.limit = max(1, others)
		a.o.Log.Info(fmt.Sprintf("going on with %d connections", max(1, others)), "err", err)
		return nil, errNoRoom
	}
	return nil, err
}

// idle is how many sessions are free, or will be as soon as they are made.
func (p *pool) idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.free) + p.making
}

func (p *pool) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// retire ends the sessions that there are, those in use once they are given back: the next
// one to be acquired is made anew.
func (a *Account) retire() {
	p := &a.pool
	p.mu.Lock()
	free := p.free
	p.free = nil
	for s := range p.all {
		s.retired.Store(true)
	}
	p.mu.Unlock()
	for _, s := range free {
		a.release(s)
	}
}

// release gives a session back; a broken one is forgotten.
func (a *Account) release(s *session) {
	if s.retired.Load() {
		s.logout()
	}
	p := &a.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.broken.Load() || s.w.LastError() != nil || p.closed {
		delete(p.all, s)
		a.commands.Add(s.w.Commands())
		s.drop()
	} else {
		p.free = append(p.free, s)
	}
	p.signal()
}

// alone reports whether the session being made is all there is.
func (p *pool) alone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)+p.making == 1
}

// open connects. Only a session that is alone waits for a busy server, and is tried once
// more when the connection breaks on the way: beside others it is not needed so much.
func (a *Account) open(ctx context.Context, alone func() bool) (s *session, err error) {
	var busy *reach.Busy // the last answer to a session that is alone
	err = a.patience.Meet(ctx, func() (err error) {
		s, err = a.connect(ctx, alone)
		return err
	}, func(err error) (*reach.Busy, bool) {
		if busy = nil; !alone() {
			return nil, false
		}
		busy, _ = asBusy(err)
		return busy, reach.HungUp(err)
	})
	if err != nil && busy != nil && ctx.Err() == nil {
		return nil, gaveUp(busy)
	}
	return s, err
}
