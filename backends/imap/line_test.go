package imap

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// stores is two Stores over one connection, in INBOX and in Old: the second waits for the session when the first one sends its changes.
type stores struct {
	first, second state.Stored
	errs          [2]error
	sent          []string // SELECT and what is about messages
}

func storeTwice(t *testing.T, acct *script.Account, answers script.Answers) (out stores) {
	t.Helper()
	var a *Account
	var wg sync.WaitGroup
	store := func(raw string, validity uint32, flag state.Flags, uids ...state.UID) (state.Stored, error) {
		req := state.StoreRequest{Raw: raw, UIDValidity: validity, Keywords: state.NewKeywords(nil)}
		for _, uid := range uids {
			req.Changes = append(req.Changes, state.FlagChange{UID: uid, Add: flag})
		}
		return a.Store(t.Context(), req)
	}
	var begin sync.Once
	all := script.Answers{"SELECT": func(p *script.Peer, cmd script.Command) bool {
		if other := answers["SELECT"]; !strings.Contains(cmd.Args, "INBOX") {
			return other != nil && other(p, cmd)
		}
		begin.Do(func() {
			wg.Go(func() { out.second, out.errs[1] = store("Old", oldValidity, state.Answered, 3) })
			for waits := 0; waits == 0; runtime.Gosched() {
				a.pool.mu.Lock()
				waits = len(a.pool.line)
				a.pool.mu.Unlock()
			}
		})
		return false
	}}
	for verb, answer := range answers {
		if verb != "SELECT" {
			all[verb] = answer
		}
	}
	srv := script.Every(t, script.Healthy(acct, all))
	a = account(t, options(srv), func(o *Options) { o.Connections = 1 })
	wg.Go(func() { out.first, out.errs[0] = store("INBOX", inboxValidity, state.Flagged, 1, 2) })
	wg.Wait()
	for _, c := range srv.Commands() {
		if strings.HasPrefix(c, "SELECT ") || strings.HasPrefix(c, "UID ") {
			out.sent = append(out.sent, strings.TrimSuffix(c, " (CONDSTORE)"))
		}
	}
	return out
}

// What the mailboxes have after both Stores, and of which the second one may fail.
var (
	bothStored = []string{`1 \Seen $Forwarded hot \Flagged`, `2 \Seen $Forwarded hot \Flagged`, `3 \Seen $Forwarded hot`, "1", "2", `3 \Answered`}
	firstAlone = []string{`1 \Seen $Forwarded hot \Flagged`, `2 \Seen $Forwarded hot \Flagged`, `3 \Seen $Forwarded hot`, "1", "2", "3"}
)

const (
	selectInbox, storeInbox = `SELECT "INBOX"`, `UID STORE 1:2 +FLAGS (\Flagged)`
	selectOld, storeOld     = `SELECT "Old"`, `UID STORE 3 +FLAGS (\Answered)`
)

// The mailbox of the next Store is opened behind the changes of the one before. Nothing is changed in it before it is known to be
// the one, whatever a server makes of that; and what the first one has to send again is sent in its own mailbox.
func TestTheNextMailboxIsOpenedBehindAStore(t *testing.T) {
	opens := func(validity, code string) script.Answer {
		return answer("* 3 EXISTS", `* FLAGS (\Answered \Seen)`, "* OK [UIDVALIDITY "+validity+"] x", "$tag OK ["+code+"] x")
	}
	for _, c := range []struct {
		name   string
		second script.Answer // to the first SELECT of Old
		always bool          // to each of them
		want   []string
		err    func(error) bool
		sent   []string
	}{
		{name: "as it should be", want: bothStored, sent: []string{selectInbox, storeInbox, selectOld, storeOld}},
		{name: "refused at first", second: answer("$tag NO not now"), want: bothStored,
			sent: []string{selectInbox, storeInbox, selectOld, selectOld, storeOld}},
		{name: "refused", second: answer("$tag NO never"), always: true, want: firstAlone, err: func(err error) bool { return err != nil },
			sent: []string{selectInbox, storeInbox, selectOld, selectOld}},
		{name: "no UIDVALIDITY at first", second: answer("* 3 EXISTS", "$tag OK [READ-WRITE] x"), want: bothStored,
			sent: []string{selectInbox, storeInbox, selectOld, selectOld, storeOld}},
		{name: "numbered anew", second: opens("77", "READ-WRITE"), always: true, want: firstAlone, err: func(err error) bool { return errors.Is(err, state.ErrRenumbered) },
			sent: []string{selectInbox, storeInbox, selectOld, selectOld}},
		{name: "read-only", second: opens("1001", "READ-ONLY"), always: true, want: firstAlone,
			sent: []string{selectInbox, storeInbox, selectOld, "UID FETCH 3 (UID FLAGS)"}},
	} {
		acct := boxes()
		answers := script.Answers{}
		if c.always {
			answers["SELECT"] = c.second
		} else if c.second != nil {
			answers = once("SELECT", `"Old"*`, c.second)
		}
		out := storeTwice(t, acct, answers)
		if got := append(left(acct, "INBOX"), left(acct, "Old")...); !slices.Equal(got, c.want) || out.errs[0] != nil {
			t.Errorf("%s: left %q, %v", c.name, got, out.errs)
		}
		if fails := c.err != nil; fails && !c.err(out.errs[1]) || !fails && out.errs[1] != nil {
			t.Errorf("%s: %v", c.name, out.errs[1])
		}
		if !slices.Equal(out.sent, c.sent) {
			t.Errorf("%s: sent %q", c.name, out.sent)
		}
	}
}

// What the first Store still has to ask is asked in its own mailbox.
func TestAStoreGoesBackToItsMailbox(t *testing.T) {
	acct := boxes()
	out := storeTwice(t, acct, once("UID STORE", "1:2 *", answer("$tag OK done"))) // and no echo
	want := []string{selectInbox, storeInbox, selectOld, selectInbox, "UID FETCH 1:2 (UID FLAGS)", selectOld, storeOld}
	if !slices.Equal(out.sent, want) || out.errs != [2]error{} || len(out.first.Echoed) != 2 || out.first.Echoed[0].Flags&state.Seen == 0 {
		t.Errorf("%+v", out)
	}

	acct = boxes()
	acct.Limit = 1
	out = storeTwice(t, acct, once("UID STORE", "1:2 *", answer("$tag OK done")))
	want = []string{selectInbox, storeInbox, selectOld, selectInbox, "UID FETCH 1:2 (UID FLAGS)", selectOld, selectInbox, "UID FETCH 1 (UID FLAGS)", selectOld, storeOld}
	if !slices.Equal(out.sent, want) || out.errs != [2]error{} || len(out.first.Echoed) != 2 || out.first.Echoed[0].Flags&state.Seen == 0 {
		t.Errorf("a server that does a part: %+v", out)
	}
}

// A server that opens the next mailbox before it has done the changes in the one before: what it echoes may be of either, so the
// first one is asked. That is not done again.
func TestAStoreThatChangesPlacesWithSelect(t *testing.T) {
	acct := boxes()
	var tag string // of the first STORE
	out := storeTwice(t, acct, script.Answers{
		"UID STORE": func(_ *script.Peer, cmd script.Command) bool {
			if tag == "" {
				tag = cmd.Tag
				return true
			}
			return false
		},
		"SELECT": once("SELECT", `"Old"*`, func(p *script.Peer, _ script.Command) bool {
			p.Send("* 3 EXISTS")
			p.Send("* OK [UIDVALIDITY 1001] x")
			p.Send("$tag OK [READ-WRITE] x")
			p.Send(`* 1 FETCH (UID 1 FLAGS (\Flagged))`)
			p.Send(`* 2 FETCH (UID 2 FLAGS (\Flagged))`)
			p.Send(tag + " OK done")
			return true
		})["SELECT"],
	})
	want := []string{selectInbox, storeInbox, selectOld, selectInbox, "UID FETCH 1:2 (UID FLAGS)", selectOld, storeOld}
	if !slices.Equal(out.sent, want) || out.errs != [2]error{} || len(out.first.Echoed) != 2 || out.first.Echoed[0].Flags&state.Flagged != 0 {
		t.Errorf("%+v", out)
	}
	if got := left(acct, "Old"); !slices.Equal(got, bothStored[3:]) {
		t.Errorf("left %q", got)
	}
}

// Where the next mailbox breaks the connection, the one before is not to blame: it is not opened in this way again.
func TestTheNextMailboxBreaksTheConnection(t *testing.T) {
	acct := boxes()
	stored := false
	out := storeTwice(t, acct, script.Answers{
		"UID STORE": func(*script.Peer, script.Command) bool {
			was := stored
			stored = true
			return !was // the first one is never answered
		},
		"SELECT": once("SELECT", `"Old"*`, func(p *script.Peer, _ script.Command) bool { p.Close(); return true })["SELECT"],
	})
	if got := append(left(acct, "INBOX"), left(acct, "Old")...); !slices.Equal(got, bothStored) || out.errs != [2]error{} {
		t.Errorf("left %q: %+v", got, out)
	}
}

// Far away, many that change flags are worth another session, and a few are not.
func TestACrowdIsWorthASession(t *testing.T) {
	p := newPool(5)
	s := &session{}
	p.all[s] = struct{}{}
	var all []*waiter
	for n := range 2 * crowd {
		w := &waiter{raw: string(rune('a' + n)), flags: true}
		p.enter(w)
		all = append(all, w)
		for took, want := range map[time.Duration]bool{near / 2: false, 2 * near: n+1 >= crowd} {
			if p.took = took; p.pays(w) != want {
				t.Errorf("%d wait, and a session takes %v to be made: %v", n+1, took, !want)
			}
		}
	}
	if p.leave(all[0]); !p.enter(all[1]) || p.enter(all[1]) {
		t.Error("the line moves on once")
	}
	p.took = 2 * near
	if p.making = 1; p.pays(all[1]) || !p.pays(&waiter{raw: "x"}) {
		t.Error("one is being made already, which is enough for flags and not for others")
	}
}
