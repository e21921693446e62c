package imap

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// manner is how a server refuses a listing because of messages that it cannot tell of.
type manner string

const (
	stops  manner = "stops at the first" // lines, then NO
	leaves manner = "leaves them out"    // all other lines, then NO
	mute   manner = "says nothing"       // NO alone
)

// holed refuses every FETCH in which one of the holes (sequence numbers) is asked for. Where uids is
// set it tells their UIDs, and nothing else of them.
func holed(acct *script.Account, how manner, uids bool, holes ...int) script.Answer {
	return func(p *script.Peer, cmd script.Command) bool {
		set, items, _ := strings.Cut(cmd.Args, " ")
		if uids && items == "(UID)" {
			return false
		}
		acct.Lock()
		defer acct.Unlock()
		messages := acct.Mailbox("INBOX").Messages
		highest := uint32(len(messages))
		if cmd.Verb == "UID FETCH" {
			highest = messages[len(messages)-1].UID
		}
		var asked ranges
		for part := range strings.SplitSeq(strings.ReplaceAll(set, "*", fmt.Sprint(highest)), ",") {
			asked.add(part)
		}
		asked.sort()
		var lines []string
		refused, first := false, false
		for i, m := range messages {
			number := uint32(i + 1)
			if cmd.Verb == "UID FETCH" {
				number = m.UID
			}
			switch {
			case !asked.has(state.UID(number)):
			case slices.Contains(holes, i+1):
				refused, first = true, true
			case !first || how == leaves:
				lines = append(lines, fmt.Sprintf(`* %d FETCH (UID %d FLAGS (%s) INTERNALDATE "%s" RFC822.SIZE %d BODY[HEADER.FIELDS (MESSAGE-ID)]<0> {2}`+"\r\n\r\n)",
					i+1, m.UID, strings.Join(m.Flags, " "), m.Date.Format("02-Jan-2006 15:04:05 -0700"), len(m.Body)))
			}
		}
		if !refused {
			return false
		}
		if how != mute {
			for _, line := range lines {
				p.Send(line)
			}
		}
		p.Send("$tag NO cannot tell of all")
		return true
	}
}

// spaced is an account with n messages whose UIDs are 10, 20, 30.
func spaced(n int) *script.Account {
	acct := script.NewAccount()
	m := acct.Mailbox("INBOX")
	for i := range n {
		m.UIDNext = uint32(10 * (i + 1))
		m.Append(fmt.Sprintf("Subject: %d\r\n\r\n", i))
	}
	return acct
}

// Messages of which a server cannot tell keep no others: what it lists is known, and counts as no
// complete listing.
func TestScanAroundHoles(t *testing.T) {
	for _, how := range []manner{stops, leaves, mute} {
		for _, c := range []struct {
			n        int
			holes    []int
			commands int // at most
		}{{1000, []int{500}, 24}, {1000, []int{1}, 24}, {1000, []int{1000}, 24}, {1000, []int{3, 500, 501, 998}, 72}, {2, []int{1}, 6}, {50, []int{1, 2, 3, 4}, 30}} {
			t.Run(fmt.Sprintf("%s, %v of %d", how, c.holes, c.n), func(t *testing.T) {
				acct := spaced(c.n)
				a := holed(acct, how, true, c.holes...)
				srv := script.Every(t, script.Healthy(acct, script.Answers{"UID FETCH": a, "FETCH": a}))
				snap := scanOf(t, account(t, options(srv)), state.ScanRequest{Raw: "INBOX"})
				if len(snap.Messages) != c.n-len(c.holes) || snap.Complete || !snap.All {
					t.Errorf("%d messages, complete %v", len(snap.Messages), snap.Complete)
				}
				want := fmt.Sprintf("the server does not list %d of %d messages (UID %d", len(c.holes), c.n, 10*c.holes[0])
				if len(snap.Trouble) != 1 || !strings.Contains(snap.Trouble[0].Err.Error(), want) || !strings.Contains(snap.Trouble[0].Err.Error(), "cannot tell") {
					t.Errorf("trouble %v, want %q", snap.Trouble, want)
				}
				if n := sent(srv, "*FETCH *"); n > c.commands {
					t.Errorf("%d commands: %q", n, srv.Commands())
				}
			})
		}
	}
}

// A refusal of much at a time is got around, and then the listing is complete.
func TestScanOfWhatIsTooMuchAtOnce(t *testing.T) {
	acct := spaced(40)
	much := func(p *script.Peer, cmd script.Command) bool {
		var r ranges
		set, _, _ := strings.Cut(cmd.Args, " ")
		if r.add(set) && r.count() <= 10 {
			return false
		}
		p.Send("$tag NO that is too much")
		return true
	}
	srv := script.Every(t, script.Healthy(acct, script.Answers{"UID FETCH": much, "FETCH": much}))
	snap := scanOf(t, account(t, options(srv)), state.ScanRequest{Raw: "INBOX"})
	if len(snap.Messages) != 40 || !snap.Complete || len(snap.Trouble) > 0 {
		t.Errorf("%d messages, complete %v, %v", len(snap.Messages), snap.Complete, snap.Trouble)
	}
}

// What came ahead of a NO counts for no complete listing, also where the rest came with an OK.
func TestScanThatBreaksOffOnce(t *testing.T) {
	acct := spaced(40)
	srv := script.Every(t, script.Healthy(acct, script.Answers{"UID FETCH": holed(acct, stops, false, 20)}))
	snap := scanOf(t, account(t, options(srv)), state.ScanRequest{Raw: "INBOX"})
	if len(snap.Messages) != 40 || snap.Complete || len(snap.Trouble) != 1 || !strings.Contains(snap.Trouble[0].Err.Error(), "interrupted its listing") {
		t.Errorf("%d messages, complete %v, %v", len(snap.Messages), snap.Complete, snap.Trouble)
	}
}

// A server that refuses everything is not asked for long.
func TestScanThatIsRefusedWhole(t *testing.T) {
	for _, line := range []string{"$tag NO cannot", "$tag BAD what"} {
		srv := script.Every(t, script.Healthy(spaced(1000), script.Answers{"UID FETCH": answer(line), "FETCH": answer(line)}))
		_, err := account(t, options(srv)).Scan(t.Context(), state.ScanRequest{Raw: "INBOX"})
		if err == nil || !strings.Contains(err.Error(), "server answered") || sent(srv, "*FETCH *") > 25 {
			t.Errorf("%v after %d commands", err, sent(srv, "*FETCH *"))
		}
	}
}

// What is asked of many messages, and refused for one, is known of the others: they are expunged, and
// only who needs all of them is told of the one.
func TestHolesKeepNoOthers(t *testing.T) {
	for _, how := range []manner{stops, leaves, mute} {
		acct := spaced(20)
		srv := script.Every(t, script.Healthy(acct, script.Answers{"UID FETCH": holed(acct, how, true, 7)}))
		req := doomed()
		for uid := state.UID(10); uid <= 200; uid += 10 {
			req.Messages = append(req.Messages, doomed(uid).Messages...)
		}
		a := account(t, options(srv))
		ids, err := a.Idents(t.Context(), "INBOX", inboxValidity, uids(10, 20, 30, 40, 50, 60, 80, 90))
		if err != nil || len(ids) != 8 {
			t.Errorf("%s: %v, %v", how, ids, err)
		}
		if _, err = a.Idents(t.Context(), "INBOX", inboxValidity, uids(10, 70, 90)); err == nil || !strings.Contains(err.Error(), "cannot tell") {
			t.Errorf("%s: %v", how, err)
		}
		done, err := a.Expunge(t.Context(), req)
		if err == nil || !strings.Contains(err.Error(), "1 of 20 messages are still there, the first is UID 70") || len(done.Gone) != 19 {
			t.Errorf("%s: %d gone, %v", how, len(done.Gone), err)
		}
		if got := left(acct, "INBOX"); !slices.Equal(got, []string{"70"}) {
			t.Errorf("%s: left %q", how, got)
		}
	}
}

// A line that comes with each answer is one fault.
func TestLineThatIsRepeated(t *testing.T) {
	acct := spaced(40)
	again := func(p *script.Peer, cmd script.Command) bool {
		p.Send(`* 3 FETCH (UID 30 FLAGS () INTERNALDATE "02-Jan-2024 03:11:05 +0000" RFC822.SIZE 14)`)
		p.Send("$tag NO that is all")
		return true
	}
	srv := script.Every(t, script.Healthy(acct, script.Answers{"UID FETCH": again, "FETCH": again}))
	snap := scanOf(t, account(t, options(srv)), state.ScanRequest{Raw: "INBOX"})
	if len(snap.Trouble) != 2 || snap.Complete || len(snap.Messages) != 1 {
		t.Errorf("%d messages, complete %v, trouble %v", len(snap.Messages), snap.Complete, snap.Trouble)
	}
}
