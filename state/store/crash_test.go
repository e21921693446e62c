package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"mailsync/internal/testkit/contract"
	"mailsync/state"
	"mailsync/state/store"
)

// With these variables set the test binary commits one record after another to the store
// of that directory, and says so, until it is killed or a commit fails.
const (
	commitEnv = "MAILSYNC_TEST_COMMIT"
	limitEnv  = "MAILSYNC_TEST_LIMIT"  // no file grows beyond so many bytes
	remoteEnv = "MAILSYNC_TEST_REMOTE" // with the journal of a remote file system
)

func commitUntilStopped(dir string) {
	stop := func(err error) {
		fmt.Println("stopped", int(state.KindOf(err)), err)
		os.Exit(0)
	}
	limitFiles(os.Getenv(limitEnv))
	l, err := store.TryLock(dir)
	if err != nil {
		stop(err)
	}
	s, _, err := store.Open(l)
	if err != nil {
		stop(err)
	}
	if os.Getenv(remoteEnv) != "" {
		s.PretendRemote()
	}
	if os.Getenv(togetherEnv) != "" {
		commitTogether(s)
		os.Exit(0)
	}
	ctx := context.Background()
	row := state.MailboxRow{Path: "INBOX", Generations: []state.Generation{{Token: "aaaa", Current: true}}}
	if err := s.SaveMailbox(ctx, &row); err != nil {
		stop(err)
	}
	for i := range 100_000 {
		c := state.Commit{Gen: row.Generations[0].ID, Put: []state.Record{record(i)}, Proofs: []state.Proof{{UID: record(i).UID}}}
		if err := s.Commit(ctx, c); err != nil {
			stop(err)
		}
		fmt.Println("committed")
	}
}

// committer runs commitUntilStopped, kills it after so many commits, and returns how
// many it said it made and its last word.
func committer(t *testing.T, dir string, kill int, env ...string) (commits int, last string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), commitEnv+"="+dir), env...)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if last = lines.Text(); last == "committed" {
			commits++
		}
		if commits == kill {
			ok(t, cmd.Process.Kill())
			kill = -1
		}
	}
	_ = cmd.Wait() // it was killed, or said why it stopped
	return commits, last
}

// recovered opens what a killed run left and demands the records it committed.
func recovered(t *testing.T, dir string, commits int) {
	t.Helper()
	s := open(t, dir)
	rows, err := s.Mailboxes(t.Context())
	ok(t, err)
	g := rows[0].Generations[0]
	got, err := s.Records(t.Context(), g.ID)
	ok(t, err)
	if len(got) < commits || len(got) > commits+1 || g.Tally.Here != len(got) { // the last one may not have been said
		t.Errorf("%d records are there, the tally says %d, and %d were committed", len(got), g.Tally.Here, commits)
	}
	for i, r := range got {
		if r != record(i) {
			t.Fatalf("record %d is %+v", i, r)
		}
	}
}

func TestAKilledRunLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	for _, env := range []string{remoteEnv + "=", remoteEnv + "=1"} {
		for _, kill := range []int{1, 7, 40, 150} {
			dir := t.TempDir()
			commits, last := committer(t, dir, kill, env)
			if commits < kill {
				t.Fatalf("%s: it stopped after %d: %s", env, commits, last)
			}
			recovered(t, dir, commits)
		}
	}
}

func TestStoreContractWithARollbackJournal(t *testing.T) {
	contract.Base(t, func(t *testing.T) contract.Memory {
		dir := t.TempDir()
		s := open(t, dir)
		s.PretendRemote()
		t.Cleanup(func() {
			if _, err := os.Stat(filepath.Join(dir, "state.db-wal")); err == nil {
				t.Error("there is a write-ahead log")
			}
		})
		return s
	})
}
