package imap

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// once answers what a pattern matches the first time only.
func once(verb, pattern string, answer script.Answer) script.Answers {
	var mu sync.Mutex
	seen := false
	return script.Answers{verb: func(p *script.Peer, cmd script.Command) bool {
		mu.Lock()
		first := !seen && script.Match(pattern, cmd.Args)
		seen = seen || first
		mu.Unlock()
		return first && answer(p, cmd)
	}}
}

// three are mailboxes with two, three and one messages.
func three() *script.Account {
	acct := script.NewAccount()
	for i, name := range []string{"INBOX", "Work", "Later"} {
		box := acct.Mailbox(name)
		if box == nil {
			box = acct.Add(name)
		}
		for n := range []int{2, 3, 1}[i] {
			box.Append(fmt.Sprintf("Subject: %s %d\r\n\r\n%s", name, n, strings.Repeat("x", 10*i+n)), "$Tag"+name)
		}
	}
	return acct
}

// requests asks for all of three mailboxes, or for what changed since the marks.
func requests(acct *script.Account, since map[string]state.Mark, known map[string][]state.UID) (scans []state.ExpectedScan) {
	for _, m := range acct.Mailboxes {
		x := state.ExpectedScan{Now: state.Mark{UIDValidity: m.UIDValidity, UIDNext: m.UIDNext, ModSeq: m.ModSeq, Exists: uint32(len(m.Messages))}}
		x.Raw, x.Since, x.Keywords = m.Name, since[m.Name], state.NewKeywords([]string{"old"})
		x.KnownUID, x.Known = known[m.Name], len(known[m.Name])
		scans = append(scans, x)
	}
	return scans
}

// scanned scans all mailboxes, and returns what each showed, or its error.
func scanned(t *testing.T, a *Account, scans []state.ExpectedScan, expected bool) (out []string, snaps []*state.ServerSnapshot) {
	t.Helper()
	if expected {
		a.Expect(t.Context(), scans)
	}
	for _, x := range scans {
		x.Keywords = state.NewKeywords([]string{"old"})
		snap, err := a.Scan(t.Context(), x.ScanRequest)
		out = append(out, fmt.Sprint(x.Raw, " ", err, " ", x.Keywords.Names()))
		snaps = append(snaps, snap)
	}
	return out, snaps
}

// Whatever a server makes of commands that are sent ahead, a scan finds what it finds without that.
func TestAScanAheadFindsWhatAScanFinds(t *testing.T) {
	no := func(p *script.Peer, _ script.Command) bool { p.Send("$tag NO not now"); return true }
	bad := func(p *script.Peer, _ script.Command) bool { p.Send("$tag BAD what?"); return true }
	bye := func(p *script.Peer, _ script.Command) bool { p.Send("* BYE too fast"); p.Close(); return true }
	hang := func(p *script.Peer, _ script.Command) bool { p.Close(); return true }
	for _, c := range []struct {
		name    string
		answers func() script.Answers
	}{
		{"a good one", func() script.Answers { return nil }},
		{"refuses one for good", func() script.Answers {
			return script.Answers{"EXAMINE": func(p *script.Peer, cmd script.Command) bool {
				return script.Match(`"Work"*`, cmd.Args) && no(p, cmd) // and keeps INBOX selected
			}}
		}},
		{"refuses one at first", func() script.Answers { return once("EXAMINE", `"Work"*`, no) }},
		{"does not understand what is behind EXAMINE", func() script.Answers { return once("UID FETCH", "*", bad) }},
		{"refuses to list", func() script.Answers { return once("UID FETCH", "*", no) }},
		{"says good-bye", func() script.Answers { return once("EXAMINE", `"Work"*`, bye) }},
		{"hangs up in the middle", func() script.Answers { return once("UID FETCH", "*", hang) }},
		{"hangs up at the end", func() script.Answers { return once("EXAMINE", `"Later"*`, hang) }},
		{"lists before it has opened", lateExamine},
		{"sends no EXISTS", func() script.Answers {
			return once("EXAMINE", `"Work"*`, func(p *script.Peer, _ script.Command) bool {
				p.Send("* OK [UIDVALIDITY 1001] same as ever")
				p.Send("$tag OK opened")
				return true
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			since := map[string]state.Mark{}
			known := map[string][]state.UID{}
			for _, what := range []string{"all", "nothing new", "changes", "removed"} {
				acct := three()
				switch what {
				case "changes":
					work := acct.Mailbox("Work")
					work.SetFlags(work.Messages[1], `\Seen`, "$New")
					work.Append("Subject: new\r\n\r\n")
				case "removed":
					acct.Mailbox("Work").Expunge(2)
				}
				var lasting script.Answers
				switch {
				case c.name == "refuses one for good":
					lasting = c.answers()
				case c.name == "lists before it has opened" && what == "nothing new":
					continue // nothing is sent behind EXAMINE
				}
				plainly := account(t, options(script.Every(t, script.Healthy(acct, lasting))))
				srv := script.Every(t, script.Healthy(acct, c.answers()))
				ahead := account(t, options(srv), func(o *Options) { o.Connections = 3 })
				want, wantSnaps := scanned(t, plainly, requests(acct, since, known), false)
				got, gotSnaps := scanned(t, ahead, requests(acct, since, known), true)
				if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotSnaps, wantSnaps) {
					t.Errorf("%s: %q, expected %q", what, got, want)
					for i := range gotSnaps {
						t.Logf("%+v\n%+v", gotSnaps[i], wantSnaps[i])
					}
				}
				if n := srv.Accepted(); n > 1 && c.name == "a good one" {
					t.Errorf("%s: %d connections", what, n)
				}
				for i, snap := range wantSnaps {
					if raw := acct.Mailboxes[i].Name; what == "all" && snap != nil {
						since[raw] = snap.Mark
						known[raw] = uidsOf(snap.Messages)
					}
				}
			}
		})
	}
}

// lateExamine is a server that begins EXAMINE in another thread, and does the FETCH behind it in the mailbox that is still selected.
func lateExamine() script.Answers {
	var mu sync.Mutex
	var waiting, validity string
	done := false
	return script.Answers{
		"EXAMINE": func(p *script.Peer, cmd script.Command) bool {
			mu.Lock()
			defer mu.Unlock()
			if done || !script.Match(`"Work"*`, cmd.Args) {
				return false
			}
			done, waiting, validity = true, cmd.Tag, "1001"
			return true
		},
		"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
			mu.Lock()
			defer mu.Unlock()
			if waiting == "" {
				return false
			}
			p.Send(cmd.Tag + " OK nothing changed")
			p.Send("* 3 EXISTS")
			p.Send("* OK [UIDVALIDITY " + validity + "] valid")
			p.Send("* OK [UIDNEXT 4] next")
			p.Send("* OK [HIGHESTMODSEQ 99] highest")
			p.Send(waiting + " OK opened")
			waiting = ""
			return true
		},
	}
}

// A server that opens the next mailbox while it still lists the one before lists nothing of that one's changes.
func TestAScanAheadThatIsOvertaken(t *testing.T) {
	acct := three()
	a := account(t, options(script.Every(t, script.Healthy(acct, nil))))
	since, known := map[string]state.Mark{}, map[string][]state.UID{}
	_, snaps := scanned(t, a, requests(acct, nil, nil), true)
	for i, snap := range snaps {
		since[acct.Mailboxes[i].Name], known[acct.Mailboxes[i].Name] = snap.Mark, uidsOf(snap.Messages)
	}
	inbox, work := acct.Mailbox("INBOX"), acct.Mailbox("Work")
	inbox.SetFlags(inbox.Messages[0], `\Seen`)
	work.SetFlags(work.Messages[0], `\Seen`)
	var waiting string
	done := false
	a = account(t, options(script.Every(t, script.Healthy(acct, script.Answers{
		"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
			first := !done
			if first {
				waiting, done = cmd.Tag, true
			}
			return first
		},
		"EXAMINE": func(p *script.Peer, cmd script.Command) bool {
			if waiting == "" {
				return false
			}
			p.Sendf("* %d EXISTS", len(work.Messages))
			p.Sendf("* OK [UIDVALIDITY %d] valid", work.UIDValidity)
			p.Sendf("* OK [UIDNEXT %d] next", work.UIDNext)
			p.Sendf("* OK [HIGHESTMODSEQ %d] highest", work.ModSeq)
			p.Send("$tag OK opened")
			p.Send(waiting + " OK nothing changed here")
			waiting = ""
			return true
		},
	}))), func(o *Options) { o.Connections = 1 })
	got, snaps := scanned(t, a, requests(acct, since, known), true)
	for i := range 2 {
		if snaps[i] == nil || len(snaps[i].Messages) != 1 || snaps[i].Messages[0].Flags&state.Seen == 0 {
			t.Errorf("%s: %+v", got[i], snaps[i])
		}
	}
}

// What this run changes, a scan that was expected before shows.
func TestAScanAheadOfAChangeOfOurOwn(t *testing.T) {
	acct := three()
	a := account(t, options(script.Every(t, script.Healthy(acct, nil))))
	scans := requests(acct, nil, nil)
	a.Expect(t.Context(), scans)
	if _, err := a.Scan(t.Context(), scans[0].ScanRequest); err != nil {
		t.Fatal(err)
	}
	a.expected.work.Wait() // all are answered
	_, err := a.Store(t.Context(), state.StoreRequest{Raw: "Work", UIDValidity: acct.Mailbox("Work").UIDValidity,
		Changes: []state.FlagChange{{UID: 1, Add: state.Seen}}, Keywords: state.NewKeywords(nil)})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := a.Scan(t.Context(), scans[1].ScanRequest)
	if err != nil || len(snap.Messages) != 3 || snap.Messages[0].Flags&state.Seen == 0 {
		t.Errorf("%+v %v", snap, err)
	}
}

// A server that wants to be asked for less is not asked for more.
func TestNoScansAheadOnceTheServerIsBusy(t *testing.T) {
	acct := script.NewAccount()
	for i := range 100 {
		acct.Add(fmt.Sprintf("M%03d", i), "text\r\n")
	}
	srv := script.Every(t, script.Healthy(acct, script.Answers{"EXAMINE": func(p *script.Peer, _ script.Command) bool {
		p.Send("$tag NO [UNAVAILABLE] Request is throttled. Suggested Backoff Time: 600000 milliseconds")
		return true
	}}))
	a := account(t, options(srv), func(o *Options) { o.Connections = 1 })
	a.Expect(t.Context(), requests(acct, nil, nil))
	a.expected.work.Wait()
	if n := sent(srv, "EXAMINE *"); n > maxAhead {
		t.Errorf("%d mailboxes were opened", n)
	}
}

// After a refused EXAMINE a bad server lists the mailbox before, however large that is: no more is made of it than of the refusal.
func TestAScanAheadBehindALargeMailbox(t *testing.T) {
	acct := three()
	for range 10_050 {
		acct.Mailbox("INBOX").Append("x")
	}
	srv := script.Every(t, script.Healthy(acct, script.Answers{"EXAMINE": func(p *script.Peer, cmd script.Command) bool {
		refused := script.Match(`"Work"*`, cmd.Args)
		if refused {
			p.Send("$tag NO not yours")
		}
		return refused
	}}))
	a := account(t, options(srv), func(o *Options) { o.Connections = 1 })
	got, snaps := scanned(t, a, requests(acct, nil, nil), true)
	if snaps[1] != nil || snaps[2] == nil || !snaps[2].Complete || srv.Accepted() > 1 {
		t.Errorf("%q, %d connections", got, srv.Accepted())
	}
}

// What the listing said is out of date when the mailbox is opened.
func TestAScanAheadOfWhatHasChangedMeanwhile(t *testing.T) {
	acct := three()
	scans := requests(acct, nil, nil)
	acct.Lock()
	acct.Mailbox("INBOX").UIDValidity = 77
	acct.Mailbox("INBOX").Append("Subject: more\r\n\r\n")
	acct.Mailbox("Work").Messages = nil
	acct.Unlock()
	scans[2].Now.Exists = 0 // it was empty when it was listed
	a := account(t, options(script.Every(t, script.Healthy(acct, nil))))
	got, snaps := scanned(t, a, scans, true)
	for i, want := range []int{3, 0, 1} {
		if snaps[i] == nil || !snaps[i].Complete || len(snaps[i].Messages) != want {
			t.Errorf("%s: %+v", got[i], snaps[i])
		}
	}
}

// A scan that was asked for otherwise than expected is asked for.
func TestAScanThatIsNotTheOneExpected(t *testing.T) {
	acct := three()
	srv := script.Every(t, script.Healthy(acct, nil))
	a := account(t, options(srv))
	scans := requests(acct, nil, nil)
	a.Expect(t.Context(), scans)
	scans[0].Writable = true
	scans[1].Keywords = state.NewKeywords([]string{"another"})
	scans[2].Since = state.Mark{UIDValidity: 1, UIDNext: 1, ModSeq: 1}
	for _, x := range scans {
		if snap, err := a.Scan(t.Context(), x.ScanRequest); err != nil || !snap.Complete || len(snap.Messages) == 0 {
			t.Errorf("%s: %+v %v", x.Raw, snap, err)
		}
	}
	if n := sent(srv, "UID FETCH *"); n != 6 {
		t.Errorf("%d listings: %q", n, srv.Commands())
	}
}

// On real servers: mailboxes with mail, without, and one that is gone since it was listed, which must not be taken for its neighbour.
func TestAScanAheadOnServers(t *testing.T) {
	for _, c := range []struct {
		name  string
		start func(testing.TB, ...servers.Option) *servers.Server
		below string
	}{
		{"Dovecot", servers.Dovecot, ""},
		{"Cyrus", servers.Cyrus, ""},
		{"Courier", servers.Courier, "INBOX."},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := c.start(t)
			mailOn(t, srv, c.below+"Work")
			plainly := account(t, meet(srv, reach.Implicit))
			var scans []state.ExpectedScan
			for _, raw := range []string{"INBOX", c.below + "Gone", c.below + "Work", "INBOX"} {
				x := state.ExpectedScan{Now: state.Mark{UIDValidity: 1, UIDNext: 4, Exists: 3}}
				x.Raw, x.Keywords = raw, state.NewKeywords([]string{"old"})
				scans = append(scans, x)
			}
			want, wantSnaps := scanned(t, plainly, scans, false)
			got, gotSnaps := scanned(t, account(t, meet(srv, reach.Implicit)), scans, true)
			if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotSnaps, wantSnaps) {
				t.Errorf("%q, expected %q", got, want)
			}
			if gotSnaps[0] == nil || len(gotSnaps[0].Messages) != 3 || gotSnaps[1] != nil || gotSnaps[2] == nil || len(gotSnaps[2].Messages) != 0 {
				t.Errorf("%q", got)
			}
		})
	}
}
