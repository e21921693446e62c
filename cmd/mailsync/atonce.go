package main

import (
	"context"
	"sync"

	"mailsync/cmd/mailsync/config"
	"mailsync/state"
)

// mostAtOnce is how many accounts are worked on at the same time. With nothing new an account waits for its server most of the time;
// one that fetches has 4 MB of buffers, and what its connections have.
const mostAtOnce = 32

// Of the files that a process may open, some are for the program itself, with the folders that it holds open, and so many for each
// account at work: its lock, its state, its Maildirs and what is written there. Its connections come on top of them.
const (
	ownFiles     = 128
	accountFiles = 40
)

// atOnce is how many accounts are worked on at the same time where a process may have so many files open; 0: as many as it likes.
func atOnce(files int, accounts []*config.Account) int {
	if files == 0 {
		return mostAtOnce
	}
	most := 1
	for _, a := range accounts {
		most = max(most, a.Connections)
	}
	return min(mostAtOnce, max(1, (files-ownFiles)/(accountFiles+most)))
}

// all does the task with every account and returns the kinds of all failures. No account's
// failure stops another, and no server holds back the accounts of another one.
func (s *session) all(ctx context.Context, accounts []*config.Account) []state.Kind {
	s.hosts = newHosts(accounts)
	q := newQueue(s.hosts, accounts)
	var mu sync.Mutex
	var kinds []state.Kind
	var workers sync.WaitGroup
	for range min(atOnce(openFiles(), accounts), len(accounts)) {
		workers.Go(func() {
			for a := q.next(); a != nil; a = q.next() {
				wrong := s.account(ctx, a)
				q.done(a)
				mu.Lock()
				kinds = append(kinds, wrong...)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return kinds
}

// queue hands out accounts, one host after the other: of a host only as many as may be worked on at once.
type queue struct {
	mu      sync.Mutex
	changed *sync.Cond
	of      map[string]*line // by the host's name
	ready   []*line          // those that have an account to hand out and may
	left    int              // accounts that were not handed out
}

// line are the accounts of a host.
type line struct {
	waiting []*config.Account
	free    int // how many more may be worked on
}

func newQueue(h *hosts, accounts []*config.Account) *queue {
	q := &queue{of: map[string]*line{}, left: len(accounts)}
	q.changed = sync.NewCond(&q.mu)
	for _, a := range accounts {
		name := hostName(a)
		l := q.of[name]
		if l == nil {
			l = &line{free: h.of(a).accounts}
			q.of[name] = l
			q.ready = append(q.ready, l)
		}
		l.waiting = append(l.waiting, a)
	}
	return q
}

// next waits for the next account; nil: there are no more.
func (q *queue) next() *config.Account {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 && q.left > 0 {
		q.changed.Wait()
	}
	if q.left == 0 {
		return nil
	}
	l := q.ready[0]
	q.ready = q.ready[1:]
	a := l.waiting[0]
	l.waiting = l.waiting[1:]
	l.free--
	if q.left--; q.left == 0 {
		q.changed.Broadcast()
	}
	q.enlist(l)
	return a
}

// done ends the work on an account.
func (q *queue) done(a *config.Account) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.of[hostName(a)]
	if l.free++; l.free == 1 {
		q.enlist(l)
	}
}

// enlist puts a line at the end of those that are ready, if it is.
func (q *queue) enlist(l *line) {
	if l.free > 0 && len(l.waiting) > 0 {
		q.ready = append(q.ready, l)
		q.changed.Signal()
	}
}
