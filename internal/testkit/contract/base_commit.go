package contract

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"mailsync/state"
)

func recordsRoundTrip(t *testing.T, b Memory) {
	gen := inbox(t, b).Generations[0].ID
	var want []state.Record
	for i := range 11 { // every status, and the ends of every range
		want = append(want, state.Record{UID: state.UID(i + 1), Status: state.Status(i), Variant: uint8(i), Form: state.Form(i % 3),
			Tries: uint8(250 + i%6), Seen: state.Seen, Agreed: 1 << (40 + i), Size: int64(i) * 1e10, Date: int64(i) - 5})
	}
	want = append(want,
		state.Record{UID: math.MaxUint32 - 1, Seen: math.MaxUint64, Agreed: math.MaxUint64, Size: math.MaxInt64, Date: math.MaxInt64, Variant: 255, Tries: 255},
		state.Record{UID: math.MaxUint32, Size: -1, Date: state.NoDate})
	put := slices.Clone(want)
	slices.Reverse(put)
	ok(t, b.Commit(t.Context(), state.Commit{Gen: gen, Put: put}))
	if got := records(t, b, gen); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func putReplaces(t *testing.T, b Memory) {
	gen := inbox(t, b).Generations[0].ID
	ok(t, b.Commit(t.Context(), state.Commit{Gen: gen, Put: []state.Record{{UID: 5, Size: 10, Seen: 3, Status: state.Outstanding, Tries: 2}}}))
	want := []state.Record{{UID: 5, Size: 30, Date: 8}}
	ok(t, b.Commit(t.Context(), state.Commit{Gen: gen, Put: []state.Record{{UID: 5, Size: 20, Agreed: 4}, want[0]}}))
	if got := records(t, b, gen); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func forgetRemoves(t *testing.T, b Memory) {
	ctx := t.Context()
	gen := inbox(t, b).Generations[0].ID
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Put: []state.Record{{UID: 1}, {UID: 2}},
		Proofs: []state.Proof{{UID: 1}, {UID: 2}}, UIDLs: []state.UIDL{{UID: 1, UIDL: "a"}, {UID: 2, UIDL: "b"}},
		Leave: []state.Departure{{UID: 1, Run: 1}, {UID: 2, Run: 1}}}))
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Forget: []state.UID{1, 77}}))
	if got := records(t, b, gen); len(got) != 1 || got[0].UID != 2 {
		t.Errorf("the records are %+v", got)
	}
	proofs, err := b.Proofs(ctx, gen, nil)
	ok(t, err)
	if _, there := proofs[1]; there || len(proofs) != 1 {
		t.Errorf("the proofs are %+v", proofs)
	}
	uidls, err := b.UIDLs(ctx, gen)
	ok(t, err)
	if !reflect.DeepEqual(uidls, []state.UIDL{{UID: 2, UIDL: "b"}}) {
		t.Errorf("the UIDLs are %+v", uidls)
	}
	left, err := b.Departures(ctx, gen)
	ok(t, err)
	if !reflect.DeepEqual(left, []state.Departure{{UID: 2, Run: 1}}) {
		t.Errorf("the departures are %+v", left)
	}
}

func forgetBeforePut(t *testing.T, b Memory) {
	ctx := t.Context()
	gen := inbox(t, b).Generations[0].ID
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Put: []state.Record{{UID: 1, Size: 1}}, Proofs: []state.Proof{{UID: 1, Bytes: 1}}}))
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Forget: []state.UID{1}, Put: []state.Record{{UID: 1, Size: 2}}}))
	if got := records(t, b, gen); len(got) != 1 || got[0].Size != 2 {
		t.Errorf("the records are %+v", got)
	}
	proofs, err := b.Proofs(ctx, gen, nil)
	ok(t, err)
	if len(proofs) != 0 {
		t.Errorf("the old proof stayed: %+v", proofs)
	}
}

func generationsApart(t *testing.T, b Memory) {
	row := inbox(t, b)
	row.Generations = append(row.Generations, state.Generation{Token: "bbbb"})
	ok(t, b.SaveMailbox(t.Context(), &row))
	for i, g := range row.Generations {
		ok(t, b.Commit(t.Context(), state.Commit{Gen: g.ID, Put: []state.Record{{UID: 1, Size: int64(i + 1)}}}))
	}
	ok(t, b.Commit(t.Context(), state.Commit{Gen: row.Generations[1].ID, Forget: []state.UID{1}}))
	if got := records(t, b, row.Generations[0].ID); len(got) != 1 || got[0].Size != 1 {
		t.Errorf("the records are %+v", got)
	}
	if got := mailboxes(t, b)[0].Generations; got[0].Tally.Here != 1 || got[1].Tally.Here != 0 {
		t.Errorf("the generations are %+v", got)
	}
}

func proofsRoundTrip(t *testing.T, b Memory) {
	ctx := t.Context()
	gen := inbox(t, b).Generations[0].ID
	want := map[state.UID]state.Proof{}
	var put []state.Proof
	for i := range 5 {
		p := state.Proof{UID: state.UID(i + 1), Bytes: int64(i) * 1e10, ByServer: i%2 == 0, Fetched: int64(i)*1e9 - 1}
		p.Digest[i] = 0xff
		if i == 3 {
			p.EmailID = "M\x00\xff"
		}
		put, want[p.UID] = append(put, p), p
	}
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Proofs: put}))
	got, err := b.Proofs(ctx, gen, nil)
	ok(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	got, err = b.Proofs(ctx, gen, []state.UID{9, 4, 2})
	ok(t, err)
	if !reflect.DeepEqual(got, map[state.UID]state.Proof{2: want[2], 4: want[4]}) {
		t.Errorf("asked for 9, 4 and 2, got %+v", got)
	}
	got, err = b.Proofs(ctx, gen, []state.UID{})
	ok(t, err)
	if len(got) != 0 {
		t.Errorf("asked for none, got %+v", got)
	}
	put[0].ByServer, put[0].Bytes = false, 7
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Proofs: put[:1]}))
	got, err = b.Proofs(ctx, gen, []state.UID{1})
	ok(t, err)
	if got[1] != put[0] {
		t.Errorf("replaced by %+v, got %+v", put[0], got[1])
	}
}

func tablesRoundTrip(t *testing.T, b Memory) {
	ctx := t.Context()
	gen := inbox(t, b).Generations[0].ID
	uidls := []state.UIDL{{UID: 1, UIDL: "same"}, {UID: 2, UIDL: "same"}, {UID: math.MaxUint32, UIDL: "\xff\x00 \x80"}}
	intents := []state.Intent{{Key: state.IntentKey{Name: "a"}, UIDNext: math.MaxUint32, UID: 3, Bytes: 1e12, Flags: 1<<63 | state.Seen, Digest: [state.DigestSize]byte{1}, Confirmed: true}, {Key: state.IntentKey{Name: "b\xff"}}, {Key: state.IntentKey{Name: "d"}, Confirmed: true}, {Key: state.IntentKey{Kind: state.Replacing, Name: "d"}, UID: 9}}
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, UIDLs: uidls, Intents: []state.Intent{intents[1], intents[3], intents[2], {Key: state.IntentKey{Name: "c"}}, {Key: state.IntentKey{Name: "a"}}}}))
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Intents: intents[:1], Settle: []state.IntentKey{{Name: "c"}, {Name: "never was"}, {Kind: state.Moving, Name: "d"}}}))
	gotUIDLs, err := b.UIDLs(ctx, gen)
	ok(t, err)
	if !reflect.DeepEqual(gotUIDLs, uidls) {
		t.Errorf("got  %+v\nwant %+v", gotUIDLs, uidls)
	}
	gotIntents, err := b.Intents(ctx, gen)
	ok(t, err)
	if !reflect.DeepEqual(gotIntents, intents) {
		t.Errorf("got  %+v\nwant %+v", gotIntents, intents)
	}
}

// What is restored from elsewhere has its intents beside all mailboxes, also where there is none. Nothing else is of no generation.
func restoringRoundTrip(t *testing.T, b Memory) {
	ctx := t.Context()
	none, err := b.Intents(ctx, 0)
	ok(t, err)
	intent := func(name string, uid state.UID) state.Intent {
		return state.Intent{Key: state.IntentKey{Kind: state.Restoring, Name: name}, UID: uid, UIDNext: 3, Bytes: 10, Digest: [state.DigestSize]byte{1}}
	}
	want := []state.Intent{intent("1 a\nb \"c\"", 9), intent("1 \xff", 0), intent("3 INBOX", 0)}
	want[2].Confirmed = true
	ok(t, b.Commit(ctx, state.Commit{Intents: []state.Intent{intent("3 INBOX", 0), intent("2 INBOX", 0), intent(want[0].Key.Name, 0), want[1]}}))
	ok(t, b.Commit(ctx, state.Commit{Intents: []state.Intent{want[0], want[2]}, Settle: []state.IntentKey{intent("2 INBOX", 0).Key, intent("never was", 0).Key}}))
	gen := inbox(t, b).Generations[0].ID
	for what, bad := range map[string]state.Commit{
		"a record":                  {Put: []state.Record{{UID: 1}}},
		"an intent of another kind": {Intents: []state.Intent{{Key: state.IntentKey{Name: "a"}}}},
		"a keyword":                 {Intents: want[:1], Keywords: []string{"one"}},
		"one in a generation":       {Gen: gen, Intents: want[:1]},
	} {
		if err := b.Commit(ctx, bad); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	got, err := b.Intents(ctx, 0)
	ok(t, err)
	if len(none) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got, err := b.Intents(ctx, gen); err != nil || len(got) > 0 || len(mailboxes(t, b)) != 1 {
		t.Errorf("INBOX has %+v: %v; there are %d mailboxes", got, err, len(mailboxes(t, b)))
	}
}

func departuresRoundTrip(t *testing.T, b Memory) {
	ctx := t.Context()
	gen := inbox(t, b).Generations[0].ID
	want := []state.Departure{{UID: 1, Run: 7, Root: "/archive/\xff", Path: "2024/INBOX"}, {UID: 3, Run: 1 << 40}, {UID: math.MaxUint32, Run: -1}}
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Leave: []state.Departure{want[2], {UID: 2, Run: 1}, {UID: 1, Run: 1, Path: "else"}, want[1]}}))
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Leave: want[:1], Stay: []state.UID{1, 2, 99}}))
	got, err := b.Departures(ctx, gen)
	ok(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func marksChange(t *testing.T, b Memory) {
	ctx := t.Context()
	gen := inbox(t, b).Generations[0].ID
	mark := state.Mark{UIDValidity: 7, UIDNext: 8, ModSeq: 9, Exists: 10}
	disk := state.DirMark{CurIno: 1, NewIno: 2, CurBtime: 3, CurCtime: 4, NewCtime: 5, KeywordsCtime: 6, MarkerCtime: 7, Trusted: true}
	clean, unsettable, denied, held := true, state.Flagged|1<<63, state.Flags(1<<63), state.Held{OnServer: 3, OnDisk: 70000}
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Change: state.Change{Mark: &mark, Disk: &disk, Clean: &clean, Unsettable: &unsettable, Denied: &denied, Held: &held, Compared: 1700000000}}))
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Put: []state.Record{{UID: 1}}}))
	got := mailboxes(t, b)[0].Generations[0]
	if got.Mark != mark || got.Disk != disk || !got.Clean || got.Unsettable != unsettable || got.Denied != denied || got.Held != held || got.Compared != 1700000000 {
		t.Errorf("got %+v", got)
	}
	clean = false
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Change: state.Change{Clean: &clean}}))
	got = mailboxes(t, b)[0].Generations[0]
	if got.Mark != mark || got.Disk != disk || got.Clean || got.Compared != 1700000000 {
		t.Errorf("got %+v", got)
	}
}

func commitIsWhole(t *testing.T, b Memory) {
	ctx := t.Context()
	gen := inbox(t, b).Generations[0].ID
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Put: []state.Record{{UID: 1, Size: 1}}, Keywords: []string{"one"}}))
	before, boxes := records(t, b, gen), mailboxes(t, b)
	clean, mark := true, state.Mark{UIDValidity: 99}
	bad := state.Commit{Gen: gen, Put: []state.Record{{UID: 2}}, Forget: []state.UID{1}, Change: state.Change{Clean: &clean, Mark: &mark}}
	for what, spoil := range map[string]func(c *state.Commit){
		"UID 0":                 func(c *state.Commit) { c.Put = append(c.Put, state.Record{}) },
		"an unknown status":     func(c *state.Commit) { c.Put = append(c.Put, state.Record{UID: 3, Status: 200}) },
		"an unknown form":       func(c *state.Commit) { c.Put = append(c.Put, state.Record{UID: 3, Form: 200}) },
		"a proof of UID 0":      func(c *state.Commit) { c.Proofs = []state.Proof{{}} },
		"a departure of UID 0":  func(c *state.Commit) { c.Leave = []state.Departure{{}} },
		"a UIDL of UID 0":       func(c *state.Commit) { c.UIDLs = []state.UIDL{{}} },
		"a keyword's other bit": func(c *state.Commit) { c.Keywords = []string{"two"} },
	} {
		c := bad
		c.Put = slices.Clone(bad.Put)
		spoil(&c)
		refused(t, b.Commit(ctx, c), "a commit with "+what)
		if got := records(t, b, gen); !reflect.DeepEqual(got, before) {
			t.Errorf("%s: the records became %+v", what, got)
		}
		if got := mailboxes(t, b); !reflect.DeepEqual(got, boxes) {
			t.Errorf("%s: the mailboxes became %+v", what, got)
		}
	}
}
