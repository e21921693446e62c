package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// outgoing makes a message.
func outgoing(body string, flags state.Flags, date int64) state.Outgoing {
	return state.Outgoing{Flags: flags, Date: date, Size: int64(len(body)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }}
}

func plain(bodies ...string) []state.Outgoing {
	var out []state.Outgoing
	for _, b := range bodies {
		out = append(out, outgoing(b, 0, state.NoDate))
	}
	return out
}

// stored returns the bodies in a mailbox of a script's.
func stored(acct *script.Account, name string) []string {
	acct.Lock()
	defer acct.Unlock()
	var out []string
	for _, m := range acct.Mailbox(name).Messages {
		out = append(out, m.Body)
	}
	return out
}

func TestAppendStoresBodiesFlagsAndDates(t *testing.T) {
	large := strings.Repeat("a line of a larger message\r\n", 60_000) // asked for, and streamed
	for _, caps := range []string{"IMAP4rev1 LITERAL+ UIDPLUS", "IMAP4rev1 LITERAL- UIDPLUS", "IMAP4rev1 UIDPLUS"} {
		acct := script.NewAccount()
		acct.Caps = caps
		srv := script.Every(t, script.Healthy(acct, nil))
		kw := state.NewKeywords([]string{"hot", "not an atom"})
		hot, _ := kw.Bit("hot")
		at := time.Date(1999, 3, 4, 5, 6, 7, 0, time.UTC)
		out, err := account(t, options(srv)).Append(t.Context(), "INBOX", []state.Outgoing{
			outgoing("one\r\n", state.Seen|state.Forwarded|kw.All()&^state.System, at.Unix()),
			outgoing(large, 0, state.NoDate),
			outgoing(strings.Repeat("x", 5000), state.Draft|hot, at.Unix()),
		}, kw)
		if err != nil {
			t.Fatal(caps, err)
		}
		for i, a := range out {
			if want := (state.Appended{UIDValidity: inboxValidity, UID: state.UID(i + 1)}); a != want {
				t.Errorf("%s: message %d became %+v", caps, i, a)
			}
		}
		m := acct.Mailbox("INBOX").Messages
		if len(m) != 3 || m[0].Body != "one\r\n" || m[1].Body != large || !m[0].Date.Equal(at) || len(m[1].Flags) != 0 ||
			!slices.Equal(m[0].Flags, []string{`\Seen`, "$Forwarded", "hot"}) {
			t.Errorf("%s: stored %d messages, the first with %v and %v", caps, len(m), m[0].Flags, m[0].Date)
		}
		nonsync := sent(srv, "APPEND * {*+}")
		if want := map[string]int{"LITERAL+": 2, "LITERAL-": 1, "UIDPLUS": 0}[strings.Fields(caps)[1]]; nonsync != want {
			t.Errorf("%s: %d literals without asking, want %d", caps, nonsync, want)
		}
	}
}

// One that is refused does not stop the others, and says why.
func TestAppendRefusedOneByOne(t *testing.T) {
	acct := script.NewAccount()
	acct.Caps = "IMAP4rev1 LITERAL+ UIDPLUS APPENDLIMIT=100"
	answers := map[string]string{
		"full": "$tag NO [OVERQUOTA] quota exceeded", "cyrus": "$tag NO Over quota", "big": "$tag NO [TOOBIG] too big",
		"gone": "$tag NO [TRYCREATE] no such mailbox", "limit": "$tag NO [LIMIT] too many keywords",
		"view": "$tag NO [CANNOT] Can't save messages to this virtual mailbox", "bad": "$tag BAD [CLIENTBUG] what",
	}
	srv := script.Every(t, script.Healthy(acct, script.Answers{"APPEND": func(p *script.Peer, cmd script.Command) bool {
		text, refuse := answers[string(cmd.Literals[0])]
		if refuse {
			p.Send(text)
		}
		return refuse
	}}))
	long := outgoing(strings.Repeat("x", 101), 0, state.NoDate)
	unopened := state.Outgoing{Size: 3, Open: func() (io.ReadCloser, error) { return nil, errors.New("no such file") }}
	short := outgoing("longer than said", 0, state.NoDate)
	short.Size = 5
	msgs := append(plain("one", "full", "cyrus", "big", "gone", "limit", "view", "bad", "two"), long, unopened, short, plain("three")[0])
	out, err := account(t, options(srv)).Append(t.Context(), "INBOX", msgs, nil)
	if err != nil || len(out) != len(msgs) {
		t.Fatalf("%d outcomes, %v", len(out), err)
	}
	for i, want := range []string{"", "quota exceeded", "Over quota", "too big", "no such mailbox", "too many keywords", "virtual mailbox", "what", "", "101 octets", "no such file", "not of 5 octets", ""} {
		switch got := out[i].Err; {
		case want == "" && (got != nil || out[i].UID == 0):
			t.Errorf("message %d: %+v", i, out[i])
		case want != "" && (got == nil || !strings.Contains(got.Error(), want) || state.KindOf(got) != state.Other || out[i].Doubt == state.Unsure):
			t.Errorf("message %d: %+v, want %q", i, out[i], want)
		case want != "" && i != 7 && i < 10 && state.HintOf(got) == "":
			t.Errorf("message %d: no hint with %v", i, got)
		}
	}
	if got := stored(acct, "INBOX"); !slices.Equal(got, []string{"one", "two", "three"}) || srv.Accepted() != 1 {
		t.Errorf("stored %q over %d connections", got, srv.Accepted())
	}
}

// What was sent and not answered is unsure and not sent again; the rest is.
func TestAppendGoesOnAfterABreak(t *testing.T) {
	acct := script.NewAccount()
	acct.Caps = "IMAP4rev1 LITERAL+ UIDPLUS"
	var appends atomic.Int32
	srv := script.Every(t, script.Healthy(acct, script.Answers{"APPEND": func(p *script.Peer, cmd script.Command) bool {
		if appends.Add(1) == 3 {
			p.Close()
			return true
		}
		return false
	}}))
	var msgs []state.Outgoing
	for i := range 100 {
		msgs = append(msgs, outgoing(fmt.Sprint("message ", i), 0, state.NoDate))
	}
	out, err := account(t, options(srv)).Append(t.Context(), "INBOX", msgs, nil)
	if err != nil {
		t.Fatal(err)
	}
	unsure := 0
	got := stored(acct, "INBOX")
	for i, a := range out {
		n := 0
		for _, b := range got {
			if b == fmt.Sprint("message ", i) {
				n++
			}
		}
		switch {
		case a.Doubt == state.Unsure:
			unsure++
			if a.Err == nil || n > 1 {
				t.Errorf("message %d: %+v, stored %d times", i, a, n)
			}
		case a.Err != nil || n != 1 || a.UID == 0:
			t.Errorf("message %d: %+v, stored %d times", i, a, n)
		}
	}
	if unsure == 0 || unsure > appendsAhead+1 || srv.Accepted() != 2 {
		t.Errorf("%d unsure over %d connections", unsure, srv.Accepted())
	}
}

// A server that breaks at three different messages in a row is left alone, with its word; nothing that
// was not sent is unsure, and behind the first break one is sent at a time.
func TestAppendGivesUp(t *testing.T) {
	srv := script.Every(t, script.Healthy(script.NewAccount(), script.Answers{"APPEND": func(p *script.Peer, cmd script.Command) bool {
		p.Send("* BYE disk on fire")
		p.Close()
		return true
	}}))
	msgs := plain(slices.Repeat([]string{"a message"}, 200)...)
	for i := range msgs {
		msgs[i].Name = fmt.Sprint(i)
	}
	out, err := account(t, options(srv)).Append(t.Context(), "INBOX", msgs, nil)
	wantFault(t, err, state.Unreachable, "disk on fire")
	if srv.Accepted() != 3 {
		t.Errorf("%d connections", srv.Accepted())
	}
	for i, a := range out {
		if a.Err == nil || a.UID != 0 || i >= appendsAhead+1+2 && a.Doubt == state.Unsure {
			t.Errorf("message %d: %+v", i, a)
		}
	}
}

// A large body that ends early costs the connection and never becomes a message.
func TestAppendOfABodyThatEndsEarly(t *testing.T) {
	acct := script.NewAccount()
	srv := script.Every(t, func(p *script.Peer) {
		p.MayEnd = true
		script.Healthy(acct, nil)(p)
	})
	half := outgoing(strings.Repeat("x", smallBody+1000), 0, state.NoDate)
	half.Size += 5000
	out, err := account(t, options(srv)).Append(t.Context(), "INBOX", []state.Outgoing{plain("one")[0], half, plain("two")[0]}, nil)
	if err != nil || out[0].Err != nil || out[1].Err == nil || out[1].Doubt == state.Unsure || out[2].Err != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	if got := stored(acct, "INBOX"); !slices.Equal(got, []string{"one", "two"}) || srv.Accepted() != 2 {
		t.Errorf("stored %d messages over %d connections", len(got), srv.Accepted())
	}
}

// A busy server is waited for, and gets the message again that it had refused.
func TestAppendWaitsForABusyServer(t *testing.T) {
	acct := script.NewAccount()
	refusals := []string{"$tag NO [UNAVAILABLE] later", "$tag NO Request is throttled. Suggested Backoff Time: 7000 milliseconds", "$tag NO [INUSE] locked"}
	srv := script.Every(t, script.Healthy(acct, script.Answers{"APPEND": func(p *script.Peer, cmd script.Command) bool {
		acct.Lock()
		defer acct.Unlock()
		if string(cmd.Literals[0]) != "two" || len(refusals) == 0 {
			return false
		}
		p.Send(refusals[0])
		refusals = refusals[1:]
		return true
	}}))
	a := account(t, options(srv), func(o *Options) { o.MaxWait = time.Minute })
	waited := new(waits).in(a)
	out, err := a.Append(t.Context(), "INBOX", plain("one", "two", "three"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, one := range out {
		if one.Err != nil {
			t.Errorf("message %d: %v", i, one.Err)
		}
	}
	got := stored(acct, "INBOX")
	if slices.Sort(got); !slices.Equal(got, []string{"one", "three", "two"}) || len(waited.all) != 3 || waited.all[1] != 7*time.Second {
		t.Errorf("stored %q, waited %v", got, waited.all)
	}
	a = account(t, options(srv))
	acct.Lock()
	refusals = []string{"$tag NO [UNAVAILABLE] later"}
	acct.Unlock()
	out, err = a.Append(t.Context(), "INBOX", plain("two"), nil)
	wantFault(t, err, state.Unreachable, "later")
	if out[0].Err == nil || out[0].Doubt == state.Unsure {
		t.Errorf("outcome %+v", out[0])
	}
}

// Some servers take no keyword and say nothing but NO.
func TestAppendWithoutKeywordsWhereTheyAreRefused(t *testing.T) {
	acct := script.NewAccount()
	srv := script.Every(t, script.Healthy(acct, script.Answers{"APPEND": func(p *script.Peer, cmd script.Command) bool {
		if strings.Contains(cmd.Args, "hot") {
			p.Send("$tag NO invalid flags")
			return true
		}
		return false
	}}))
	kw := state.NewKeywords([]string{"hot"})
	out, err := account(t, options(srv)).Append(t.Context(), "INBOX", []state.Outgoing{outgoing("one", kw.All()&^state.Deleted, state.NoDate)}, kw)
	if err != nil || out[0].Err != nil {
		t.Fatal(out, err)
	}
	if m := acct.Mailbox("INBOX").Messages; len(m) != 1 || !slices.Equal(m[0].Flags, []string{`\Seen`, `\Answered`, `\Flagged`, `\Draft`}) {
		t.Errorf("stored with %v", m[0].Flags)
	}
	if want := kw.All() &^ (state.System &^ state.Forwarded); out[0].Without != want {
		t.Errorf("without %v, want %v", out[0].Without, want)
	}
}

// A limit of 0 is none: it is tried (maddy 0.8 announces it, and takes messages). NIL is none, too. A server that
// ends the connection when it is asked for the limit is not asked again.
func TestAppendWhereTheLimitIsZero(t *testing.T) {
	for _, c := range []struct {
		caps   string
		status script.Answer
	}{
		{"APPENDLIMIT=0", nil},
		{"APPENDLIMIT", answer(`* STATUS "INBOX" (APPENDLIMIT 0)`, "$tag OK done")},
		{"APPENDLIMIT", answer(`* STATUS "INBOX" (APPENDLIMIT NIL)`, "$tag OK done")},
		{"APPENDLIMIT", func(p *script.Peer, _ script.Command) bool { p.Close(); return true }},
	} {
		acct := script.NewAccount()
		acct.Caps = "IMAP4rev1 LITERAL+ UIDPLUS " + c.caps
		answers := script.Answers{}
		if c.status != nil {
			answers["STATUS"] = c.status
		}
		srv := script.Every(t, script.Healthy(acct, answers))
		out, err := account(t, options(srv)).Append(t.Context(), "INBOX", plain("one", "two"), nil)
		if err != nil || out[0].Err != nil || out[1].Err != nil || len(stored(acct, "INBOX")) != 2 {
			t.Errorf("%s: %+v, %v", c.caps, out, err)
		}
	}
}

// APPENDLIMIT without a number is told by STATUS; an APPENDUID that cannot be is none.
func TestAppendLimitOfAMailbox(t *testing.T) {
	acct := script.NewAccount()
	acct.Caps = "IMAP4rev1 LITERAL+ UIDPLUS APPENDLIMIT"
	srv := script.Every(t, script.Healthy(acct, script.Answers{
		"STATUS": answer(`* STATUS "INBOX" (APPENDLIMIT 4)`, "$tag OK done"),
		"APPEND": answer("$tag OK [APPENDUID 99999999999 1] done"),
	}))
	out, err := account(t, options(srv)).Append(t.Context(), "INBOX", plain("four", "and five"), nil)
	if err != nil || out[0] != (state.Appended{}) || out[1].Err == nil {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestAppendInABackupIsRefused(t *testing.T) {
	srv := script.Every(t, script.Healthy(script.NewAccount(), nil))
	a := account(t, options(srv), func(o *Options) { o.ReadOnly = true })
	out, err := a.Append(t.Context(), "INBOX", plain("one"), nil)
	if err == nil || out[0].Err == nil || out[0].Doubt == state.Unsure || len(srv.Commands()) != 0 {
		t.Errorf("%+v, %v, sent %q", out, err, srv.Commands())
	}
}

func TestAppendCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	srv := script.Every(t, script.Healthy(script.NewAccount(), script.Answers{"APPEND": func(p *script.Peer, cmd script.Command) bool {
		cancel(stop)
		p.Stall()
		return true
	}}))
	out, err := account(t, options(srv)).Append(ctx, "INBOX", plain("one"), nil)
	if !errors.Is(err, stop) || out[0].Doubt != state.Unsure {
		t.Errorf("%+v, %v", out, err)
	}
}

// Courier takes no message for a mailbox that is open read-only in the same session, and GNU
// imap4d loses most of those for one that is open for changes. So none is, by the means that
// the server has, and without a CLOSE, which expunges.
func TestAppendLeavesTheMailboxThatIsSelected(t *testing.T) {
	for _, c := range []struct {
		name, caps string
		listed     bool // what mailboxes there are is known
		refused    bool // UNSELECT is
	}{
		{"UNSELECT", "IMAP4rev1 LITERAL+ UIDPLUS UNSELECT", false, false},
		{"UNSELECT is refused", "IMAP4rev1 LITERAL+ UIDPLUS UNSELECT", true, true},
		{"another mailbox", "IMAP4rev1 LITERAL+ UIDPLUS", true, false},
		{"another connection", "IMAP4rev1 LITERAL+ UIDPLUS", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			acct := boxes()
			acct.Caps = c.caps
			var mu sync.Mutex
			selected := map[*script.Peer]string{}
			open := func(p *script.Peer, cmd script.Command) bool {
				mu.Lock()
				defer mu.Unlock()
				selected[p], _, _ = strings.Cut(strings.ToUpper(cmd.Args), " (")
				return false
			}
			srv := script.Every(t, script.Healthy(acct, script.Answers{"SELECT": open, "EXAMINE": open,
				"UNSELECT": func(p *script.Peer, cmd script.Command) bool {
					if c.refused {
						p.Send("$tag BAD not known")
						return true
					}
					return open(p, cmd)
				},
				"APPEND": func(p *script.Peer, cmd script.Command) bool {
					mu.Lock()
					defer mu.Unlock()
					if at := selected[p]; at != "" && strings.HasPrefix(strings.ToUpper(cmd.Args), at) {
						t.Errorf("%s while %s is selected", cmd.Args, at)
					}
					return false
				}}))
			a := account(t, options(srv), func(o *Options) { o.Connections = 1 })
			if c.listed {
				if _, err := a.List(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			for _, raw := range []string{"INBOX", "Old", "INBOX"} {
				snap := scanOf(t, a, state.ScanRequest{Raw: raw})
				if raw == "Old" { // open for changes
					req := state.StoreRequest{Raw: raw, UIDValidity: snap.Mark.UIDValidity, Keywords: state.NewKeywords(nil),
						Changes: []state.FlagChange{{UID: snap.Messages[0].UID, Add: state.Flagged}}}
					if _, err := a.Store(t.Context(), req); err != nil {
						t.Fatal(err)
					}
				}
				before := len(stored(acct, raw))
				if out, err := a.Append(t.Context(), raw, plain("one", "two"), nil); err != nil || out[0].Err != nil || out[1].Err != nil {
					t.Fatal(out, err)
				}
				if n := len(stored(acct, raw)) - before; n != 2 {
					t.Errorf("%d came into %s", n, raw)
				}
			}
			if sent(srv, "CLOSE*")+sent(srv, "EXPUNGE*") > 0 {
				t.Errorf("sent %q", srv.Commands())
			}
		})
	}
}
