package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	backend "mailsync/backends/reach"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/sync/port"
)

// accountsOf are n accounts of a host.
func accountsOf(host string, n, connections int) (all []*config.Account) {
	for i := range n {
		all = append(all, &config.Account{Name: fmt.Sprintf("%s-%d", host, i), Host: host, Connections: connections})
	}
	return all
}

// All accounts of a host together have no more connections than it lets them, each that is worked on has one at once, and what is
// left over is used.
func TestHostConnectionsAreBounded(t *testing.T) {
	for _, c := range []struct{ accounts, connections, set, limit, atOnce int }{
		{1, 3, 0, 16, 1},
		{1, 32, 0, 32, 1}, // as one account is allowed to have by itself
		{100, 3, 0, 16, 8},
		{100, 3, 4, 4, 2},
		{100, 3, 1, 1, 1},
		{100, 3, 100, 100, 50},
		{3, 1, 0, 16, 3},
	} {
		accounts := accountsOf("mail.example.org", c.accounts, c.connections)
		accounts[0].HostConnections = c.set
		h := newHosts(accounts).of(accounts[0])
		h.pause = 0
		if h.accounts != c.atOnce {
			t.Errorf("%+v: %d accounts at once", c, h.accounts)
		}
		open := 0
		var leaves []func()
		lanes := make([]*lane, h.accounts)
		for i := range lanes {
			lanes[i] = &lane{host: h}
		}
		for range c.limit { // one each, then whatever is to be had
			for _, l := range lanes {
				leave, err := l.enter(t.Context(), true)
				switch {
				case err == nil:
					open++
					leaves = append(leaves, leave)
				case !errors.Is(err, backend.ErrFull) || l.open == 0:
					t.Fatalf("%+v: %v", c, err)
				}
			}
		}
		if open != c.limit {
			t.Errorf("%+v: %d connections", c, open)
		}
		for _, leave := range leaves {
			leave()
		}
		if h.spare != c.limit-c.atOnce {
			t.Errorf("%+v: %d to spare after all are closed", c, h.spare)
		}
	}
}

// What an account did not close is given back when it ends, and only once.
func TestLanesAreGivenBack(t *testing.T) {
	a := accountsOf("127.0.0.1", 2, 3)
	h := newHosts(a).of(a[0])
	before := h.spare
	l := &lane{host: h}
	var last func()
	for range 3 {
		leave, err := l.enter(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		last = leave
	}
	l.close()
	last()
	l.close()
	if h.spare != before {
		t.Errorf("%d to spare, and %d before", h.spare, before)
	}
}

// The only connection of an account is made anew although the one before it is still closing, and no other account gains by that.
func TestTheOnlyConnectionIsNeverRefused(t *testing.T) {
	accounts := accountsOf("127.0.0.1", 2, 3)
	accounts[0].HostConnections = 2 // one for each
	accounts = append(accounts, accountsOf("127.0.0.1", 1, 3)...)
	h := newHosts(accounts).of(accounts[0])
	spare := h.spare
	l, other := &lane{host: h}, &lane{host: h}
	enter := func(l *lane, beside bool, want error) (leave func()) {
		t.Helper()
		leave, err := l.enter(t.Context(), beside)
		if !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
		return leave
	}
	enter(other, false, nil)
	for range spare {
		enter(other, true, nil)
	}
	closing := enter(l, false, nil)
	enter(l, true, backend.ErrFull)
	anew := enter(l, false, nil)
	enter(other, true, backend.ErrFull)
	closing()
	enter(other, true, backend.ErrFull)
	anew()
	other.close()
	l.close()
	if h.spare != spare {
		t.Errorf("%d to spare, and %d before", h.spare, spare)
	}
}

// No host is asked for more than a hundred log-ins a second, and this machine for as many as it can.
func TestLogInsArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for host, want := range map[string]time.Duration{"mail.example.org": 99 * loginPause, "localhost": 0} {
			accounts := accountsOf(host, 100, 1)
			accounts[0].HostConnections = 1000
			h := newHosts(accounts)
			begun := time.Now()
			var all sync.WaitGroup
			for _, a := range accounts {
				all.Go(func() {
					if _, err := (&lane{host: h.of(a)}).enter(t.Context(), true); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if took := time.Since(begun); took != want {
				t.Errorf("%s: 100 log-ins began within %v, want %v", host, took, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a := accountsOf("mail.example.org", 1, 1)[0]
		l := &lane{host: newHosts([]*config.Account{a}).of(a)}
		for range 2 { // the first one does not wait
			if _, err := l.enter(ctx, true); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		if l.open != 1 {
			t.Errorf("%d connections of one that was made and one that was interrupted", l.open)
		}
	})
}

// A server that answers nothing holds back its own accounts, and those of no other one; every account has its turn once.
func TestOneHostHoldsBackNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts := slices.Concat(accountsOf("dead.example.org", 500, 1), accountsOf("alive.example.org", 500, 1), accountsOf("Alive.example.org.", 1, 1))
		q := newQueue(newHosts(accounts), accounts)
		var mu sync.Mutex
		turns := map[string]int{}
		var aliveDone time.Duration
		begun, running, most := time.Now(), map[string]int{}, map[string]int{}
		var workers sync.WaitGroup
		for range mostAtOnce {
			workers.Go(func() {
				for a := q.next(); a != nil; a = q.next() {
					host := hostName(a)
					mu.Lock()
					turns[a.Name]++
					running[host]++
					most[host] = max(most[host], running[host])
					mu.Unlock()
					if host == "dead.example.org" {
						time.Sleep(time.Minute)
					} else {
						time.Sleep(time.Second)
					}
					mu.Lock()
					running[host]--
					if host == "alive.example.org" {
						aliveDone = time.Since(begun)
					}
					mu.Unlock()
					q.done(a)
				}
			})
		}
		workers.Wait()
		if len(turns) != len(accounts) {
			t.Errorf("%d of %d accounts had their turn", len(turns), len(accounts))
		}
		for name, n := range turns {
			if n != 1 {
				t.Errorf("%s had %d turns", name, n)
			}
		}
		if most["dead.example.org"] != 8 || most["alive.example.org"] != 8 {
			t.Errorf("at once: %v", most)
		}
		if want := 63 * time.Second; aliveDone != want {
			t.Errorf("the living host's accounts were done after %v, want %v", aliveDone, want)
		}
	})
}

// A process that may open few files works on few accounts at once, and on one at least.
func TestFewFilesAreFewAccounts(t *testing.T) {
	for files, want := range map[int]int{0: mostAtOnce, 1 << 20: mostAtOnce, 1024: 20, 256: 2, 64: 1, 10: 1} {
		if got := atOnce(files, accountsOf("h", 2, 3)); got != want {
			t.Errorf("%d files: %d accounts at once, want %d", files, got, want)
		}
	}
}

// Once the time is up, or the run is interrupted, no further account is begun.
func TestNoAccountIsBegunWhenItIsOver(t *testing.T) {
	closed := make(chan struct{})
	close(closed)
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	for _, c := range []struct {
		ctx  context.Context
		stop chan struct{}
		want state.Kind
	}{{t.Context(), closed, state.Other}, {interrupted, nil, state.Interrupted}} {
		var out bytes.Buffer
		begun := false
		never := task{name: "sync", run: func(context.Context, *accountRun) (*port.Result, error) { begun = true; return nil, nil }}
		s := &session{task: never, report: report.New(report.Options{Out: &out, Err: &out}), log: slog.New(slog.DiscardHandler), stop: c.stop, several: true}
		kinds := s.all(c.ctx, accountsOf("h", 100, 1))
		if begun || len(kinds) != 100 || kinds[0] != c.want {
			t.Errorf("%v: begun %v, %d failures\n%s", c.want, begun, len(kinds), &out)
		}
	}
}
