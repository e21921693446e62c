package imap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

func TestStoreGroupsAndEchoes(t *testing.T) {
	acct := boxes()
	srv := script.Every(t, script.Healthy(acct, nil))
	a := account(t, options(srv))
	kw := state.NewKeywords(nil)
	hot, _ := kw.Bit("hot")
	changes := []state.FlagChange{
		{UID: 1, Add: state.Flagged},
		{UID: 2, Add: state.Flagged, Remove: hot},
		{UID: 3, Remove: hot},
		{UID: 9, Add: state.Flagged},
	}
	stored, err := a.Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: inboxValidity, Changes: changes, Keywords: kw})
	echo := stored.Echoed
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range echo {
		got = append(got, fmt.Sprintf("%d %v", m.UID, m.Flags))
	}
	if want := []string{"1 FPS+0", "2 FPS", "3 PS"}; !slices.Equal(got, want) {
		t.Errorf("echoed %q, want %q", got, want)
	}
	var stores []string
	for _, c := range srv.Commands() {
		if strings.HasPrefix(c, "UID ") {
			stores = append(stores, c)
		}
	}
	if want := []string{`UID STORE 1:2,9 +FLAGS (\Flagged)`, "UID STORE 2:3 -FLAGS (hot)", "UID FETCH 9 (UID FLAGS)"}; !slices.Equal(stores, want) {
		t.Errorf("sent %q, want %q", stores, want)
	}
}

func TestStoreChangesNothingInAnotherGeneration(t *testing.T) {
	for _, v := range []uint32{0, 999} {
		acct := boxes()
		if v == 0 {
			acct.Mailbox("INBOX").UIDValidity = 0 // the same, but no number at all
		}
		srv := script.Every(t, script.Healthy(acct, nil))
		_, err := account(t, options(srv)).Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: v, Changes: []state.FlagChange{{UID: 1, Add: state.Seen}}, Keywords: state.NewKeywords(nil)})
		if !errors.Is(err, state.ErrRenumbered) || sent(srv, "UID STORE *") != 0 {
			t.Errorf("%v after %q", err, srv.Commands())
		}
	}
}

func TestStoreInABackupIsRefused(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), nil))
	a := account(t, options(srv), func(o *Options) { o.ReadOnly = true })
	if _, err := a.Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: inboxValidity, Changes: []state.FlagChange{{UID: 1, Add: state.Seen}}, Keywords: state.NewKeywords(nil)}); err == nil {
		t.Error("flags were stored")
	}
	if len(srv.Commands()) != 0 {
		t.Errorf("sent %q", srv.Commands())
	}
}

// What the mailbox does not keep is not sent, and asked for instead, so that the caller
// learns that it is not kept.
func TestStoreLeavesOutWhatIsNotKept(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{
		"SELECT":    answer(`* FLAGS (\Seen \Flagged)`, "* 3 EXISTS", "* OK [UIDVALIDITY 1000] x", `* OK [PERMANENTFLAGS (\Seen)] x`, "$tag OK [READ-WRITE] x"),
		"UID FETCH": answer(`* 2 FETCH (UID 2 FLAGS (\Seen))`, "$tag OK done"),
		"UID STORE": answer(`* 1 FETCH (FLAGS (\Seen) UID 1)`, `* 3 FETCH (UID 3 FLAGS (\Deleted))`, "$tag OK done"),
	}))
	kw := state.NewKeywords([]string{"hot", "not an atom"})
	changes := []state.FlagChange{{UID: 1, Add: state.Seen | state.Flagged}, {UID: 2, Add: kw.All() &^ state.System}}
	stored, err := account(t, options(srv)).Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: inboxValidity, Changes: changes, Keywords: kw})
	echo := stored.Echoed
	if err != nil {
		t.Fatal(err)
	}
	if sent(srv, `UID STORE 1 +FLAGS (\Seen)`) != 1 || sent(srv, "UID STORE *") != 1 || sent(srv, "UID FETCH 2 (UID FLAGS)") != 1 {
		t.Errorf("sent %q", srv.Commands())
	}
	if len(echo) != 2 || echo[0].UID != 1 || echo[1].UID != 2 || echo[1].Flags != state.Seen {
		t.Errorf("echoed %+v", echo)
	}
}

func TestStoreRefusedTellsWhatWasEchoed(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{"UID STORE": refuse("-FLAGS", "$tag NO [SERVERBUG] it broke")}))
	changes := []state.FlagChange{{UID: 1, Remove: state.Seen}, {UID: 2, Add: state.Flagged}}
	stored, err := account(t, options(srv)).Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: inboxValidity, Changes: changes, Keywords: state.NewKeywords(nil)})
	wantFault(t, err, state.Other, "SERVERBUG")
	if echo := stored.Echoed; len(echo) != 1 || echo[0].UID != 2 || stored.Denied != 0 {
		t.Errorf("stored %+v", stored)
	}
}

// refuse answers with these lines where the arguments hold a word.
func refuse(word string, lines ...string) script.Answer {
	return func(p *script.Peer, cmd script.Command) bool {
		if !strings.Contains(cmd.Args, word) {
			return false
		}
		for _, line := range lines {
			p.Send(line)
		}
		return true
	}
}

// A flag that this user may not change is denied, whatever words the server has for it, and keeps no
// other flag back.
func TestStoreDenied(t *testing.T) {
	for name, c := range map[string]struct {
		answers script.Answers
		denied  state.Flags
		why     string
	}{
		"NOPERM":         {script.Answers{"UID STORE": refuse(`\Seen`, "$tag NO [NOPERM] not yours")}, state.Seen, "NOPERM"},
		"without a code": {script.Answers{"UID STORE": refuse(`\Seen`, "$tag NO You cannot do that")}, state.Seen, "You cannot"},
		"BAD":            {script.Answers{"UID STORE": refuse("hot", "$tag BAD no such flag")}, 1 << 8, "no such flag"},
		"no more words":  {script.Answers{"UID STORE": refuse("hot", "$tag NO [LIMIT] too many keywords")}, 1 << 8, "LIMIT"},
		"read-only": {script.Answers{"SELECT": answer("* 3 EXISTS", "* OK [UIDVALIDITY 1000] x", "$tag OK [READ-ONLY] x"),
			"UID FETCH": answer(`* 1 FETCH (UID 1 FLAGS ())`, `* 2 FETCH (UID 2 FLAGS ())`, "$tag OK done")}, state.Seen | state.Flagged | 1<<8, ""},
	} {
		acct := boxes()
		for _, m := range acct.Mailbox("INBOX").Messages {
			m.Flags = nil
		}
		srv := script.Every(t, script.Healthy(acct, c.answers))
		kw := state.NewKeywords([]string{"hot"})
		stored, err := account(t, options(srv)).Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: inboxValidity, Keywords: kw,
			Changes: []state.FlagChange{{UID: 1, Add: state.Seen | state.Flagged | 1<<8}, {UID: 2, Add: state.Flagged}}})
		if err != nil || stored.Denied != c.denied || len(stored.Echoed) != 2 || (stored.Why != nil) != (c.why != "") {
			t.Errorf("%s: %+v, %v after %q", name, stored, err, srv.Commands())
			continue
		}
		if stored.Why != nil && !strings.Contains(stored.Why.Error(), c.why) {
			t.Errorf("%s: %v", name, stored.Why)
		}
		if want := (state.Seen | state.Flagged | 1<<8) &^ c.denied; stored.Echoed[0].Flags != want {
			t.Errorf("%s: echoed %v, want %v", name, stored.Echoed[0].Flags, want)
		}
		if name == "read-only" && sent(srv, "UID STORE *") != 0 {
			t.Errorf("sent %q", srv.Commands())
		}
	}
}

// A refusal without a code may also be about a message that is gone (RFC 2180 section 4.2): then it
// says nothing about the flag.
func TestStoreRefusedForAGoneMessage(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{"UID STORE": answer("$tag NO some of them are gone")}))
	stored, err := account(t, options(srv)).Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: inboxValidity, Keywords: state.NewKeywords(nil),
		Changes: []state.FlagChange{{UID: 1, Add: state.Flagged}, {UID: 9, Add: state.Flagged}}})
	wantFault(t, err, state.Other, "some of them are gone")
	if stored.Denied != 0 {
		t.Errorf("denied %v", stored.Denied)
	}
}

func TestStoreSplitsLongSets(t *testing.T) {
	var many []state.UID
	for i := range 5000 {
		many = append(many, 4_000_000_000+2*state.UID(i))
	}
	var back ranges
	n, sets := 0, 0
	for s, part := range setsOf(many, len(many)) {
		if len(s) > maxSet+30 {
			t.Errorf("a set of %d octets", len(s))
		}
		for _, part := range strings.Split(s, ",") {
			if !back.add(part) {
				t.Fatalf("set %q", s)
			}
		}
		n += len(part)
		sets++
	}
	if sets < 9 || n != 5000 || back.count() != 5000 || !back.has(4_000_000_002) || back.has(4_000_000_003) {
		t.Errorf("%d sets of %d UIDs, %d read back", sets, n, back.count())
	}
	for s := range setsOf(uids(1, 2, 3, 5, 7, 8), 6) {
		if s != "1:3,5,7:8" {
			t.Errorf("spelled %q", s)
		}
	}
}

// storing with Since leaves alone what changed meanwhile, and tells its flags.
func TestStoreLeavesAloneWhatChanged(t *testing.T) {
	for _, no := range []bool{false, true} {
		acct := boxes()
		inbox := acct.Mailbox("INBOX")
		since := inbox.ModSeq
		inbox.SetFlags(inbox.Message(2), `\Seen`, `\Answered`)
		answers := script.Answers{}
		if no {
			answers["UID STORE"] = func(p *script.Peer, cmd script.Command) bool {
				if strings.Contains(cmd.Args, "1:3 (UNCHANGEDSINCE") {
					p.Send(`* 1 FETCH (UID 1 MODSEQ (9) FLAGS (\Flagged))`)
					p.Send(`* 3 FETCH (UID 3 MODSEQ (9) FLAGS (\Flagged))`)
					p.Send("$tag NO [MODIFIED 2,77] some are not there any more")
					return true
				}
				return false
			}
		}
		srv := script.Every(t, script.Healthy(acct, answers))
		changes := []state.FlagChange{{UID: 1, Add: state.Flagged}, {UID: 2, Add: state.Flagged, Remove: state.Seen}, {UID: 3, Add: state.Flagged, Remove: state.Seen}}
		stored, err := account(t, options(srv)).Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: inboxValidity, Changes: changes, Keywords: state.NewKeywords(nil), Since: since})
		echo := stored.Echoed
		if err != nil || len(echo) != 3 || echo[0].Flags&state.Flagged == 0 || echo[1].Flags != state.Seen|state.Answered || echo[2].Flags&state.Seen != 0 {
			t.Errorf("echoed %+v, %v", echo, err)
		}
		want := []string{fmt.Sprintf(`UID STORE 1:3 (UNCHANGEDSINCE %d) +FLAGS (\Flagged)`, since), `UID STORE 3 -FLAGS (\Seen)`, "UID FETCH 2 (UID FLAGS)"}
		var got []string
		for _, c := range srv.Commands() {
			if strings.HasPrefix(c, "UID ") {
				got = append(got, c)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("sent %q", got)
		}
	}
}

// Where the mailbox has no MODSEQs there is no condition to be had.
func TestStoreWithoutModSeqs(t *testing.T) {
	for _, caps := range []string{"", "IMAP4rev1"} {
		acct := boxes()
		acct.Caps = caps
		if caps == "" {
			acct.Mailbox("INBOX").ModSeq = 0
		}
		srv := script.Every(t, script.Healthy(acct, nil))
		_, err := account(t, options(srv)).Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: inboxValidity,
			Changes: []state.FlagChange{{UID: 1, Add: state.Flagged}}, Keywords: state.NewKeywords(nil), Since: 5})
		if err != nil || sent(srv, `UID STORE 1 +FLAGS (\Flagged)`) != 1 {
			t.Errorf("%v after %q", err, srv.Commands())
		}
	}
}

// A limit of keywords is no reason to wait.
func TestStoreWithTooManyKeywords(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{"UID STORE": answer("$tag NO [LIMIT] too many keywords")}))
	a := account(t, options(srv), func(o *Options) { o.MaxWait = time.Hour })
	waited := new(waits).in(a)
	_, err := a.Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: inboxValidity,
		Changes: []state.FlagChange{{UID: 1, Add: state.Flagged}}, Keywords: state.NewKeywords(nil)})
	wantFault(t, err, state.Other, "too many keywords")
	if len(waited.all) > 0 {
		t.Errorf("waited %v", waited.all)
	}
}
