package contract

import (
	"math/rand/v2"
	"reflect"
	gosync "sync"
	"testing"

	"mailsync/state"
)

func nothingIsShared(t *testing.T, b Memory) {
	ctx := t.Context()
	row := inbox(t, b)
	row.Keywords = []string{"one"}
	ok(t, b.SaveMailbox(ctx, &row))
	gen := row.Generations[0].ID
	put, words := []state.Record{{UID: 1, Size: 1}}, []string{"one", "two"}
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Put: put, Proofs: []state.Proof{{UID: 1}}, Keywords: words}))
	spoil := func() {
		put[0].Size, words[0] = 99, "spoiled"
		row.Keywords[0], row.Generations[0].Token = "spoiled", "spoiled"
		for _, m := range mailboxes(t, b) {
			m.Keywords[0], m.Generations[0].Token = "spoiled", "spoiled"
		}
		records(t, b, gen)[0].Size = 99
		proofs, err := b.Proofs(ctx, gen, nil)
		ok(t, err)
		delete(proofs, 1)
	}
	spoil()
	proofs, err := b.Proofs(ctx, gen, nil)
	ok(t, err)
	m := mailboxes(t, b)[0]
	if records(t, b, gen)[0].Size != 1 || len(proofs) != 1 || m.Keywords[0] != "one" || m.Generations[0].Token != "aaaa" {
		t.Errorf("the base shares memory with its callers: %+v", m)
	}
}

// world is what a base should hold after the commits it was given.
type world struct {
	gens []state.GenID
	want []map[state.UID]state.Record
}

// step makes a random commit and applies it to what is wanted.
func (w *world) step(rng *rand.Rand) state.Commit {
	at := rng.IntN(len(w.gens))
	c := state.Commit{Gen: w.gens[at]}
	for range rng.IntN(5) {
		c.Forget = append(c.Forget, state.UID(1+rng.IntN(40)))
	}
	for range rng.IntN(9) {
		c.Put = append(c.Put, state.Record{UID: state.UID(1 + rng.IntN(40)), Status: state.Status(rng.IntN(14)), Tries: uint8(rng.IntN(4)),
			Size: rng.Int64N(1000) - 1, Date: rng.Int64(), Seen: state.Flags(rng.Uint64()), Agreed: state.Flags(rng.Uint64())})
	}
	for _, uid := range c.Forget {
		delete(w.want[at], uid)
	}
	for _, r := range c.Put {
		w.want[at][r.UID] = r
	}
	return c
}

// tally counts by the states of spec 5.2, on its own: it shares no code with the bases.
func (w *world) tally(at int) (t state.Tally) {
	for _, r := range w.want[at] {
		file, onServer := true, true
		switch r.Status {
		case state.OnlyHere:
			t.OnlyHere++
			onServer = false
		case state.Gone:
			onServer = false
		case state.Archived:
			file, onServer = false, false
		case state.KeptAway:
			t.KeptAway++
			file = false
		case state.Skipped:
			t.Skipped++
			file = false
		case state.Outstanding:
			t.Outstanding++
			file = false
		case state.Accepted:
			file = false
		case state.Doubtful, state.Unstable:
			t.Doubtful++
		case state.Lacking:
			t.Doubtful++
			t.Misfits++
		case state.Shorter:
			t.Estimated++
			t.Misfits++
		case state.Longer:
			if r.Tries < 2 {
				t.Estimated++
			}
			t.Misfits++
		}
		if onServer {
			t.OnServer++
		}
		if file {
			t.Here++
			t.HereBytes += max(r.Size, 0)
		}
	}
	return t
}

func talliesAgree(t *testing.T, b Memory) {
	row := inbox(t, b)
	row.Generations = append(row.Generations, state.Generation{Token: "bbbb"})
	ok(t, b.SaveMailbox(t.Context(), &row))
	w := world{gens: []state.GenID{row.Generations[0].ID, row.Generations[1].ID},
		want: []map[state.UID]state.Record{{}, {}}}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 150 {
		ok(t, b.Commit(t.Context(), w.step(rng)))
		gens := mailboxes(t, b)[0].Generations
		for at := range w.gens {
			if want := w.tally(at); gens[at].Tally != want {
				t.Fatalf("after commit %d generation %d has tally %+v, want %+v", i, at, gens[at].Tally, want)
			}
		}
	}
	for at, gen := range w.gens {
		got := map[state.UID]state.Record{}
		for _, r := range records(t, b, gen) {
			got[r.UID] = r
		}
		if !reflect.DeepEqual(got, w.want[at]) {
			t.Errorf("generation %d: got %+v, want %+v", at, got, w.want[at])
		}
	}
}

func callsAtOnce(t *testing.T, b Memory) {
	gen := inbox(t, b).Generations[0].ID
	var wg gosync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 5 {
				if err := b.Commit(t.Context(), state.Commit{Gen: gen, Put: []state.Record{{UID: state.UID(1 + i*5 + j), Size: 1}}}); err != nil {
					t.Error(err)
				}
				if _, err := b.Records(t.Context(), gen); err != nil {
					t.Error(err)
				}
				if _, err := b.Mailboxes(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := mailboxes(t, b)[0].Generations[0].Tally; got.Here != 20 || got.HereBytes != 20 {
		t.Errorf("after 20 commits of one message each the tally is %+v", got)
	}
}
