//go:build unix

package soak

import (
	"slices"
	"sync"
	"syscall"
	"time"

	"mailsync/internal/testkit/program"
)

// anyRun is one run in the midst of everything, or two at once.
func (s *soak) anyRun() {
	s.t.Helper()
	s.weather(s.r.IntN(2) == 0)
	var i program.Interruption
	usual := s.figures.usual()
	switch n := s.r.IntN(20); {
	case n < 6:
		i = program.Interruption{After: time.Duration(s.r.Int64N(int64(usual * 5 / 4))), Signal: syscall.SIGKILL}
	case n < 8:
		i = program.Interruption{After: time.Duration(s.r.Int64N(int64(usual))), Signal: syscall.SIGTERM}
	case n < 10:
		cut := time.AfterFunc(time.Duration(s.r.Int64N(int64(usual))), func() {
			for _, n := range s.nets {
				n.CutAll()
			}
		})
		defer cut.Stop()
	}
	args := []string{"sync", "--json"}
	switch n := s.r.IntN(40); n {
	case 0, 1:
		args = append(args, "--full")
	case 2:
		args = append(args, "--max-time", "1s")
	case 3:
		args = append(args, "--dry-run")
	case 4, 5:
		args = []string{"archive", "--apply", "--json", "work"}
		s.model.archiving = true
		s.figures.count("archive runs while users work")
	case 6:
		args = []string{"verify", "--json"}
	case 7:
		args = []string{"status", "--json"}
	case 8:
		args = []string{"list", "--json"}
	case 9, 10:
		var other sync.WaitGroup
		other.Go(func() { s.check(s.run(program.Interruption{}, "sync", "--json")) })
		defer other.Wait()
	}
	s.check(s.run(i, args...))
}

// check sees that a run among users at work and on a bad network ended in a way that it
// may: with all done, with something left for the next run, without the server, or ended
// by us.
func (s *soak) check(o outcome) {
	s.t.Helper()
	may := []int{0, 1, 3, 5, -1, 143}
	if o.args[0] == "verify" {
		may = append(may, 7) // the mail program removed a file
	}
	if !slices.Contains(may, o.Code) {
		s.t.Errorf("a run that may not end so: %v", o)
	}
}
