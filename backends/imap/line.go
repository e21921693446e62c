package imap

import (
	"context"
	"slices"

	"mailsync/backends/imap/wire"
)

// To change flags takes two turns: SELECT has to be answered before a STORE is sent, or the STORE might be done in another mailbox.
// Where others wait for the session, to do the same in their mailboxes, the SELECT of the first of them is sent behind the STOREs,
// and each of them takes one turn. Nothing of theirs is sent before that SELECT was answered with OK and the UIDVALIDITY that they
// mean; with any other answer they send their own. A server has to do STORE and SELECT in this order (RFC 9051 section 5.5).

// crowd is how many mailboxes have to wait for each session before another one is made for them at once: a session takes four turns
// or more to be made, and would save less.
const crowd = 8

// waiter is who waits for a session.
type waiter struct {
	raw   string
	flags bool     // it will select the mailbox and change flags: two turns
	on    *session // that has sent SELECT for it
	at    int      // place in the line
}

// enter lets one who changes flags stand in line, and reports whether the line has moved on since it was called last. p.mu is held.
func (p *pool) enter(w *waiter) (moved bool) {
	if !w.flags {
		return false
	}
	at := slices.Index(p.line, w)
	if at < 0 {
		at, p.line = len(p.line), append(p.line, w)
		w.at = at
	}
	moved, w.at = at < w.at, at
	return moved
}

// leave takes it out of the line. p.mu is held.
func (p *pool) leave(w *waiter) {
	w.on = nil
	if i := slices.Index(p.line, w); i >= 0 {
		p.line = slices.Delete(p.line, i, i+1)
	}
}

// step is leave of one who waits no more.
func (p *pool) step(w *waiter) {
	if w.flags {
		p.mu.Lock()
		p.leave(w)
		p.mu.Unlock()
	}
}

// pays reports whether another session is worth being made at once. p.mu is held.
func (p *pool) pays(w *waiter) bool {
	return p.took > near && (!w.flags || len(p.line) >= crowd*(len(p.all)+p.making))
}

// first returns the first in line for whom no SELECT was sent, nil where nobody waits: it will be sent on s.
func (p *pool) first(s *session) *waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.line {
		if _, there := p.all[w.on]; !there {
			w.on = s
			return w
		}
	}
	return nil
}

// selecting is a SELECT that was sent for a waiter.
type selecting struct {
	whose *waiter
	at    *opened // of the goroutine that reads, until it was answered
	place *opened // what the session has selected while that is not known
	sent  *wire.Sent
}

// selectNext opens the mailbox of the next in line, without waiting. It returns false where nobody waits.
func (s *session) selectNext(ctx context.Context) bool {
	if s.a.server.inTurn.Load() {
		return false
	}
	w := s.a.pool.first(s)
	if w == nil {
		return false
	}
	next := &selecting{whose: w, at: &opened{s: s, raw: w.raw}, place: &opened{s: s, raw: w.raw}}
	s.at, s.ahead = next.place, next
	var err error
	if next.sent, err = s.w.Send(ctx, next.at.command(), next.at.read); err != nil {
		s.forgoNext() // the connection is broken
	}
	return true
}

// forgoNext lets another session open that mailbox.
func (s *session) forgoNext() {
	if next := s.ahead; next != nil {
		s.ahead = nil
		p := &s.a.pool
		p.mu.Lock()
		next.whose.on = nil
		p.mu.Unlock()
	}
}

// openedAhead returns a mailbox for which SELECT was sent before, nil where it has to be sent now.
func (s *session) openedAhead(ctx context.Context, raw string, uidValidity uint32) *opened {
	next := s.ahead
	if s.ahead = nil; next == nil || s.at != next.place || next.at.raw != raw {
		return nil
	}
	ok, err := next.sent.Wait(ctx)
	if at := next.at; err == nil && !next.sent.Crossed() && at.hasExists && at.same(uidValidity) == nil {
		at.answered(ok)
		return at
	}
	return nil
}
