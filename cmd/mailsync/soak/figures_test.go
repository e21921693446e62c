//go:build unix

package soak

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"mailsync/internal/testkit/program"
)

// figures is what is counted and measured.
type figures struct {
	mu     sync.Mutex
	begun  time.Time
	counts map[string]int
	codes  map[int]int
	peaks  []int64         // of each sync that came to its end on both accounts
	took   []time.Duration // likewise
	last   []outcome
	rests  map[int]int // how many runs it took to come to rest
	checks int
	trash  int
	states []state
}

// state is what lies on disk at one moment.
type state struct {
	at       time.Duration
	messages int
	files    int   // of the POP3 account
	octets   int64 // of the state file
	trash    int
}

func newFigures() *figures {
	return &figures{counts: map[string]int{}, codes: map[int]int{}, rests: map[int]int{}}
}

func (f *figures) count(what string, n ...int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(n) == 0 || n[0] == 0 {
		n = []int{1}
	}
	f.counts[what] += n[0]
}

// ran notes a run.
func (f *figures) ran(o outcome, i program.Interruption) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.codes[o.Code]++
	f.counts["runs"]++
	if o.Code == -1 {
		f.counts["runs killed with SIGKILL"]++
	}
	if o.Code == 128+int(syscall.SIGTERM) {
		f.counts["runs ended with SIGTERM"]++
	}
	if o.args[0] == "sync" && o.Code == 0 && i.Signal == nil {
		f.peaks, f.took = append(f.peaks, o.Peak), append(f.took, o.Took)
	}
	f.last = append(f.last, o)
	f.last = f.last[max(0, len(f.last)-25):]
}

// usual is how long a run takes of those that came to their end of late.
func (f *figures) usual() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(20*time.Millisecond, median(f.took[max(0, len(f.took)-30):]))
}

func (f *figures) rested(runs int) { f.rests[runs]++ }

// recent tells the last runs.
func (f *figures) recent() string {
	var b strings.Builder
	for _, o := range f.last {
		fmt.Fprintln(&b, o)
	}
	return b.String()
}

func (f *figures) sample(s *soak) {
	info, err := os.Stat(filepath.Join(s.root, ".mailsync", "state.db"))
	if err != nil {
		s.t.Error(err)
		return
	}
	f.states = append(f.states, state{time.Since(f.begun), s.model.live(), len(s.model.mail), info.Size(), f.trash})
}

func median[T int64 | time.Duration](all []T) T {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// quarters are the medians of the first and of the last quarter.
func quarters(all []int64) (first, last int64) {
	n := max(1, len(all)/4)
	return median(all[:min(n, len(all))]), median(all[max(0, len(all)-n):])
}

// flat sees that runs take no more memory in the end than in the beginning, and the state
// file no more for each message, beyond what more messages explain.
func (s *soak) flat() {
	first, last := quarters(s.figures.peaks)
	if last > first+first/4+4<<20 {
		s.t.Errorf("a run took %d KiB in the beginning and %d KiB in the end", first>>10, last>>10)
	}
	end := s.figures.states[len(s.figures.states)-1]
	if most := int64(128<<10 + 512*(end.messages+end.files)); end.octets > most {
		s.t.Errorf("the state file has %d KiB for %d messages", end.octets>>10, end.messages)
	}
}

func (f *figures) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "it lasted %v\n%7d pauses in which everything was compared\n", time.Since(f.begun).Round(time.Second), f.checks)
	for _, what := range slices.Sorted(maps.Keys(f.counts)) {
		fmt.Fprintf(&b, "%7d %s\n", f.counts[what], what)
	}
	fmt.Fprintf(&b, "exit codes %v; runs to rest %v; a run takes %v\n", f.codes, f.rests, median(f.took).Round(time.Millisecond))
	first, last := quarters(f.peaks)
	fmt.Fprintf(&b, "peak of a run: %d KiB in the first quarter, %d KiB in the last (medians of %d)\n", first>>10, last>>10, len(f.peaks))
	for i := range 8 {
		s := f.states[(len(f.states)-1)*i/7]
		fmt.Fprintf(&b, "at %v: %d messages on both sides, a state file of %d KiB, %d files in the trash\n", s.at.Round(time.Second), s.messages, s.octets>>10, s.trash)
	}
	return b.String()
}
