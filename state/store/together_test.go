package store_test

import (
	"fmt"
	"slices"
	"testing"

	"mailsync/state"
	"mailsync/state/store"
)

// Commits that come while another one is under way become durable together: in one transaction, in the order in
// which they came, and one that is refused keeps none of the others.
func TestCommitsTogether(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	var gens []state.GenID
	for i := range 4 {
		row := state.MailboxRow{Raw: fmt.Sprint(i), Path: fmt.Sprint(i), Generations: []state.Generation{{Token: fmt.Sprintf("TOKEN%d", i), Current: true}}}
		ok(t, s.SaveMailbox(t.Context(), &row))
		gens = append(gens, row.Generations[0].ID)
	}
	commits := []state.Commit{
		{Gen: gens[0], Put: []state.Record{{UID: 1, Size: 10}}, Keywords: []string{"one"}},
		{Gen: gens[0], Put: []state.Record{{UID: 1, Size: 11}, {UID: 2}}, Keywords: []string{"one", "two"}},
		{Gen: gens[0], Forget: []state.UID{2}},
		{Gen: gens[1], Put: []state.Record{{UID: 7}}},
		{Gen: gens[2], Put: []state.Record{{UID: 0}}}, // refused
		{Gen: 999}, // as well
		{Gen: gens[3], Put: []state.Record{{UID: 9}}},
	}
	for _, c := range []struct {
		name    string
		refused []int
	}{{"all", nil}, {"with some that are refused", []int{4, 5}}} {
		before := s.Serial()
		errs := make([]error, len(commits))
		waits := s.Hold()
		done := make(chan struct{}, len(commits))
		started := 0
		for i, commit := range commits {
			if c.refused == nil && (i == 4 || i == 5) {
				continue
			}
			go func() {
				errs[i] = s.Commit(t.Context(), commit)
				done <- struct{}{}
			}()
			started++
			waits.For(started)
		}
		waits.Release()
		for range started {
			<-done
		}
		for i, err := range errs {
			if (err != nil) != slices.Contains(c.refused, i) {
				t.Errorf("%s: commit %d: %v", c.name, i, err)
			}
		}
		if n := s.Serial() - before; c.refused == nil && n != 1 || c.refused != nil && n != int64(started-len(c.refused)) {
			t.Errorf("%s: %d transactions for %d commits", c.name, n, started)
		}
		for i, want := range [][]state.UID{{1}, {7}, nil, {9}} {
			records, err := s.Records(t.Context(), gens[i])
			ok(t, err)
			var uids []state.UID
			for _, r := range records {
				uids = append(uids, r.UID)
			}
			if !slices.Equal(uids, want) || i == 0 && records[0].Size != 11 {
				t.Errorf("%s: mailbox %d has %+v", c.name, i, records)
			}
		}
	}
	rows, err := s.Mailboxes(t.Context())
	ok(t, err)
	if words := rows[0].Keywords; !slices.Equal(words, []string{"one", "two"}) || rows[0].Generations[0].Tally.Here != 1 {
		t.Errorf("mailbox 0: %+v", rows[0])
	}
}

// A commit that another one was to write, and did not because it panicked, is not taken for durable.
func TestCommitsOfOneThatPanics(t *testing.T) {
	held := lock(t, t.TempDir())
	s, _, err := store.Open(held)
	ok(t, err)
	row := state.MailboxRow{Path: "INBOX", Generations: []state.Generation{{Token: "aaaa", Current: true}}}
	ok(t, s.SaveMailbox(t.Context(), &row))
	closed(t, s)
	s, _, err = store.Open(held)
	ok(t, err)
	defer closed(t, s)
	s.PanicOnce()
	const commits = 3
	type outcome struct {
		uid      state.UID
		panicked bool
		err      error
	}
	done := make(chan outcome, commits)
	waits := s.Hold()
	for i := range commits {
		go func() {
			o := outcome{uid: state.UID(i + 1)}
			defer func() {
				o.panicked = recover() != nil
				done <- o
			}()
			o.err = s.Commit(t.Context(), state.Commit{Gen: row.Generations[0].ID, Put: []state.Record{{UID: o.uid}}})
		}()
		waits.For(i + 1)
	}
	waits.Release()
	for range commits {
		o := <-done
		records, err := s.Records(t.Context(), row.Generations[0].ID)
		ok(t, err)
		there := slices.ContainsFunc(records, func(r state.Record) bool { return r.UID == o.uid })
		if durable := !o.panicked && o.err == nil; durable != there {
			t.Errorf("commit %d: panicked %v, error %v, and it is there: %v", o.uid, o.panicked, o.err, there)
		}
	}
}
