package main

import (
	"context"
	"strings"
	"sync"
	"time"

	backend "mailsync/backends/reach"
	"mailsync/cmd/mailsync/config"
)

// hostConnections is how many connections to one host there are at once, over all of its accounts, where the configuration does
// not say: servers limit them for each address that they come from, too.
const hostConnections = 16

// loginPause is what lies at least between the beginnings of two connections to one host: a hundred log-ins a second. Many accounts
// at once are what an attack looks like.
const loginPause = 10 * time.Millisecond

// hosts are the hosts of this run's accounts.
type hosts struct {
	mu  sync.Mutex
	all map[string]*host
}

// host bounds the connections to one host. Each account that is worked on may have one at any time; what is left of the limit is
// shared by those that can use more.
type host struct {
	accounts int // that are worked on at once

	mu    sync.Mutex
	spare int       // connections that may be made besides the first ones; fewer than none while some of those are made anew
	next  time.Time // when the next one may be made
	pause time.Duration
}

func hostName(a *config.Account) string { return strings.ToLower(strings.TrimSuffix(a.Host, ".")) }

func newHosts(accounts []*config.Account) *hosts {
	type count struct{ accounts, set, most int }
	counts := map[string]*count{}
	for _, a := range accounts {
		c := counts[hostName(a)]
		if c == nil {
			c = &count{}
			counts[hostName(a)] = c
		}
		c.accounts++
		c.most = max(c.most, a.Connections)
		if a.HostConnections > 0 && (c.set == 0 || a.HostConnections < c.set) {
			c.set = a.HostConnections
		}
	}
	h := &hosts{all: map[string]*host{}}
	for name, c := range counts {
		limit := c.set
		if limit == 0 {
			limit = max(hostConnections, c.most)
		}
		h.all[name] = newHost(name, limit, c.accounts)
	}
	return h
}

func newHost(name string, limit, accounts int) *host {
	h := &host{accounts: min(accounts, (limit+1)/2)}
	h.spare = limit - h.accounts
	if !config.Loopback(name) {
		h.pause = loginPause
	}
	return h
}

// of returns an account's host. One that is not among those of the run is that of "restore --to".
func (h *hosts) of(a *config.Account) *host {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := hostName(a)
	if h.all[name] == nil {
		h.all[name] = newHosts([]*config.Account{a}).all[name]
	}
	return h.all[name]
}

// lane is an account's share of its host's connections.
type lane struct {
	host   *host
	open   int // guarded by the host's mutex
	closed bool
}

// enter waits until a connection may be made. The first one always may, also where the one before it is not closed yet; one beside
// others only if there is one to spare.
func (l *lane) enter(ctx context.Context, beside bool) (leave func(), err error) {
	h := l.host
	h.mu.Lock()
	if l.open > 0 {
		if beside && h.spare <= 0 {
			h.mu.Unlock()
			return nil, backend.ErrFull
		}
		h.spare--
	}
	l.open++
	now := time.Now()
	at := now
	if h.next.After(now) {
		at = h.next
	}
	h.next = at.Add(h.pause)
	h.mu.Unlock()
	if at.After(now) {
		if err := backend.Sleep(ctx, at.Sub(now)); err != nil {
			l.leave()
			return nil, err
		}
	}
	return l.leave, nil
}

// leave gives a connection back.
func (l *lane) leave() {
	l.host.mu.Lock()
	defer l.host.mu.Unlock()
	if l.closed {
		return
	}
	if l.open > 1 {
		l.host.spare++
	}
	l.open--
}

// close gives back what was not.
func (l *lane) close() {
	l.host.mu.Lock()
	defer l.host.mu.Unlock()
	if !l.closed {
		l.host.spare += max(0, l.open-1)
	}
	l.closed = true
}

// gate is that of the account's connections; nil outside of a session with hosts.
func (r *accountRun) gate() backend.Gate {
	if r.hosts == nil {
		return nil
	}
	if r.lane == nil {
		r.lane = &lane{host: r.hosts.of(r.a)}
		r.lanes = append(r.lanes, r.lane)
	}
	return r.lane.enter
}
