//go:build unix

package main_test

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// kills is how often each life is killed, and a first pull of many messages.
const (
	kills      = 50
	firstKills = 20
)

// killer kills runs at random moments of the time that they take, which changes with what
// else the machine has to do.
type killer struct {
	random *rand.Rand
	full   time.Duration // what a run takes that is not killed
	rounds int
	killed int
}

// run starts the program and kills it, if it did not end before.
func (k *killer) run(t *testing.T, w *world, args ...string) (o outcome, killed bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := w.command(ctx, args...)
	blow := time.Duration(k.random.Int64N(int64(max(k.full, time.Millisecond))))
	o.Outcome = program.Run(ctx, t, cmd, program.Interruption{After: blow, Signal: os.Kill})
	k.rounds++
	switch {
	case o.Code == 0:
		k.full = o.Took + o.Took/10
	case o.Code == -1:
		k.killed++
		// Should runs take longer by now, the time grows until one ends and tells.
		k.full += k.full / 20
	default:
		t.Errorf("after kills a run ended with exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
	return o, o.Code == -1
}

// enough reports whether that many kills were made, or the time is up; then there have to be
// some at least.
func (k *killer) enough(t *testing.T, want int, began time.Time) bool {
	t.Helper()
	if k.killed >= want {
		return true
	}
	if time.Since(began) < within(t) {
		return false
	}
	if k.killed < want/5 {
		t.Fatalf("in %v only %d of %d runs could be killed", time.Since(began), k.killed, k.rounds)
	}
	return true
}

// Runs that are killed at any moment, now and then several of them in a row, lose, double and undo
// nothing, and leave nothing lying about. MAILSYNC_FAULTS=10 does it ten times as often.
func TestKilledAtAnyMoment(t *testing.T) {
	everyLife(t, func(t *testing.T, l life, random *rand.Rand) {
		k := &killer{random: random, full: time.Second}
		began := time.Now()
		for !k.enough(t, kills*times(t), began) {
			l.happen(t)
			o, killed := k.run(t, l.world(), l.run()...)
			for killed && random.IntN(4) == 0 {
				o, killed = k.run(t, l.world(), l.run()...)
			}
			if random.IntN(4) == 0 {
				l.world().syncOK() // another command may come next
			}
			ended(t, l, o)
			if t.Failed() {
				t.Fatalf("round %d, exit %d\n%s%s", k.rounds, o.Code, o.Stdout, o.Stderr)
			}
		}
		t.Logf("%d runs, of which %d were killed; %v", k.rounds, k.killed, time.Since(began).Round(time.Second))
	})
}

// A first pull of many messages that is killed again and again, at any moment, loses nothing and
// doubles nothing once a run may end.
func TestFirstPullKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	client, n := lay(t, srv, 4, 250)
	server := serverDigests(t, client, every())
	whole := func(w *world) {
		t.Helper()
		if got := digests(t, w.root); !equalCounts(got, server) {
			t.Fatalf("%d different messages on disk, %d on the server: lost or doubled", len(got), len(server))
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	k := &killer{random: rand.New(rand.NewPCG(seed, 0)), full: time.Second}
	w := newWorld(t, bin, srv)
	for began := time.Now(); !k.enough(t, firstKills*times(t), began); {
		if _, killed := k.run(t, w, "sync", "--quiet"); killed {
			continue
		}
		// It was through before the blow: that run has to be right, and the next
		// begins with nothing again.
		whole(w)
		w = newWorld(t, bin, srv)
	}
	a := w.syncOK()
	whole(w)
	if a.OnServer != n {
		t.Errorf("%d messages on the server, want %d", a.OnServer, n)
	}
	compareAll(t, client, w.root)
	if a := w.syncOK(); a.Fetched != 0 {
		t.Errorf("and the run after it fetched %d", a.Fetched)
	}
}
