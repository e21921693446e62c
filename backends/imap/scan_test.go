package imap

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// answer makes an Answer of lines.
func answer(lines ...string) script.Answer {
	return func(p *script.Peer, _ script.Command) bool {
		for _, l := range lines {
			p.Send(l)
		}
		return true
	}
}

func scanOf(t *testing.T, a *Account, req state.ScanRequest) *state.ServerSnapshot {
	t.Helper()
	snap, err := a.Scan(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func there(snap *state.ServerSnapshot) []state.UID {
	var out []state.UID
	for _, m := range snap.Messages {
		out = append(out, m.UID)
	}
	return out
}

func TestScanEverything(t *testing.T) {
	acct := boxes()
	srv := script.Every(t, script.Healthy(acct, nil))
	a := account(t, options(srv))
	kw := state.NewKeywords([]string{"cold"})
	snap := scanOf(t, a, state.ScanRequest{Raw: "INBOX", Keywords: kw})
	if !snap.All || !snap.Complete || len(snap.Trouble) != 0 {
		t.Errorf("all %v, complete %v, trouble %v", snap.All, snap.Complete, snap.Trouble)
	}
	if want := (state.Mark{UIDValidity: 1000, UIDNext: 4, ModSeq: 4, Exists: 3}); snap.Mark != want {
		t.Errorf("mark %+v, want %+v", snap.Mark, want)
	}
	hot, _ := kw.Bit("hot")
	first := acct.Mailbox("INBOX").Messages[0]
	want := state.OnServer{UID: 1, Flags: state.Seen | state.Forwarded | hot, Size: int64(len(first.Body)), Date: first.Date.Unix()}
	if snap.Messages[0] != want {
		t.Errorf("first message %+v, want %+v", snap.Messages[0], want)
	}
	if !slices.Equal(kw.Names(), []string{"cold", "hot"}) {
		t.Errorf("keywords %q", kw.Names())
	}
	if sent(srv, "SELECT *") != 0 || sent(srv, "*BODY*") != 0 || sent(srv, "*ENVELOPE*") != 0 {
		t.Errorf("sent %q", srv.Commands())
	}
}

func TestScanEmptyMailboxAsksForNothing(t *testing.T) {
	srv := script.Every(t, script.Healthy(script.NewAccount(), nil))
	a := account(t, options(srv))
	snap := scanOf(t, a, state.ScanRequest{Raw: "INBOX"})
	if !snap.All || !snap.Complete || len(snap.Messages) != 0 || sent(srv, "UID *") != 0 {
		t.Errorf("%+v after %q", snap, srv.Commands())
	}
}

// What is no complete listing (spec 5.3) is never called one.
func TestScanCompleteness(t *testing.T) {
	line := func(seq int, uid string) string {
		return fmt.Sprintf(`* %d FETCH (UID %s FLAGS () INTERNALDATE "02-Jan-2024 03:04:05 +0000" RFC822.SIZE 9)`, seq, uid)
	}
	const done = "$tag OK done"
	for _, c := range []struct {
		name     string
		lines    []string
		uids     []state.UID
		complete bool
		trouble  string
	}{
		{"in any order", []string{line(3, "3"), line(1, "1"), line(2, "2"), done}, uids(1, 2, 3), true, ""},
		{"one short", []string{line(1, "1"), line(3, "3"), done}, uids(1, 3), false, ""},
		{"empty", []string{done}, nil, false, ""},
		{"a UID twice", []string{line(1, "1"), line(2, "2"), line(3, "2"), done}, uids(1, 2), false, "twice"},
		{"a UID twice, count right", []string{line(1, "1"), line(2, "2"), line(2, "2"), line(3, "3"), done}, uids(1, 2, 3), false, "twice"},
		{"UID 0", []string{line(1, "1"), line(2, "0"), line(3, "3"), done}, uids(1, 3), false, "impossible UID 0"},
		{"UID over 32 bits", []string{line(1, "1"), line(2, "4294967296"), line(3, "3"), done}, uids(1, 3), false, "4294967296"},
		{"a line of nonsense", []string{line(1, "1"), "* 2 FETCH (UID 2 FLAGS (", line(3, "3"), done}, uids(1, 3), false, "cannot read"},
		{"flags told on the side", []string{line(1, "1"), `* 3 FETCH (UID 3 FLAGS (\Seen))`, line(2, "2"), line(3, "3"), `* 1 FETCH (UID 1 FLAGS (\Seen))`, done}, uids(1, 2, 3), true, ""},
		{"nothing but flags", []string{line(1, "1"), line(2, "2"), "* 3 FETCH (UID 3 FLAGS ())", done}, uids(1, 2, 3), true, ""},
		{"new mail meanwhile", []string{line(1, "1"), "* 4 EXISTS", line(2, "2"), line(3, "3"), line(4, "4"), done}, uids(1, 2, 3, 4), true, ""},
		{"new mail in place of old", []string{line(1, "1"), "* 4 EXISTS", line(2, "2"), line(4, "4"), done}, uids(1, 2, 4), false, ""},
		{"one goes in every look", []string{line(1, "1"), line(2, "2"), line(3, "3"), "* 3 EXPUNGE", done}, uids(1, 2, 3), false, ""},
		{"odd attributes", []string{`* 1 FETCH (FLAGS NIL UID 1 MODSEQ (5) X-GM-LABELS ("a)" {2}` + "\r\n" + `b)) INTERNALDATE NIL RFC822.SIZE NIL )`, line(2, "2"), line(3, "3"), done}, uids(1, 2, 3), true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := script.Every(t, script.Healthy(boxes(), script.Answers{"UID FETCH": answer(c.lines...)}))
			a := account(t, options(srv))
			snap := scanOf(t, a, state.ScanRequest{Raw: "INBOX"})
			if !slices.Equal(there(snap), c.uids) || snap.Complete != c.complete || !snap.All {
				t.Errorf("UIDs %v, complete %v, all %v", there(snap), snap.Complete, snap.All)
			}
			if text := fmt.Sprint(snap.Trouble); c.trouble == "" != (len(snap.Trouble) == 0) || !strings.Contains(text, c.trouble) {
				t.Errorf("trouble %v, want %q", snap.Trouble, c.trouble)
			}
		})
	}
}

func TestScanLooksAgainAfterAnExpunge(t *testing.T) {
	acct := boxes()
	n := 0
	srv := script.Every(t, script.Healthy(acct, script.Answers{
		"UID FETCH": func(p *script.Peer, _ script.Command) bool {
			acct.Lock()
			defer acct.Unlock()
			if n++; n > 1 {
				return false
			}
			p.Send("* 2 EXPUNGE")
			acct.Mailbox("INBOX").Expunge(2)
			p.Send("$tag OK done")
			return true
		},
	}))
	a := account(t, options(srv))
	snap := scanOf(t, a, state.ScanRequest{Raw: "INBOX"})
	if !slices.Equal(there(snap), uids(1, 3)) || !snap.Complete || sent(srv, "EXAMINE *") != 2 {
		t.Errorf("UIDs %v, complete %v after %q", there(snap), snap.Complete, srv.Commands())
	}
}

func TestScanTellsMarksAsTheyAre(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"* OK [UIDVALIDITY 0] x", "{0 4 4 3}"},
		{"* OK [UIDVALIDITY 4294967296] x", "{0 4 4 3}"},
		{"* OK nothing", "{0 4 4 3}"},
		{"* OK [UIDVALIDITY 5] x", "{5 4 4 3}"},
	} {
		srv := script.Every(t, script.Healthy(boxes(), script.Answers{
			"EXAMINE":   answer("* FLAGS ()", "* 3 EXISTS", "* OK [MAILBOXID (F-1)] x", c.line, "* OK [UIDNEXT 4] x", "* OK [HIGHESTMODSEQ 4] x", "$tag OK [READ-ONLY] ok"),
			"UID FETCH": answer("* 1 FETCH (UID 1 RFC822.SIZE 1)", "* 2 FETCH (UID 2 RFC822.SIZE 1)", "* 3 FETCH (UID 3 RFC822.SIZE 1)", "$tag OK done"),
		}))
		a := account(t, options(srv))
		snap := scanOf(t, a, state.ScanRequest{Raw: "INBOX"})
		if got := fmt.Sprint(snap.Mark); got != c.want || snap.MailboxID != "F-1" {
			t.Errorf("%s: mark %s of %q, want %s", c.line, got, snap.MailboxID, c.want)
		}
	}
}

func TestScanRefusedNamesTheMailbox(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), nil))
	a := account(t, options(srv))
	_, err := a.Scan(t.Context(), state.ScanRequest{Raw: "Gone"})
	wantFault(t, err, state.Other, `open "Gone": server answered NO [NONEXISTENT] "no such mailbox"`)
}

// since is what the base knows of a mailbox after its first scan.
func since(t *testing.T, a *Account, raw string) state.ScanRequest {
	t.Helper()
	kw := state.NewKeywords(nil)
	snap := scanOf(t, a, state.ScanRequest{Raw: raw, Keywords: kw})
	return state.ScanRequest{Raw: raw, Since: snap.Mark, Known: len(snap.Messages), KnownUID: there(snap), Keywords: kw}
}

func TestScanOnlyWhatChanged(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(m *script.Mailbox)
		uids    []state.UID
		gone    []state.UID
		command string // one that must have been sent
	}{
		{"nothing", func(*script.Mailbox) {}, nil, nil, "EXAMINE *"},
		{"a flag", func(m *script.Mailbox) { m.SetFlags(m.Message(2), `\Flagged`) }, uids(2), nil, "UID FETCH 1:* * (CHANGEDSINCE 4)"},
		{"new mail", func(m *script.Mailbox) { m.Append("new\r\n") }, uids(4), nil, "UID FETCH 1:* * (CHANGEDSINCE 4)"},
		{"one went", func(m *script.Mailbox) { m.Expunge(1) }, nil, uids(1), "UID SEARCH RETURN (ALL) ALL"},
		{"one came, one went", func(m *script.Mailbox) { m.Append("new\r\n"); m.Expunge(3) }, uids(4), uids(3), "UID SEARCH *"},
		{"all went", func(m *script.Mailbox) { m.Expunge(1); m.Expunge(2); m.Expunge(3) }, nil, uids(1, 2, 3), "UID SEARCH *"},
	} {
		t.Run(c.name, func(t *testing.T) {
			acct := boxes()
			srv := script.Every(t, script.Healthy(acct, nil))
			a := account(t, options(srv))
			req := since(t, a, "INBOX")
			before := len(srv.Commands())
			acct.Lock()
			c.change(acct.Mailbox("INBOX"))
			acct.Unlock()
			snap := scanOf(t, a, req)
			if snap.All || !snap.Complete || !slices.Equal(there(snap), c.uids) || !slices.Equal(snap.Gone, c.gone) {
				t.Errorf("%+v", snap)
			}
			if sent(srv, c.command) == 0 || sent(srv, "UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)") != 1 {
				t.Errorf("sent %q", srv.Commands()[before:])
			}
		})
	}
}

// A delta that does not add up is replaced by the truth.
func TestScanFallsBackToAFullListing(t *testing.T) {
	for _, c := range []struct {
		name    string
		req     func(*state.ScanRequest)
		answers script.Answers
	}{
		{"full wanted", func(r *state.ScanRequest) { r.Full = true }, nil},
		{"another generation", func(r *state.ScanRequest) { r.Since.UIDValidity = 5 }, nil},
		{"MODSEQ went backwards", func(r *state.ScanRequest) { r.Since.ModSeq = 900 }, nil},
		{"UIDNEXT went backwards", func(r *state.ScanRequest) { r.Since.UIDNext = 900 }, nil},
		{"the base's own count is off", func(r *state.ScanRequest) { r.Known = 7; r.Since.ModSeq-- }, nil},
		{"search finds less than EXISTS", nil, script.Answers{"UID SEARCH": answer(`* ESEARCH (TAG "$tag") UID ALL 1`, "$tag OK done")}},
		{"search finds more than there can be", nil, script.Answers{"UID SEARCH": answer(`* ESEARCH (TAG "$tag") UID ALL 1:4294967295`, "$tag OK done")}},
		{"search finds strangers", nil, script.Answers{"UID SEARCH": answer(`* ESEARCH (TAG "$tag") UID ALL 2:3,5`, "$tag OK done")}},
		{"search is refused", nil, script.Answers{"UID SEARCH": answer("$tag NO no")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			acct := boxes()
			acct.Mailbox("INBOX").UIDNext = 10
			srv := script.Every(t, script.Healthy(acct, c.answers))
			a := account(t, options(srv))
			req := since(t, a, "INBOX")
			acct.Lock()
			acct.Mailbox("INBOX").Expunge(1)
			acct.Unlock()
			if c.req != nil {
				c.req(&req)
			}
			snap := scanOf(t, a, req)
			if !snap.All || !snap.Complete || !slices.Equal(there(snap), uids(2, 3)) {
				t.Errorf("%+v after %q", snap, srv.Commands())
			}
		})
	}
}

func TestScanBrokenOffIsAnError(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{
		"UID FETCH": func(p *script.Peer, _ script.Command) bool {
			p.Send("* 1 FETCH (UID 1 FLAGS ())")
			p.Close()
			return true
		},
	}))
	a := account(t, options(srv))
	_, err := a.Scan(t.Context(), state.ScanRequest{Raw: "INBOX"})
	wantFault(t, err, state.Other, `scan "INBOX"`)
	if srv.Accepted() != 2 {
		t.Errorf("%d connections, want one more try", srv.Accepted())
	}
}

// Without CONDSTORE every scan is a full one, and without UIDNEXT the count still holds.
func TestScanOldServer(t *testing.T) {
	acct := boxes()
	acct.Caps = "IMAP4rev1"
	srv := script.Every(t, script.Healthy(acct, script.Answers{
		"EXAMINE":   answer(`* FLAGS (\Seen $Forwarded)`, "* 3 EXISTS", "* OK [UIDVALIDITY 1000] Ok", `* OK [PERMANENTFLAGS ()] No`, "$tag OK [READ-ONLY] Ok"),
		"UID FETCH": answer("* 1 FETCH (UID 1 RFC822.SIZE 1)", "* 2 FETCH (UID 2 RFC822.SIZE 1)", "* 3 FETCH (UID 3 RFC822.SIZE 1)", "$tag OK done"),
	}))
	a := account(t, options(srv))
	snap := scanOf(t, a, since(t, a, "INBOX"))
	if !snap.All || !snap.Complete || sent(srv, "*CONDSTORE*") != 0 || sent(srv, "*CHANGEDSINCE*") != 0 {
		t.Errorf("%+v after %q", snap, srv.Commands())
	}
	if snap.Permanent != state.Seen|state.Forwarded || !snap.NewWords {
		t.Errorf("settable %v, new keywords %v", snap.Permanent, snap.NewWords)
	}
}

// A mark is the same whether STATUS or EXAMINE told it, also where the server tells a
// HIGHESTMODSEQ that it does not offer.
func TestScanTakesNoModSeqThatIsNotOffered(t *testing.T) {
	acct := boxes()
	acct.Caps = "IMAP4rev1"
	srv := script.Every(t, script.Healthy(acct, nil))
	a := account(t, options(srv))
	l, err := a.List(t.Context(), everyMailbox)
	if err != nil {
		t.Fatal(err)
	}
	if snap := scanOf(t, a, state.ScanRequest{Raw: "INBOX"}); snap.Mark != l.Mailboxes[0].Mark || snap.Mark.ModSeq != 0 {
		t.Errorf("scanned %+v, listed %+v", snap.Mark, l.Mailboxes[0].Mark)
	}
}

// Courier has another UIDVALIDITY each second for a mailbox that nobody opened for writing.
// So one that has changed is opened so once, where that is allowed and there is mail in it.
func TestScanSettlesNumbersThatChanged(t *testing.T) {
	for _, c := range []struct {
		name     string
		known    uint32
		exists   int
		readOnly bool
		refused  bool
		want     uint32
		selects  int
	}{
		{"changed", 900, 1, false, false, 2000, 1},
		{"refused", 900, 1, false, true, 1002, 1},
		{"not changed", 1001, 1, false, false, 1001, 0},
		{"not known yet", 0, 1, false, false, 1001, 0},
		{"empty", 900, 0, false, false, 1001, 0},
		{"backup", 900, 1, true, false, 1001, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			validity := make(chan int, 1)
			validity <- 1000
			acct := boxes()
			acct.Caps = "IMAP4rev1"
			srv := script.Every(t, script.Healthy(acct, script.Answers{
				"EXAMINE": func(p *script.Peer, cmd script.Command) bool {
					v := <-validity
					if v < 2000 {
						v++
					}
					validity <- v
					return answer(fmt.Sprintf("* %d EXISTS", c.exists), fmt.Sprintf("* OK [UIDVALIDITY %d] Ok", v), "$tag OK [READ-ONLY] Ok")(p, cmd)
				},
				"SELECT": func(p *script.Peer, cmd script.Command) bool {
					if c.refused {
						return answer("$tag NO not yours")(p, cmd)
					}
					<-validity
					validity <- 2000
					return answer("* 1 EXISTS", "* OK [UIDVALIDITY 2000] Ok", "$tag OK [READ-WRITE] Ok")(p, cmd)
				},
				"UID FETCH": answer("* 1 FETCH (UID 1 RFC822.SIZE 1)", "$tag OK done"),
			}))
			o := options(srv)
			o.ReadOnly = c.readOnly
			snap := scanOf(t, account(t, o), state.ScanRequest{Raw: "INBOX", Since: state.Mark{UIDValidity: c.known}})
			if snap.Mark.UIDValidity != c.want || !snap.Complete || sent(srv, "SELECT *") != c.selects {
				t.Errorf("UIDVALIDITY %d, complete %t, after %q", snap.Mark.UIDValidity, snap.Complete, srv.Commands())
			}
		})
	}
}

// A scan that is to be anew goes over a connection that is made for it, whatever there was.
func TestScanAnew(t *testing.T) {
	acct := boxes()
	srv := script.Every(t, script.Healthy(acct, nil))
	a := account(t, options(srv), func(o *Options) { o.Connections = 1 })
	for n, anew := range []bool{false, false, true, false, true} {
		scanOf(t, a, state.ScanRequest{Raw: "INBOX", Anew: anew})
		if want := []int{1, 1, 2, 2, 3}[n]; srv.Accepted() != want || sent(srv, "LOGOUT") != want-1 {
			t.Errorf("scan %d: %d connections, %d ended", n, srv.Accepted(), sent(srv, "LOGOUT"))
		}
	}
}
