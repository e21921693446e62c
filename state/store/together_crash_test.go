package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	gosync "sync"
	"testing"

	"mailsync/state"
	"mailsync/state/store"
)

// togetherEnv makes as many mailboxes at once commit one record after another as [commitUntilStopped] does with one.
const togetherEnv = "MAILSYNC_TEST_TOGETHER"

const together = 12

// commitTogether commits to several generations at once, and says which commit is durable, until all of them fail.
func commitTogether(s *store.Store) {
	ctx := context.Background()
	gens := make([]state.GenID, together)
	for i := range gens {
		row := state.MailboxRow{Path: fmt.Sprint(i), Generations: []state.Generation{{Token: fmt.Sprint("token", i), Current: true}}}
		if err := s.SaveMailbox(ctx, &row); err != nil {
			fmt.Println("stopped", int(state.KindOf(err)), err)
			return
		}
		gens[i] = row.Generations[0].ID
	}
	var saying gosync.Mutex
	say := func(words ...any) {
		saying.Lock()
		defer saying.Unlock()
		fmt.Println(words...)
	}
	var all gosync.WaitGroup
	for _, gen := range gens {
		all.Go(func() {
			for i := range 100_000 {
				put := []state.Record{record(i)}
				for n := range int(gen) * 3 { // some are larger than others
					put = append(put, state.Record{UID: state.UID(1<<20 + n)})
				}
				if err := s.Commit(ctx, state.Commit{Gen: gen, Put: put}); err != nil {
					say("stopped", int(state.KindOf(err)), err)
					return
				}
				say("durable", int(gen), i)
			}
		})
	}
	all.Wait()
}

// Commits of many mailboxes at once, in a process that is killed or whose disk takes no more: what was called durable is there, and of
// no commit a part.
func TestCommitsTogetherThatEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: seconds")
	}
	for _, c := range []struct {
		name string
		kill int // after so many were durable
		env  []string
	}{
		{"killed at once", 1, nil}, {"killed", 50, nil}, {"killed late", 150, nil},
		{"killed with a rollback journal", 60, []string{remoteEnv + "=1"}},
		{"a disk that takes no more", -1, []string{limitEnv + "=200000"}},
		{"a disk that takes no more, with a rollback journal", -1, []string{limitEnv + "=60000", remoteEnv + "=1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			durable, stopped := runTogether(t, dir, c.kill, c.env)
			if c.kill < 0 {
				if len(stopped) != together || slices.ContainsFunc(stopped, func(s string) bool { return !strings.HasPrefix(s, fmt.Sprintf("stopped %d ", state.Storage)) }) {
					t.Errorf("%d of %d ended: %q", len(stopped), together, stopped)
				}
			}
			s := open(t, dir)
			for gen, commits := range durable {
				got, err := s.Records(t.Context(), gen)
				ok(t, err)
				n := len(got) - int(gen)*3
				if n < commits || n > commits+1 { // the last one may not have been said
					t.Errorf("generation %d: %d are there, and %d were durable", gen, n, commits)
				}
			}
		})
	}
}

// runTogether has commitTogether run in a process of its own, killed after so many commits, and returns how many of each generation
// were durable by its word, and what it stopped with.
func runTogether(t *testing.T, dir string, kill int, env []string) (durable map[state.GenID]int, stopped []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), commitEnv+"="+dir, togetherEnv+"=1"), env...)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	durable = map[state.GenID]int{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var gen, i int
		if n, _ := fmt.Sscanf(lines.Text(), "durable %d %d", &gen, &i); n != 2 {
			stopped = append(stopped, lines.Text())
			continue
		}
		durable[state.GenID(gen)] = i + 1
		if kill--; kill == 0 {
			ok(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Wait() // it was killed, or said why it stopped
	return durable, stopped
}
