package main

import (
	"mailsync/state/store"
)

// knownWay is how the account logged in last with a password, "" where that is not known, or was another
// server or user.
func (r *accountRun) knownWay() string {
	last, err := r.lastRun()
	if l := last.Login; err == nil && l != nil && l.Host == r.a.Host && l.User == r.a.User {
		return l.Way
	}
	return "" // it costs one more refused log-in at most
}

// keepWay remembers how the account logged in, for the next run.
func (r *accountRun) keepWay(last *store.LastRun) {
	for _, s := range r.servers {
		if way := s.Way(); way != "" {
			last.Login = &store.Login{Host: r.a.Host, User: r.a.User, Way: way}
		}
	}
}
