package contract

import (
	"math"
	"reflect"
	"testing"

	"mailsync/state"
)

func accountRoundTrips(t *testing.T, b Memory) {
	ctx := t.Context()
	got, err := b.Account(ctx)
	ok(t, err)
	if got != (state.AccountRow{}) {
		t.Errorf("an empty base has account %+v", got)
	}
	for _, want := range []state.AccountRow{
		{ID: "x1", Host: "imap.example.org", User: "ada", Ino: 12, Born: -5},
		{ID: "x1", Host: "other.example.org", User: "ädä\x00\xff", Ino: math.MaxUint64, Born: math.MaxInt64, EstimatedSizes: true},
	} {
		ok(t, b.SetAccount(ctx, want))
		got, err := b.Account(ctx)
		ok(t, err)
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func mailboxesRoundTrip(t *testing.T, b Memory) {
	if got := mailboxes(t, b); len(got) != 0 {
		t.Errorf("an empty base has mailboxes %+v", got)
	}
	want := []state.MailboxRow{
		{Raw: "Entw&APw-rfe", Path: "Entwürfe", Sep: ".", Role: state.RoleMailbox, Use: "drafts", MailboxID: "m2",
			Keywords: []string{"$Junk", "later"}, Generations: []state.Generation{
				{Token: "bbbb", Mark: state.Mark{UIDValidity: 1}},
				{Token: "cccc", Current: true, Clean: true, Compared: 1,
					Mark: state.Mark{UIDValidity: math.MaxUint32, UIDNext: math.MaxUint32, ModSeq: math.MaxUint64, Exists: 9},
					Disk: state.DirMark{CurIno: math.MaxUint64, NewIno: 2, CurBtime: -3, CurCtime: 4, NewCtime: 5,
						KeywordsCtime: 6, MarkerCtime: 7, Trusted: true}},
			}},
		{Raw: "odd\xff\x00\"", Path: "INBOX", Role: state.RoleArchive},
	}
	for _, i := range []int{1, 0} {
		row := want[i]
		row.Generations = append([]state.Generation(nil), row.Generations...)
		ok(t, b.SaveMailbox(t.Context(), &row))
		if row.ID == 0 {
			t.Fatal("a saved mailbox has ID 0")
		}
		want[i] = row
	}
	seen := map[state.GenID]bool{0: true}
	for _, g := range want[0].Generations {
		if seen[g.ID] {
			t.Errorf("generation %s has ID %d, which is 0 or another's", g.Token, g.ID)
		}
		seen[g.ID] = true
	}
	if got := mailboxes(t, b); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func mailboxIsUpdated(t *testing.T, b Memory) {
	row := inbox(t, b)
	first := row.Generations[0].ID
	ok(t, b.Commit(t.Context(), state.Commit{Gen: first, Put: []state.Record{{UID: 1, Size: 10}}}))
	row.Path, row.MailboxID, row.Use = "Inbox", "m1", "sent"
	row.Generations[0].Current = false
	row.Generations[0].Tally = state.Tally{Here: 99}
	row.Generations = append(row.Generations, state.Generation{Token: "dddd", Current: true})
	ok(t, b.SaveMailbox(t.Context(), &row))

	got := mailboxes(t, b)
	if len(got) != 1 || len(got[0].Generations) != 2 {
		t.Fatalf("got %+v", got)
	}
	if !reflect.DeepEqual(got[0], row) {
		t.Errorf("got %+v, and SaveMailbox left %+v", got[0], row)
	}
	if tally := got[0].Generations[0].Tally; tally != (state.Tally{OnServer: 1, Here: 1, HereBytes: 10}) {
		t.Errorf("the tally is %+v", tally)
	}
	if rs := records(t, b, first); len(rs) != 1 {
		t.Errorf("the records are %+v", rs)
	}

	// A special use is as it was last said, and keywords that come later leave it alone.
	for _, use := range []string{"junk", ""} {
		row.Use = use
		ok(t, b.SaveMailbox(t.Context(), &row))
		ok(t, b.Commit(t.Context(), state.Commit{Gen: first, Keywords: append(row.Keywords, "k"+use)}))
		if got := mailboxes(t, b)[0]; got.Use != use || len(got.Keywords) != len(row.Keywords)+1 {
			t.Errorf("with the use %q it is %+v", use, got)
		}
		row = mailboxes(t, b)[0]
	}

	// A generation that the row does not name stays as it is.
	row.Generations = row.Generations[1:]
	ok(t, b.SaveMailbox(t.Context(), &row))
	if got := mailboxes(t, b); len(got[0].Generations) != 2 {
		t.Errorf("a generation is gone: %+v", got)
	}
}

func pathIsUnique(t *testing.T, b Memory) {
	inbox(t, b)
	other := state.MailboxRow{Raw: "other", Path: "INBOX"}
	refused(t, b.SaveMailbox(t.Context(), &other), "a second mailbox with the same path")
	if got := mailboxes(t, b); len(got) != 1 || got[0].Raw != "INBOX" {
		t.Errorf("got %+v", got)
	}
}

func unknownIDs(t *testing.T, b Memory) {
	ctx := t.Context()
	row := inbox(t, b)
	none := row.Generations[0].ID + 100
	_, err := b.Records(ctx, none)
	refused(t, err, "Records of no generation")
	_, err = b.Proofs(ctx, none, nil)
	refused(t, err, "Proofs of no generation")
	refused(t, b.Commit(ctx, state.Commit{Gen: none, Put: []state.Record{{UID: 1}}}), "a Commit to no generation")
	refused(t, b.SaveMailbox(ctx, &state.MailboxRow{ID: row.ID + 100, Path: "x"}), "an update of no mailbox")
	other := state.MailboxRow{Raw: "other", Path: "other", Generations: []state.Generation{{ID: row.Generations[0].ID, Token: "stolen"}}}
	refused(t, b.SaveMailbox(ctx, &other), "another mailbox's generation")
	if got := mailboxes(t, b); len(got) != 1 || got[0].Generations[0].Token != "aaaa" {
		t.Errorf("got %+v", got)
	}
}

func keywordsStay(t *testing.T, b Memory) {
	ctx := t.Context()
	row := inbox(t, b)
	gen := row.Generations[0].ID
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Keywords: []string{"one", "two"}}))
	ok(t, b.Commit(ctx, state.Commit{Gen: gen, Keywords: []string{"one", "two", "three"}}))
	want := []string{"one", "two", "three"}
	ok(t, b.SaveMailbox(ctx, &row)) // it names none: they stay, and are filled in
	if !reflect.DeepEqual(row.Keywords, want) {
		t.Errorf("SaveMailbox filled in %q, want %q", row.Keywords, want)
	}
	refused(t, b.Commit(ctx, state.Commit{Gen: gen, Keywords: []string{"two", "one", "three"}}), "a keyword on another's bit")
	refused(t, b.Commit(ctx, state.Commit{Gen: gen, Keywords: []string{"one", "two", "three", "fo\nur"}}), "a keyword with an end of line")
	row.Keywords = []string{"four"}
	refused(t, b.SaveMailbox(ctx, &row), "a keyword on another's bit")
	if got := mailboxes(t, b)[0].Keywords; !reflect.DeepEqual(got, want) {
		t.Errorf("the keywords are %q, want %q", got, want)
	}
}
