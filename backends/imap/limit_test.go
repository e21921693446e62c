package imap

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// bounded is an account with n messages whose server does a command for so many of them.
func bounded(n, most int, caps string) *script.Account {
	acct := script.NewAccount()
	for i := range n {
		acct.Mailbox("INBOX").Append(fmt.Sprintf("Subject: %d\r\n\r\nbody %d\r\n", i+1, i+1))
	}
	acct.Add("Trash")
	acct.Limit, acct.Caps = most, script.DefaultCaps+" "+caps
	return acct
}

func upTo(n state.UID) (all []state.UID) {
	for uid := state.UID(1); uid <= n; uid++ {
		all = append(all, uid)
	}
	return all
}

// A listing that the server ends at its limit (RFC 9738) is continued below the lowest UID that it came to, whether
// the limit was announced or not.
func TestScanGoesOnBelowTheLimit(t *testing.T) {
	for _, caps := range []string{"MESSAGELIMIT=3", "UNLIMITED"} {
		acct := bounded(8, 3, caps)
		srv := script.Every(t, script.Healthy(acct, nil))
		snap := scanOf(t, account(t, options(srv)), state.ScanRequest{Raw: "INBOX"})
		if !slices.Equal(there(snap), upTo(8)) || !snap.Complete || !snap.All || len(snap.Trouble) > 0 {
			t.Errorf("%s: UIDs %v, complete %v, %v", caps, there(snap), snap.Complete, snap.Trouble)
		}
		want := []string{"UID FETCH 1:* " + scanItems, "UID FETCH 1:5 " + scanItems, "UID FETCH 1:2 " + scanItems}
		if got := slices.DeleteFunc(srv.Commands(), func(c string) bool { return !strings.HasPrefix(c, "UID ") }); !slices.Equal(got, want) {
			t.Errorf("%s: sent %q", caps, got)
		}
	}
}

// What was removed is found although the server searches some of the messages at a time; nothing else counts as gone.
func TestRemovedMessagesAreFoundBelowTheLimit(t *testing.T) {
	for _, esearch := range []bool{true, false} {
		acct := bounded(9, 2, "MESSAGELIMIT=2")
		if !esearch {
			acct.Caps = strings.ReplaceAll(acct.Caps, "ESEARCH ", "")
		}
		srv := script.Every(t, script.Healthy(acct, nil))
		a := account(t, options(srv))
		first := scanOf(t, a, state.ScanRequest{Raw: "INBOX"})
		acct.Lock()
		for _, uid := range []uint32{2, 7} {
			acct.Mailbox("INBOX").Expunge(uid)
		}
		acct.Mailbox("INBOX").Append("new\r\n")
		acct.Unlock()
		snap := scanOf(t, a, state.ScanRequest{Raw: "INBOX", Since: first.Mark, Known: 9, KnownUID: there(first)})
		if snap.All || !snap.Complete || !slices.Equal(snap.Gone, uids(2, 7)) || !slices.Equal(there(snap), uids(10)) {
			t.Errorf("esearch %v: %+v after %q", esearch, snap, srv.Commands())
		}
	}
}

// A server's lines that leave open what it did: such a listing is never complete where a message is
// missing, it is asked for in parts, and that ends.
func TestLimitsThatCannotBeFollowed(t *testing.T) {
	line := func(uid int) string {
		return fmt.Sprintf(`* %d FETCH (UID %d FLAGS () INTERNALDATE "02-Jan-2024 03:04:05 +0000" RFC822.SIZE 9)`, uid, uid)
	}
	for _, c := range []struct {
		name     string
		lines    []string // the answer to every FETCH
		complete bool
		listed   []state.UID
	}{
		{"no UID", []string{line(3), "$tag OK [MESSAGELIMIT 1] done"}, false, uids(3)},
		{"the same UID for ever", []string{line(3), "$tag OK [MESSAGELIMIT 1 3] done"}, false, uids(3)},
		{"above all", []string{line(3), "$tag OK [MESSAGELIMIT 1 4294967295] done"}, false, uids(3)},
		{"UID 0", []string{line(3), "$tag OK [MESSAGELIMIT 1 0] done"}, false, uids(3)},
		{"not a UID", []string{line(3), "$tag OK [MESSAGELIMIT 1 x] done"}, false, uids(3)},
		{"NO", []string{line(3), "$tag NO [MESSAGELIMIT 1 3] too many"}, false, uids(3)},
		{"NO of a part", []string{line(3), "* NO [MESSAGELIMIT 1 3] in part", "$tag OK [HIGHESTMODSEQ 5] done"}, false, uids(3)},
		{"nothing is left", []string{line(3), line(2), line(1), "$tag OK [MESSAGELIMIT 3 1] done"}, true, uids(1, 2, 3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := script.Every(t, script.Healthy(boxes(), script.Answers{"UID FETCH": answer(c.lines...), "FETCH": answer("$tag OK [MESSAGELIMIT 1 3] done")}))
			snap := scanOf(t, account(t, options(srv)), state.ScanRequest{Raw: "INBOX"})
			if snap.Complete != c.complete || !slices.Equal(there(snap), c.listed) {
				t.Errorf("complete %v, listed %v, %v", snap.Complete, there(snap), snap.Trouble)
			}
			if n := len(srv.Commands()); n > 40 {
				t.Errorf("%d commands", n)
			}
		})
	}
}

// Where the limit is announced, no command that changes something is about more messages: such a command
// could be done in part, or, a COPY, be refused.
func TestChangesKeepToTheLimit(t *testing.T) {
	for _, caps := range []string{"MESSAGELIMIT=3", "MESSAGELIMIT=3 MOVE", "SAVELIMIT=3"} {
		t.Run(caps, func(t *testing.T) {
			acct := bounded(8, 3, caps)
			srv := script.Every(t, script.Healthy(acct, nil))
			a := account(t, options(srv))
			var changes []state.FlagChange
			for _, uid := range upTo(8) {
				changes = append(changes, state.FlagChange{UID: uid, Add: state.Flagged})
			}
			stored, err := a.Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: inboxValidity, Changes: changes, Keywords: state.NewKeywords(nil)})
			if err != nil || len(stored.Echoed) != 8 || stored.Echoed[0].Flags != state.Flagged {
				t.Errorf("stored %+v, %v", stored, err)
			}
			moved, err := a.Move(t.Context(), "INBOX", inboxValidity, upTo(7), "Trash")
			if err != nil || len(moved) != 7 {
				t.Errorf("moved %+v, %v", moved, err)
			}
			done, err := a.Expunge(t.Context(), state.ExpungeRequest{Raw: "INBOX", UIDValidity: inboxValidity, Keywords: state.NewKeywords(nil),
				Messages: []state.Doomed{{UID: 8, Size: -1, Date: state.NoDate}}})
			if err != nil || !slices.Equal(done.Gone, uids(8)) {
				t.Errorf("expunged %+v, %v", done, err)
			}
			if n := len(acct.Mailbox("Trash").Messages); n != 7 || len(acct.Mailbox("INBOX").Messages) != 0 {
				t.Errorf("%d messages in the trash, INBOX has %d", n, len(acct.Mailbox("INBOX").Messages))
			}
		})
	}
}

// yahoo shows the newest three of eight messages unless sequence numbers are given up.
func yahoo() *script.Account {
	acct := bounded(8, 3, "MESSAGELIMIT=3 UIDONLY MOVE")
	acct.Window = 3
	return acct
}

// A server that shows a part of a mailbox is asked for all of it: every message is listed, fetched, flagged, moved and
// expunged, and no sequence number is sent.
func TestAllOfAMailboxOfAServerThatShowsAPart(t *testing.T) {
	acct := yahoo()
	srv := script.Every(t, script.Healthy(acct, nil))
	a := account(t, options(srv))
	list, err := a.List(t.Context(), nil)
	if err != nil || list.Mailboxes[0].Mark.Exists != 8 {
		t.Errorf("listed %+v, %v", list, err)
	}
	snap := scanOf(t, a, state.ScanRequest{Raw: "INBOX"})
	if !slices.Equal(there(snap), upTo(8)) || !snap.Complete || snap.Limit != 0 || snap.Lowest != 1 {
		t.Fatalf("UIDs %v, complete %v, limit %d", there(snap), snap.Complete, snap.Limit)
	}
	item := func(uids ...state.UID) state.Item { // the caller asks again for what a command did not bring
		return state.Item{Raw: "INBOX", UIDValidity: inboxValidity, UIDs: uids}
	}
	w := newWork(item(1, 2, 3), item(4, 5, 6), item(7, 8))
	if err := a.Fetch(t.Context(), w); err != nil || len(w.bodies) != 8 || w.bodies["INBOX 2"] != "Subject: 2\r\n\r\nbody 2\r\n" {
		t.Errorf("fetched %v, %v, %v", w.kept(), w.done, err)
	}
	stored, err := a.Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: inboxValidity, Since: snap.Mark.ModSeq,
		Changes: []state.FlagChange{{UID: 1, Add: state.Seen}, {UID: 8, Add: state.Seen}}, Keywords: state.NewKeywords(nil)})
	if err != nil || len(stored.Echoed) != 2 {
		t.Errorf("stored %+v, %v", stored, err)
	}
	if moved, err := a.Move(t.Context(), "INBOX", inboxValidity, uids(1, 7), "Trash"); err != nil || len(moved) != 2 {
		t.Errorf("moved %+v, %v", moved, err)
	}
	done, err := a.Expunge(t.Context(), state.ExpungeRequest{Raw: "INBOX", UIDValidity: inboxValidity, Keywords: state.NewKeywords(nil),
		Messages: []state.Doomed{{UID: 2, Size: -1, Date: state.NoDate}}})
	if err != nil || !slices.Equal(done.Gone, uids(2)) {
		t.Errorf("expunged %+v, %v", done, err)
	}
	later := scanOf(t, a, state.ScanRequest{Raw: "INBOX", Since: snap.Mark, Known: 8, KnownUID: upTo(8)})
	if !later.Complete || later.All || !slices.Equal(later.Gone, uids(1, 2, 7)) || later.Lowest != 3 {
		t.Errorf("later %+v", later)
	}
	if sent(srv, "FETCH *") > 0 || sent(srv, "* 1:\\* *") > 0 || sent(srv, "ENABLE UIDONLY") == 0 {
		t.Errorf("sent %q", srv.Commands())
	}
}

// The same in a backup, whose connections refuse what could change the server.
func TestAllOfAMailboxInABackup(t *testing.T) {
	srv := script.Every(t, script.Healthy(yahoo(), nil))
	a := account(t, options(srv), func(o *Options) { o.ReadOnly = true })
	if snap := scanOf(t, a, state.ScanRequest{Raw: "INBOX"}); len(snap.Messages) != 8 || !snap.Complete {
		t.Errorf("listed %v", there(snap))
	}
}

// A server that does not do what it offers shows its part, and how many that may be.
func TestUIDOnlyThatIsNotEnabled(t *testing.T) {
	for name, answers := range map[string]script.Answer{
		"NO":          answer("$tag NO not today"),
		"BAD":         answer("$tag BAD what is that"),
		"OK alone":    answer("$tag OK done"),
		"another one": answer("* ENABLED CONDSTORE", "$tag OK done"),
		"none":        answer("* ENABLED", "$tag OK done"),
	} {
		t.Run(name, func(t *testing.T) {
			srv := script.Every(t, script.Healthy(yahoo(), script.Answers{"ENABLE": answers}))
			snap := scanOf(t, account(t, options(srv)), state.ScanRequest{Raw: "INBOX"})
			if !slices.Equal(there(snap), uids(6, 7, 8)) || snap.Limit != 3 || snap.Lowest != 6 {
				t.Errorf("UIDs %v, limit %d, lowest %d", there(snap), snap.Limit, snap.Lowest)
			}
		})
	}
}

// UIDONLY is not asked for where the server shows all anyway.
func TestUIDOnlyIsNotEnabledWithoutALimit(t *testing.T) {
	acct := bounded(8, 0, "UIDONLY QRESYNC")
	srv := script.Every(t, script.Healthy(acct, nil))
	scanOf(t, account(t, options(srv)), state.ScanRequest{Raw: "INBOX"})
	if sent(srv, "ENABLE *") != 0 {
		t.Errorf("sent %q", srv.Commands())
	}
}

// The lines of RFC 9586: a UID in place of the number, and again among the items or not; VANISHED in place of
// EXPUNGE. What vanishes during the listing makes it one to be done again, what vanished earlier does not.
func TestUIDFetchLines(t *testing.T) {
	line := func(uid, more string) string {
		return "* " + uid + " UIDFETCH (" + more + `FLAGS (\Seen) INTERNALDATE "02-Jan-2024 03:04:05 +0000" RFC822.SIZE 9)`
	}
	for _, c := range []struct {
		name     string
		lines    []string
		complete bool
		uids     []state.UID
	}{
		{"without UID", []string{line("25996", ""), line("7", ""), line("4294967295", "")}, true, uids(7, 25996, 4294967295)},
		{"with UID", []string{line("1", "UID 1 "), line("2", "UID 2 "), line("9", "UID 9 ")}, true, uids(1, 2, 9)},
		{"two UIDs", []string{line("1", "UID 2 "), line("2", ""), line("9", "")}, false, uids(2, 9)},
		{"flags on the side", []string{line("1", ""), "* 1 UIDFETCH (FLAGS ())", line("2", ""), line("9", "")}, true, uids(1, 2, 9)},
		{"nothing", []string{line("1", ""), line("2", ""), line("9", ""), "* 9 UIDFETCH ()"}, true, uids(1, 2, 9)},
		{"UID 0", []string{line("1", ""), line("2", ""), line("0", "")}, false, uids(1, 2)},
		{"one vanishes", []string{line("1", ""), line("2", ""), line("9", ""), "* VANISHED 9"}, false, uids(1, 2, 9)},
		{"all UIDs there can be vanish", []string{line("1", ""), line("2", ""), line("9", ""), "* VANISHED 1:4294967295", "* VANISHED 1:4294967295"}, false, uids(1, 2, 9)},
		{"VANISHED that cannot be read", []string{line("1", ""), line("2", ""), line("9", ""), "* VANISHED 1:x"}, false, uids(1, 2, 9)},
		{"vanished earlier", []string{line("1", ""), line("2", ""), line("9", ""), "* VANISHED (EARLIER) 3:8"}, true, uids(1, 2, 9)},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := script.Every(t, script.Healthy(boxes(), script.Answers{
				"EXAMINE":   answer("* 3 EXISTS", "* OK [UIDVALIDITY 1000] x", "* OK [HIGHESTMODSEQ 9] x", "$tag OK done"),
				"UID FETCH": answer(append(slices.Clone(c.lines), "$tag OK done")...),
			}))
			snap := scanOf(t, account(t, options(srv)), state.ScanRequest{Raw: "INBOX"})
			if snap.Complete != c.complete || !slices.Equal(there(snap), c.uids) {
				t.Errorf("complete %v, UIDs %v, %v", snap.Complete, there(snap), snap.Trouble)
			}
		})
	}
}

// A listing by UIDs that is refused because of one message is asked for in parts, by UIDs.
func TestRefusedListingWithoutSequenceNumbers(t *testing.T) {
	acct := yahoo()
	acct.Limit = 0
	srv := script.Every(t, script.Healthy(acct, script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
		set, _, _ := strings.Cut(cmd.Args, " ")
		var asked ranges
		asked.addSet(set)
		if asked.sort(); !asked.has(5) {
			return false
		}
		p.Send("$tag NO cannot tell of all")
		return true
	}}))
	snap := scanOf(t, account(t, options(srv)), state.ScanRequest{Raw: "INBOX"})
	if snap.Complete || !slices.Equal(there(snap), uids(1, 2, 3, 4, 6, 7, 8)) || !strings.Contains(fmt.Sprint(snap.Trouble), "(UID 5)") {
		t.Errorf("UIDs %v, complete %v, %v", there(snap), snap.Complete, snap.Trouble)
	}
	if sent(srv, "FETCH *") != 0 {
		t.Errorf("sent %q", srv.Commands())
	}
}
