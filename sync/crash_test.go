package sync_test

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"mailsync/internal/testkit/disktest"
	"mailsync/sync/port"
)

// TestPowerLossAtEveryFileOperation cuts the power at every operation that changes the
// disk. What was not synced is lost in random part; the base keeps what was committed.
// The runs after that end where an unbroken run does.
func TestPowerLossAtEveryFileOperation(t *testing.T) {
	atOnce(t, func(t *testing.T, s scenario, n int, change func(*lab), want string) bool {
		l := s.begin(t)
		change(l)
		cut := disktest.CutAt(l.disk, n)
		r := l.run(cut, nil)
		if cut.Changes() < n {
			return false
		}
		if r.Status() == "ok" && cut.Changes() > n {
			t.Fatalf("power cut at change %d: the run says it is ok", n)
		}
		l.disk = l.disk.Crash(rand.New(rand.NewPCG(uint64(n), 7)))
		l.disk.Wait(t.Context(), time.Hour) // locks that were left behind get old
		if got := l.settled(t); got != want {
			t.Fatalf("power cut at change %d (%s)\n got %s\nwant %s", n, last(cut.Log()), got, want)
		}
		return true
	})
}

// TestEveryFileOperationFails lets every single file operation fail once, as a full or a
// dying disk would, and expects that the run says so or does not mind, and that the
// next ones end where an unbroken run does.
func TestEveryFileOperationFails(t *testing.T) {
	atOnce(t, func(t *testing.T, s scenario, n int, change func(*lab), want string) bool {
		l := s.begin(t)
		change(l)
		fail := disktest.FailAt(l.disk, n, []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.EMFILE}[n%4])
		r := l.run(fail, nil)
		if fail.Calls() < n {
			return false
		}
		for _, p := range r.Problems {
			if errors.Is(p.Err, errTestCut) {
				t.Fatalf("call %d: %v", n, p.Err)
			}
		}
		if got := l.settled(t); got != want && !(s.blind && l.allHere(t)) {
			t.Fatalf("call %d fails (%s)\n got %s\nwant %s", n, last(fail.Log()), got, want)
		}
		return true
	})
}

// atOnce tries each scenario at every place, until try reports that there are no more: with an account that does one thing after the
// other, and at some places with one that records many mailboxes at once.
func atOnce(t *testing.T, try func(t *testing.T, s scenario, n int, change func(*lab), want string) bool) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			want := s.begin(t).settled(t)
			for n := 1; try(t, s, n, func(*lab) {}, want); n += stride(t) {
			}
			for n := 1; try(t, s, n, severalConnections, want); n += 6 + stride(t) {
			}
		})
	}
}

// severalConnections gives an account three connections from now on.
func severalConnections(l *lab) {
	before := l.change
	l.change = func(a *port.Account) {
		if before != nil {
			before(a)
		}
		a.Connections = 3
	}
}

// stride thins out the operations where the tests have to be quick: with -short, and where
// the race detector makes each of them ten times as long. "make test" runs them all
// without it.
func stride(t testing.TB) int {
	switch {
	case underRace:
		return 19
	case testing.Short():
		return 29
	}
	return 1
}

func last(log []string) string {
	if len(log) == 0 {
		return "-"
	}
	return log[len(log)-1]
}
