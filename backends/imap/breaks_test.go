package imap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// breaksAt serves an account and ends the connection at those commands, "STATUS", that name one of these
// mailboxes.
func breaksAt(t *testing.T, acct *script.Account, end script.Answer, verbs []string, mailboxes ...string) *script.Server {
	answers := script.Answers{}
	for _, verb := range verbs {
		answers[verb] = func(p *script.Peer, cmd script.Command) bool {
			return slices.ContainsFunc(mailboxes, func(m string) bool { return strings.Contains(cmd.Args, `"`+m+`"`) }) && end(p, cmd)
		}
	}
	return script.Every(t, func(p *script.Peer) { p.MayEnd = true; script.Healthy(acct, answers)(p) })
}

func hangUp(p *script.Peer, _ script.Command) bool { p.HangUp(); return true }

// many is an account with these mailboxes, of one message each, beside INBOX.
func many(caps string, names ...string) *script.Account {
	acct := script.NewAccount()
	acct.Caps = caps
	acct.Mailbox("INBOX").Append("one\r\n")
	for _, n := range names {
		acct.Add(n, "text of "+n+"\r\n")
	}
	return acct
}

const noListStatus = "IMAP4rev1 AUTH=PLAIN CONDSTORE UIDPLUS"

// A mailbox whose STATUS ends the connection is asked with EXAMINE. If that ends it, too, the mailbox is
// listed without a mark, and left out for the rest of the run; the others are not concerned.
func TestStatusOfOneMailboxBreaksTheConnection(t *testing.T) {
	garbage := func(p *script.Peer, _ script.Command) bool { p.Raw([]byte("\x00\xff what\r\n")); return true }
	silence := func(p *script.Peer, _ script.Command) bool { p.Stall(); return true }
	for name, end := range map[string]script.Answer{"closes": hangUp, "says garbage": garbage, "falls silent": silence} {
		for _, verbs := range [][]string{{"STATUS"}, {"STATUS", "EXAMINE"}} {
			t.Run(fmt.Sprint(name, verbs), func(t *testing.T) {
				t.Parallel()
				acct := many(noListStatus, "A", "Bad", "C", "D")
				srv := breaksAt(t, acct, end, verbs, "Bad")
				a := account(t, options(srv), func(o *Options) { o.Timeout = time.Second })
				for range 2 {
					l, err := a.List(t.Context(), everyMailbox)
					if err != nil {
						t.Fatal(err)
					}
					for _, m := range l.Mailboxes {
						bad := m.Raw == "Bad" && len(verbs) == 2
						if m.HasMark == bad || !bad && m.Mark.Exists != 1 || errors.Is(m.Err, state.ErrBreaks) != bad {
							t.Errorf("%s: %+v, %v", m.Raw, m.Mark, m.Err)
						}
						_, err := a.Scan(t.Context(), state.ScanRequest{Raw: m.Raw})
						if bad != (err != nil) {
							t.Errorf("%s: %v", m.Raw, err)
						}
						if bad {
							wantFault(t, err, state.Other, `"Bad"`)
						}
					}
					if len(verbs) == 1 {
						break
					}
				}
				if want := 1 + len(verbs); srv.Accepted() != want {
					t.Errorf("%d connections, want %d", srv.Accepted(), want)
				}
			})
		}
	}
}

// A LIST that dies of the status of one mailbox is followed by one that does not ask for it.
func TestListStatusBreaksAtOneMailbox(t *testing.T) {
	for _, also := range []string{"", "EXAMINE"} {
		for _, last := range []string{"name", "status"} {
			t.Run(also+" behind a "+last, func(t *testing.T) {
				acct := many("", "A", "Bad", "C")
				bad := func(p *script.Peer, cmd script.Command) bool {
					return strings.Contains(cmd.Args, "Bad") && hangUp(p, cmd)
				}
				answers := script.Answers{"STATUS": bad, "LIST": func(p *script.Peer, cmd script.Command) bool {
					if !strings.Contains(cmd.Args, "STATUS") {
						return false
					}
					p.Send(`* LIST () "/" INBOX`)
					p.Send("* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1000)")
					if last == "name" {
						p.Send(`* LIST () "/" Bad`)
					}
					return hangUp(p, cmd)
				}}
				if also != "" {
					answers[also] = bad
				}
				srv := script.Every(t, func(p *script.Peer) { p.MayEnd = true; script.Healthy(acct, answers)(p) })
				a := account(t, options(srv))
				l, err := a.List(t.Context(), everyMailbox)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range l.Mailboxes {
					if bad := m.Raw == "Bad" && also != ""; m.HasMark == bad || (m.Err != nil) != bad {
						t.Errorf("%s: %v %v", m.Raw, m.HasMark, m.Err)
					}
				}
				if len(l.Mailboxes) != 4 {
					t.Errorf("listed %+v", l.Mailboxes)
				}
				most := 2
				if last == "status" {
					most = 3 // nothing told which it was
				}
				if srv.Accepted() > most {
					t.Errorf("%d connections", srv.Accepted())
				}
			})
		}
	}
}

// Two mailboxes are two failures. At the third in a row it is the server's; not if it is well in between.
func TestThreeMailboxesInARowAreTheServersFault(t *testing.T) {
	acct := many("", "A", "B", "C", "D", "E")
	a := account(t, options(breaksAt(t, acct, hangUp, []string{"EXAMINE"}, "A", "B", "C", "E")))
	scan := func(raw string, kind state.Kind) {
		t.Helper()
		_, err := a.Scan(t.Context(), state.ScanRequest{Raw: raw})
		if kind == 0 && err != nil || kind != 0 && state.KindOf(err) != kind {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for _, raw := range []string{"A", "B"} {
		scan(raw, state.Other)
	}
	scan("D", 0)
	scan("C", state.Other)
	scan("E", state.Other)
	scan("A", state.Other) // it is not asked again
	b := account(t, options(breaksAt(t, acct, hangUp, []string{"EXAMINE"}, "A", "B", "C")))
	a = b
	scan("A", state.Other)
	scan("B", state.Other)
	scan("C", state.Unreachable)
}

// What can be read and not be changed is read, and fails where it is changed.
func TestSelectOfOneMailboxBreaksTheConnection(t *testing.T) {
	acct := many("", "Bad", "C")
	srv := breaksAt(t, acct, hangUp, []string{"SELECT"}, "Bad")
	a := account(t, options(srv))
	seen := func(raw string) error {
		_, err := a.Store(t.Context(), state.StoreRequest{Raw: raw, UIDValidity: acct.Mailbox(raw).UIDValidity,
			Changes: []state.FlagChange{{UID: 1, Add: state.Seen}}, Keywords: state.NewKeywords(nil)})
		return err
	}
	// Courier's numbers are settled by a SELECT; without it the mailbox is scanned all the same.
	if _, err := a.Scan(t.Context(), state.ScanRequest{Raw: "Bad", Since: state.Mark{UIDValidity: 7}}); err != nil {
		t.Error(err)
	}
	wantFault(t, seen("Bad"), state.Other, `open "Bad"`)
	if err := seen("C"); err != nil {
		t.Error(err)
	}
	_, err := a.Move(t.Context(), "Bad", acct.Mailbox("Bad").UIDValidity, uids(1), "C")
	wantFault(t, err, state.Other, "Bad")
	if srv.Accepted() != 4 {
		t.Errorf("%d connections", srv.Accepted())
	}
}

// A move at which the connection breaks is not tried again, and is no reason to end the run.
func TestMoveThatBreaksTheConnection(t *testing.T) {
	acct := many("IMAP4rev1 AUTH=PLAIN UIDPLUS MOVE", "A", "C")
	srv := script.Every(t, func(p *script.Peer) {
		p.MayEnd = true
		script.Healthy(acct, script.Answers{"UID MOVE": hangUp})(p)
	})
	a := account(t, options(srv))
	moved, err := a.Move(t.Context(), "A", acct.Mailbox("A").UIDValidity, uids(1), "C")
	wantFault(t, err, state.Other, "")
	if len(moved) != 0 || sent(srv, "UID MOVE*") != 1 {
		t.Errorf("moved %v after %q", moved, srv.Commands())
	}
}

// A mailbox of which the server says that it cannot be opened now is waited for, and is then its own failure.
func TestOneMailboxIsUnavailable(t *testing.T) {
	for _, answer := range []string{"$tag NO [UNAVAILABLE] later", "$tag NO [INUSE] locked", "* BYE [UNAVAILABLE] internal error"} {
		acct := many("", "Bad", "C")
		srv := breaksAt(t, acct, func(p *script.Peer, _ script.Command) bool {
			if p.Send(answer); strings.HasPrefix(answer, "*") {
				p.Close()
			}
			return true
		}, []string{"EXAMINE"}, "Bad")
		a := account(t, options(srv))
		_, err := a.Scan(t.Context(), state.ScanRequest{Raw: "Bad"})
		wantFault(t, err, state.Other, `open "Bad"`)
		if _, err := a.Scan(t.Context(), state.ScanRequest{Raw: "C"}); err != nil {
			t.Errorf("%s: %v", answer, err)
		}
	}
	srv := breaksAt(t, many(noListStatus, "Bad"), func(p *script.Peer, _ script.Command) bool {
		p.Send("* BYE [UNAVAILABLE] internal error")
		p.Close()
		return true
	}, []string{"STATUS", "EXAMINE"}, "Bad")
	l, err := account(t, options(srv)).List(t.Context(), everyMailbox)
	if err != nil || !l.Mailboxes[0].HasMark || !errors.Is(l.Mailboxes[1].Err, state.ErrBreaks) {
		t.Errorf("%+v, %v", l, err)
	}
	srv = breaksAt(t, many(""), func(p *script.Peer, _ script.Command) bool {
		p.Send("$tag NO Request is throttled. Suggested Backoff Time: 300000 milliseconds")
		return true
	}, []string{"EXAMINE"}, "INBOX")
	_, err = account(t, options(srv)).Scan(t.Context(), state.ScanRequest{Raw: "INBOX"})
	wantFault(t, err, state.Unreachable, "throttled")
}

// What is only good to know is done without: a quota, the mark of a mailbox that was just made, how
// large a message may be.
func TestQuestionsThatBreakTheConnection(t *testing.T) {
	acct := many("IMAP4rev1 AUTH=PLAIN QUOTA UIDPLUS UNSELECT APPENDLIMIT", "Bad")
	srv := breaksAt(t, acct, hangUp, []string{"GETQUOTAROOT", "STATUS"}, "INBOX", "Bad", "New")
	a := account(t, options(srv))
	_, err := a.Quota(t.Context(), "INBOX")
	wantFault(t, err, state.Other, "quota of")
	if _, err := a.Scan(t.Context(), state.ScanRequest{Raw: "INBOX"}); err != nil {
		t.Error(err)
	}
	if m, err := a.CreateMailbox(t.Context(), []string{"New"}, ""); err != nil || m.Raw != "New" {
		t.Errorf("%+v, %v", m, err)
	}
	for range 2 {
		out, err := a.Append(t.Context(), "Bad", []state.Outgoing{outgoing("text", 0, state.NoDate)}, nil)
		if err != nil || out[0].Err != nil {
			t.Errorf("%+v, %v", out, err)
		}
	}
	if n := sent(srv, `STATUS "Bad"*`); n != 1 {
		t.Errorf("asked for its limit %d times", n)
	}
}

// A fetch that cannot open its mailbox ends for this mailbox alone.
func TestFetchFromAMailboxThatBreaksTheConnection(t *testing.T) {
	acct := many("", "Bad", "C")
	a := account(t, options(breaksAt(t, acct, hangUp, []string{"EXAMINE"}, "Bad")))
	item := func(raw string) state.Item {
		return state.Item{ID: len(raw), Raw: raw, UIDValidity: acct.Mailbox(raw).UIDValidity, UIDs: uids(1)}
	}
	w := newWork(item("Bad"), item("Bad"), item("Bad"), item("C"), item("INBOX"))
	if err := a.Fetch(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if got := w.kept(); !slices.Equal(got, []string{"C 1", "INBOX 1"}) || !errors.Is(w.done[1], state.ErrBreaks) {
		t.Errorf("fetched %q, done %v", got, w.done)
	}
}

// A mailbox at which a connection broke, and from which something was fetched since, is no worse than others.
func TestFetchFromAMailboxThatBreaksNowAndThen(t *testing.T) {
	acct := many("")
	inbox := acct.Mailbox("INBOX")
	for range 5 {
		inbox.Append("more\r\n")
	}
	var opened atomic.Int32
	srv := script.Every(t, func(p *script.Peer) {
		p.MayEnd = true
		script.Healthy(acct, script.Answers{
			"EXAMINE": func(p *script.Peer, cmd script.Command) bool { return opened.Add(1)%2 == 1 && hangUp(p, cmd) },
			"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
				if opened.Load() != 2 || !strings.HasPrefix(cmd.Args, "3 ") {
					return false
				}
				p.Next() // so that what was sent is read
				return hangUp(p, cmd)
			},
		})(p)
	})
	a := account(t, options(srv), func(o *Options) { o.Connections = 1 })
	var items []state.Item
	for uid := range state.UID(6) {
		items = append(items, state.Item{Raw: "INBOX", UIDValidity: inbox.UIDValidity, UIDs: uids(uid + 1), Bytes: inFlight})
	}
	w := newWork(items...)
	if err := a.Fetch(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if got := w.kept(); !slices.Equal(got, []string{"INBOX 2", "INBOX 5", "INBOX 6"}) || errors.Is(w.done[3], state.ErrBreaks) {
		t.Errorf("fetched %q, done %v", got, w.done)
	}
}

// A session leaves the mailbox that it appends to for another one, and not for one that breaks it.
func TestAppendDoesNotLeaveForABadMailbox(t *testing.T) {
	acct := many("IMAP4rev1 AUTH=PLAIN UIDPLUS", "Bad")
	srv := breaksAt(t, acct, hangUp, []string{"EXAMINE"}, "Bad")
	a := account(t, options(srv))
	if _, err := a.List(t.Context(), func(state.Listed) bool { return false }); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := a.Scan(t.Context(), state.ScanRequest{Raw: "INBOX"}); err != nil {
			t.Fatal(err)
		}
		out, err := a.Append(t.Context(), "INBOX", []state.Outgoing{outgoing("text", 0, state.NoDate)}, nil)
		if err != nil || out[0].Err != nil {
			t.Errorf("%+v, %v", out, err)
		}
	}
	if n := sent(srv, `EXAMINE "Bad"*`); n != 1 {
		t.Errorf("it was opened %d times", n)
	}
}

// A namespace's root that is listed as a mailbox and cannot be opened is a level. Any other mailbox
// that cannot be opened is one.
func TestRootOfANamespaceThatCannotBeOpened(t *testing.T) {
	for _, caps := range []string{"", noListStatus} {
		for _, c := range []struct {
			names  string // of the namespaces
			no     string // what cannot be opened
			answer string
			level  bool
			asked  int // EXAMINE
		}{
			{`(("" "/")("Old/" "/")) NIL NIL`, "Old", "$tag NO not a mailbox", true, 1},
			{`(("" "/")) NIL (("Old/" "/"))`, "Old", "$tag NO [NONEXISTENT] none", true, 1},
			{`(("" "/")("Old/" "/")) NIL NIL`, "", "", false, 1},
			{`(("" "/")("Old/" "/")) NIL NIL`, "Old", "$tag NO [INUSE] later", false, 1},
			{`(("" "/")("Old/" "/")) NIL NIL`, "Other", "$tag NO not a mailbox", false, 1},
			{`(("" "/")("Old/x/" "/")) NIL NIL`, "Old", "$tag NO not a mailbox", false, 0},
			{`(("INBOX/" "/")) NIL NIL`, "INBOX", "$tag NO not a mailbox", false, 0},
			{`(("" "/")("Mail/" "/")) NIL NIL`, "Mail", "$tag NO not a mailbox", false, 0}, // it holds something
		} {
			acct := many(caps, "Mail", "Other")
			acct.Add("Old")
			if c.names[3:8] == "INBOX" {
				acct.Mailbox("INBOX").Messages = nil
			}
			if caps != "" {
				acct.Caps += " NAMESPACE"
			}
			no := func(p *script.Peer, cmd script.Command) bool {
				if c.no == "" || !strings.Contains(cmd.Args, `"`+c.no+`"`) || c.no == "Mail" && cmd.Verb == "STATUS" {
					return false
				}
				p.Send(c.answer)
				return true
			}
			srv := script.Every(t, func(p *script.Peer) {
				p.MayEnd = true
				script.Healthy(acct, script.Answers{"EXAMINE": no, "STATUS": no, "NAMESPACE": func(p *script.Peer, _ script.Command) bool {
					p.Send("* NAMESPACE " + c.names)
					p.Send("$tag OK done")
					return true
				}})(p)
			})
			l, err := account(t, options(srv)).List(t.Context(), everyMailbox)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range l.Mailboxes {
				if level := c.level && m.Raw == c.no; m.NoSelect != level || (m.Err != nil) != level {
					t.Errorf("%s, %s refused: %s is a level: %v, %v", c.names, c.no, m.Raw, m.NoSelect, m.Err)
				}
			}
			if n := sent(srv, "EXAMINE *"); n != c.asked {
				t.Errorf("%s: EXAMINE was sent %d times", c.names, n)
			}
		}
	}
}

// Who asks about messages and breaks the connection is not answered; the mailbox can still be used.
func TestIdentsThatBreakTheConnection(t *testing.T) {
	acct := many("", "A")
	srv := script.Every(t, func(p *script.Peer) {
		p.MayEnd = true
		script.Healthy(acct, script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
			return strings.Contains(cmd.Args, "HEADER") && hangUp(p, cmd)
		}})(p)
	})
	a := account(t, options(srv))
	_, err := a.Idents(t.Context(), "A", acct.Mailbox("A").UIDValidity, uids(1))
	wantFault(t, err, state.Other, "identify messages")
	if _, err := a.Scan(t.Context(), state.ScanRequest{Raw: "A"}); err != nil {
		t.Error(err)
	}
}
