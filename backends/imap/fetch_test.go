package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/backends/imap/wire"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// boxes is an account with two mailboxes of three messages each.
func boxes() *script.Account {
	acct := script.NewAccount()
	for i := range 3 {
		acct.Mailbox("INBOX").Append(fmt.Sprintf("Subject: in %d\r\n\r\nbody\r\n", i+1), `\Seen`, "$Forwarded", "hot")
	}
	acct.Add("Old", "one\r\n", "two\r\n", "three\r\n")
	return acct
}

// ones returns n items of one message each, all of INBOX.
func ones(n int) []state.Item {
	var items []state.Item
	for i := range n {
		items = append(items, state.Item{Raw: "INBOX", UIDValidity: inboxValidity, UIDs: uids(state.UID(i%3 + 1))})
	}
	return items
}

const inboxValidity, oldValidity = 1000, 1001

func TestFetchPipelines(t *testing.T) {
	acct := boxes()
	srv := script.Every(t, script.Healthy(acct, nil))
	a := account(t, options(srv))
	w := newWork(
		state.Item{Raw: "INBOX", UIDValidity: inboxValidity, UIDs: uids(1, 2)},
		state.Item{Raw: "INBOX", UIDValidity: inboxValidity, UIDs: uids(3)},
		state.Item{Raw: "Old", UIDValidity: oldValidity, UIDs: uids(1, 3, 77)},
	)
	if err := a.Fetch(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if got := w.kept(); !slices.Equal(got, []string{"INBOX 1", "INBOX 2", "INBOX 3", "Old 1", "Old 3"}) {
		t.Errorf("fetched %q", got)
	}
	if w.bodies["Old 3"] != "three\r\n" || w.in["INBOX 1"].Flags != state.Seen|state.Forwarded {
		t.Errorf("Old 3 is %q, INBOX 1 came as %+v", w.bodies["Old 3"], w.in["INBOX 1"])
	}
	for id, err := range w.done {
		if err != nil {
			t.Errorf("item %d: %v", id, err)
		}
	}
	if len(w.done) != 3 || sent(srv, "EXAMINE *") != 2 || sent(srv, "SELECT *") != 0 {
		t.Errorf("%d items done with %q", len(w.done), srv.Commands())
	}
	if !slices.Contains(w.asked, "INBOX") || !slices.Contains(w.asked, "Old") {
		t.Errorf("Next was told of %q", w.asked)
	}
}

// EXAMINE, its FETCH and the next FETCH are all sent before the first is answered.
func TestFetchDoesNotWaitForEachAnswer(t *testing.T) {
	srv := script.New(t, script.Play(`
		S: * PREAUTH [CAPABILITY IMAP4rev1] hello
		C: EXAMINE *INBOX*
		C: UID FETCH 1 *
		C: UID FETCH 2 *
		S: * 2 EXISTS
		S: * OK [UIDVALIDITY 7] ok
		S: T1 OK examined
		S: * 1 FETCH (UID 1 BODY[] {1}
		S: a)
		S: T2 OK done
		S: * 2 FETCH (UID 2 BODY[] {1}
		S: b)
		S: T3 OK done
		C: LOGOUT
		S: $tag OK bye
		X: close`))
	a := account(t, options(srv))
	w := newWork(
		state.Item{Raw: "INBOX", UIDValidity: 7, UIDs: uids(1)},
		state.Item{Raw: "INBOX", UIDValidity: 7, UIDs: uids(2)},
	)
	if err := a.Fetch(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if w.bodies["INBOX 1"] != "a" || w.bodies["INBOX 2"] != "b" || w.done[0] != nil || w.done[1] != nil {
		t.Errorf("bodies %q, done %v", w.bodies, w.done)
	}
}

func TestFetchFromAnotherGenerationTakesNothing(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), nil))
	a := account(t, options(srv))
	w := newWork(
		state.Item{Raw: "INBOX", UIDValidity: 999, UIDs: uids(1, 2)},
		state.Item{Raw: "INBOX", UIDValidity: 0, UIDs: uids(1)},
		state.Item{Raw: "Old", UIDValidity: oldValidity, UIDs: uids(1)},
	)
	if err := a.Fetch(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if got := w.kept(); !slices.Equal(got, []string{"Old 1"}) {
		t.Errorf("fetched %q", got)
	}
	for id, wrong := range []bool{true, true, false} {
		if got := errors.Is(w.done[id], state.ErrRenumbered); got != wrong {
			t.Errorf("item %d ended with %v", id, w.done[id])
		}
	}
}

func TestFetchGoesOnAfterARefusal(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{
		"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
			if !strings.HasPrefix(cmd.Args, "2 ") {
				return false
			}
			p.Send("$tag NO [SERVERBUG] no luck")
			return true
		},
	}))
	a := account(t, options(srv))
	w := newWork(
		state.Item{Raw: "Gone", UIDValidity: 5, UIDs: uids(1)},
		state.Item{Raw: "INBOX", UIDValidity: inboxValidity, UIDs: uids(2)},
		state.Item{Raw: "INBOX", UIDValidity: inboxValidity, UIDs: uids(3)},
	)
	if err := a.Fetch(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	wantFault(t, w.done[0], state.Other, `"Gone"`)
	wantFault(t, w.done[1], state.Other, "SERVERBUG")
	if got := w.kept(); !slices.Equal(got, []string{"INBOX 3"}) || w.done[2] != nil {
		t.Errorf("fetched %q, done %v", got, w.done)
	}
}

// Bodies that nobody asked for, NIL, and one that comes twice are passed over.
func TestFetchTakesOnlyWhatWasAskedFor(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{
		"UID FETCH": func(p *script.Peer, _ script.Command) bool {
			p.Send("* 9 FETCH (UID 9 BODY[] {3}\r\nbad)")
			p.Send("* 1 FETCH (UID 1 BODY[] NIL)")
			p.Send("* 2 FETCH (FLAGS (\\Seen) UID 2)")
			p.Send("* 2 FETCH (BODY[] {4}\r\ngood UID 2 INTERNALDATE \" 2-Feb-2024 03:04:05 +0100\")")
			p.Send("* 2 FETCH (UID 2 BODY[] {5}\r\nagain)")
			p.Send("$tag OK done")
			return true
		},
	}))
	a := account(t, options(srv))
	w := newWork(state.Item{Raw: "INBOX", UIDValidity: inboxValidity, UIDs: uids(1, 2, 3)})
	if err := a.Fetch(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if got := w.kept(); !slices.Equal(got, []string{"INBOX 2"}) || w.bodies["INBOX 2"] != "good" || w.done[0] != nil {
		t.Errorf("fetched %q, done %v", w.bodies, w.done)
	}
}

func TestFetchCutLiteralIsNeverWhole(t *testing.T) {
	for _, end := range []string{"close", "reset"} {
		t.Run(end, func(t *testing.T) {
			cut := func(p *script.Peer, _ script.Command) bool {
				p.Send("* 1 FETCH (UID 1 BODY[] {1000}")
				p.Raw([]byte(strings.Repeat("x", 500)))
				if end == "reset" {
					p.Reset()
				}
				p.Close()
				return true
			}
			srv := script.Every(t, script.Healthy(boxes(), script.Answers{"UID FETCH": cut}))
			a := account(t, options(srv))
			w := newWork(ones(20)...)
			err := a.Fetch(t.Context(), w)
			wantFault(t, err, state.Unreachable, "connection")
			if len(w.bodies) != 0 || srv.Accepted() != 3 {
				t.Errorf("bodies %q, cut %v over %d connections", w.bodies, w.cut, srv.Accepted())
			}
			for id := range w.done {
				if w.done[id] == nil {
					t.Errorf("item %d counts as fetched", id)
				}
			}
			for _, err := range w.cut {
				if errors.Is(err, io.EOF) {
					t.Errorf("reader ended with %v", err)
				}
			}
		})
	}
}

// A connection that breaks now and then is replaced as long as each brings something.
func TestFetchReconnectsWhileThereIsProgress(t *testing.T) {
	acct := boxes()
	fetches := 0
	srv := script.Every(t, script.Healthy(acct, script.Answers{
		"UID FETCH": func(p *script.Peer, _ script.Command) bool {
			acct.Lock()
			defer acct.Unlock()
			if fetches++; fetches%2 == 0 {
				p.Send("garbage") // breaks it, and loses nothing that was sent before
				p.Stall()
				return true
			}
			return false
		},
	}))
	a := account(t, options(srv))
	w := newWork(ones(40)...)
	w.body = func(_ state.Item, _ state.Incoming, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	}
	if err := a.Fetch(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	good := 0
	for _, err := range w.done {
		if err == nil {
			good++
		}
	}
	if len(w.done) != 40 || good < 3 || good == 40 || srv.Accepted() < 3 {
		t.Errorf("%d of %d items over %d connections", good, len(w.done), srv.Accepted())
	}
}

func TestFetchStopsWhenBodyFails(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), nil))
	a := account(t, options(srv))
	w := newWork(
		state.Item{Raw: "INBOX", UIDValidity: inboxValidity, UIDs: uids(1, 2, 3)},
		state.Item{Raw: "Old", UIDValidity: oldValidity, UIDs: uids(1)},
	)
	full := errors.New("disk full")
	calls := 0
	w.body = func(state.Item, state.Incoming, io.Reader) error {
		calls++
		return full
	}
	if err := a.Fetch(t.Context(), w); !errors.Is(err, full) {
		t.Errorf("Fetch ended with %v", err)
	}
	if calls != 1 || !errors.Is(w.done[0], full) {
		t.Errorf("%d bodies, item 0 ended with %v", calls, w.done[0])
	}
}

func TestFetchCancelledInsideALiteral(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{
		"UID FETCH": func(p *script.Peer, _ script.Command) bool {
			p.Send("* 1 FETCH (UID 1 BODY[] {1000}\r\nhalf")
			p.Stall()
			return true
		},
	}))
	a := account(t, options(srv), func(o *Options) { o.Timeout = time.Hour })
	w := newWork(state.Item{Raw: "INBOX", UIDValidity: inboxValidity, UIDs: uids(1, 2)})
	ctx, cancel := context.WithCancel(t.Context())
	w.body = func(_ state.Item, _ state.Incoming, r io.Reader) error {
		if _, err := io.ReadFull(r, make([]byte, 4)); err != nil {
			t.Error(err)
		}
		cancel()
		if _, err := io.ReadAll(r); err == nil {
			t.Error("the body ended well after the cancel")
		}
		return nil
	}
	if err := a.Fetch(ctx, w); !errors.Is(err, context.Canceled) {
		t.Errorf("Fetch ended with %v", err)
	}
	if !errors.Is(w.done[0], context.Canceled) {
		t.Errorf("item ended with %v", w.done[0])
	}
}

func TestFetchHungServerEndsWithinTheTimeout(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{
		"UID FETCH": func(p *script.Peer, _ script.Command) bool {
			p.Send("* 1 FETCH (UID 1 BODY[] {1000}\r\nhalf")
			p.Stall()
			return true
		},
	}))
	a := account(t, options(srv), func(o *Options) { o.Timeout = 100 * time.Millisecond })
	w := newWork(ones(1)...)
	for range 2 {
		if err := a.Fetch(t.Context(), w); err != nil {
			t.Fatal(err) // it is told to Done, and the caller may ask again
		}
		w.items, w.done = ones(1), map[int]error{}
	}
	wantFault(t, a.Fetch(t.Context(), w), state.Unreachable, "no byte for")
	for id := range w.done {
		wantFault(t, w.done[id], state.Unreachable, "no byte for")
	}
}

// Names that imapclient would send in another spelling go out as they came.
func TestFetchSendsNamesByteForByte(t *testing.T) {
	names := []string{"&AOQ-", "&AGE-bc", `a"b\c`, "R&D", "inbox", "\xc3\xa4"}
	acct := script.NewAccount()
	acct.Mailboxes = nil
	var items []state.Item
	for i, n := range names {
		acct.Add(n, "body\r\n")
		items = append(items, state.Item{Raw: n, UIDValidity: uint32(1000 + i), UIDs: uids(1)})
	}
	srv := script.Every(t, script.Healthy(acct, nil))
	a := account(t, options(srv))
	w := newWork(items...)
	if err := a.Fetch(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	for i, n := range names {
		if w.bodies[n+" 1"] != "body\r\n" {
			t.Errorf("nothing from %q: %v", n, w.done[i])
		}
		if sent(srv, "EXAMINE "+quoteName(n)+"*") != 1 {
			t.Errorf("no EXAMINE of %s in %q", quoteName(n), srv.Commands())
		}
	}
}

func TestFetchWaitsForAThrottlingServer(t *testing.T) {
	acct := boxes()
	refused := false
	srv := script.Every(t, script.Healthy(acct, script.Answers{
		"UID FETCH": func(p *script.Peer, _ script.Command) bool {
			acct.Lock()
			defer acct.Unlock()
			if refused {
				return false
			}
			refused = true
			p.Send("$tag NO [THROTTLED] Suggested Backoff Time: 90000 milliseconds")
			return true
		},
	}))
	a := account(t, options(srv), func(o *Options) { o.MaxWait = 10 * time.Minute })
	waited := new(waits).in(a)
	w := newWork(state.Item{Raw: "INBOX", UIDValidity: inboxValidity, UIDs: uids(1)})
	if err := a.Fetch(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if len(w.bodies) != 1 || w.done[0] != nil || !slices.Equal(waited.all, []time.Duration{90 * time.Second}) {
		t.Errorf("bodies %q, done %v, waited %v", w.bodies, w.done, waited.all)
	}
}

func TestBodyReaderKnowsTheEnd(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	s := &session{w: wire.New(near, wire.Options{})}
	if b, err := io.ReadAll(&bodyReader{r: strings.NewReader("whole"), left: 5, s: s}); err != nil || string(b) != "whole" {
		t.Errorf("whole literal: %q, %v", b, err)
	}
	r := &bodyReader{r: strings.NewReader("cut"), left: 5, s: s}
	for range 2 {
		if _, err := io.ReadAll(r); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut literal: %v", err)
		}
	}
}

// A mailbox of any name is opened without waiting for it, and under the very name it has.
func TestFetchPipelinesMailboxesOfAnyName(t *testing.T) {
	names := []string{"&AOQ-pfel", "R&-D/&2D3eAA-", "Old", "a\"b", "&AGE-", "R&D"}
	acct := boxes()
	var items []state.Item
	for _, name := range names {
		box := acct.Mailbox(name)
		if box == nil {
			box = acct.Add(name, "in "+name)
		}
		items = append(items, state.Item{Raw: name, UIDValidity: box.UIDValidity, UIDs: uids(1)})
	}
	srv := script.Every(t, script.Healthy(acct, nil))
	w := newWork(items...)
	if err := account(t, options(srv)).Fetch(t.Context(), w); err != nil || len(w.bodies) != len(names) {
		t.Fatal(err, w.done, w.kept())
	}
	waited := 0
	for i, name := range names {
		if w.done[i] != nil {
			t.Errorf("%s: %v", name, w.done[i])
		}
		waited += sent(srv, "EXAMINE "+quoteName(name)+" (CONDSTORE)") // one of our own, which waits
	}
	if waited != 2 {
		t.Errorf("waited for %d mailboxes: %q", waited, srv.Commands())
	}
}

// A connection breaks at one message, and nothing of those behind it was answered: they are fetched
// over the next, whether there is one connection or several.
func TestFetchBlamesTheMessageAtWhichTheConnectionBroke(t *testing.T) {
	for _, connections := range []int{1, 3} {
		for _, bad := range []state.UID{1, 2, 3} {
			t.Run(fmt.Sprintf("uid %d over %d", bad, connections), func(t *testing.T) {
				srv := script.Every(t, script.Healthy(boxes(), script.Answers{
					"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
						if !strings.HasPrefix(cmd.Args, fmt.Sprint(bad, " ")) {
							return false
						}
						p.Send(fmt.Sprintf("* 1 FETCH (UID %d BODY[] {1000}", bad))
						p.Raw([]byte("half"))
						p.Close()
						return true
					},
				}))
				a := account(t, options(srv), func(o *Options) { o.Connections = connections })
				w := newWork(ones(3)...)
				if err := a.Fetch(t.Context(), w); err != nil {
					t.Fatal(err)
				}
				for id, err := range w.done {
					if uid := state.UID(id + 1); (err != nil) != (uid == bad) {
						t.Errorf("uid %d ended with %v", uid, err)
					}
				}
				if len(w.done) != 3 {
					t.Errorf("%d of 3 items ended", len(w.done))
				}
			})
		}
	}
}
