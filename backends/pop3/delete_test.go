package pop3

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/state"
)

func doom(uids ...state.UID) state.ExpungeRequest {
	req := state.ExpungeRequest{Raw: "INBOX", UIDValidity: 1}
	for _, uid := range uids {
		req.Messages = append(req.Messages, state.Doomed{UID: uid, Size: -1, Date: state.NoDate})
	}
	return req
}

// What a server answers decides what counts as deleted, and nothing that is not sure to be
// meant is ever marked.
func TestDeletions(t *testing.T) {
	only := func(no string, a script.Answer) script.Answer {
		return func(p *script.Peer, args string) bool { return args == no && a(p, args) }
	}
	for _, c := range []struct {
		name    string
		box     *script.Box
		answers script.Answers
		change  func(*state.ExpungeRequest)
		gone    []state.UID // of 1 and 2 out of four
		kept    []state.UID
		failed  bool
		left    int
	}{
		{name: "healthy", gone: []state.UID{1, 2}, left: 2},
		{name: "DELE refused", answers: script.Answers{"DELE": only("1", script.Say("-ERR no"))}, gone: []state.UID{2}, failed: true, left: 3},
		{name: "QUIT refused", answers: script.Answers{"QUIT": script.Say("-ERR some were not deleted")}, failed: true, left: 4},
		{name: "QUIT not answered", answers: script.Answers{"QUIT": func(p *script.Peer, _ string) bool { p.Close(); return true }}, failed: true, left: 4},
		{name: "QUIT and silence", answers: script.Answers{"QUIT": func(p *script.Peer, _ string) bool { p.Stall(); return true }}, failed: true, left: 4},
		{name: "another message by now", answers: script.Answers{"UIDL": only("1", script.Say("+OK 1 other"))}, gone: []state.UID{2}, failed: true, left: 3},
		{name: "UIDL for one refused", answers: script.Answers{"UIDL": only("1", script.Say("-ERR no"))}, gone: []state.UID{1, 2}, left: 2},
		{name: "the server counts fewer than should be left", answers: script.Answers{"STAT": countsDown()}, failed: true, left: 4},
		{name: "the server does not count down", answers: script.Answers{"STAT": script.Say("+OK 4 100")}, gone: []state.UID{1, 2}, left: 2},
		{name: "the server numbers anew at each DELE", box: renumbering(), change: func(r *state.ExpungeRequest) { *r = doom(1, 2) }, failed: true, left: 4},
		{name: "a listing that is not complete", answers: script.Answers{"LIST": script.Say("+OK", "1 20", ".")}, failed: true, left: 4},
		{name: "another size", change: func(r *state.ExpungeRequest) { r.Messages[0].Size = 1 }, gone: []state.UID{2}, kept: []state.UID{1}, left: 3},
		{name: "not confirmed", change: func(r *state.ExpungeRequest) { r.Confirm = func(m state.OnServer) bool { return m.UID != 2 } },
			gone: []state.UID{1}, kept: []state.UID{2}, left: 3},
		{name: "gone already", change: func(r *state.ExpungeRequest) {
			r.Messages = append(r.Messages, state.Doomed{UID: 99, Size: -1, Date: state.NoDate})
		}, gone: []state.UID{1, 2, 99}, left: 2},
		{name: "unique-ids that repeat", box: uidls("same", "same", "c", "d"), kept: nil, failed: true, left: 4},
		{name: "another UIDVALIDITY", change: func(r *state.ExpungeRequest) { r.UIDValidity = 2 }, failed: true, left: 4},
		{name: "another mailbox", change: func(r *state.ExpungeRequest) { r.Raw = "Trash" }, failed: true, left: 4},
		{name: "to a trash", change: func(r *state.ExpungeRequest) { r.Trash = "Trash" }, failed: true, left: 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			box := c.box
			if box == nil {
				box = uidls("a", "b", "c", "d")
			}
			srv := script.New(t, script.Healthy(box, c.answers))
			a := meet(t, srv, func(o *Options) { o.Timeout = 2 * time.Second })
			_, uids := seen(t, a)
			req := doom(uids[:2]...)
			if c.box != nil {
				slices.Sort(uids)
				req = doom(uids[len(uids)-2:]...) // those without a unique-id were numbered last
			}
			if c.change != nil {
				c.change(&req)
			}
			out, err := a.Expunge(t.Context(), req)
			if !slices.Equal(out.Gone, c.gone) || (err != nil) != c.failed || c.kept != nil && !slices.Equal(out.Kept, c.kept) {
				t.Errorf("gone %v, kept %v: %v", out.Gone, out.Kept, err)
			}
			if n := len(box.Bodies()); n != c.left {
				t.Errorf("%d are left, want %d", n, c.left)
			}
		})
	}
}

// One odd answer is one message's failure, at most: the others are deleted. Whatever a server says, only
// messages that were meant go.
func TestDeletionsAnsweredOddly(t *testing.T) {
	t.Parallel()
	only := func(no string, a script.Answer) script.Answer {
		return func(p *script.Peer, args string) bool { return args == no && a(p, args) }
	}
	also := func(lines ...string) script.Answer { // ahead of the right answer
		return func(p *script.Peer, _ string) bool { p.Send(lines...); return false }
	}
	hush := func(*script.Peer, string) bool { return true }
	for _, c := range []struct {
		name    string
		answers script.Answers
		gone    []state.UID // of 1 to 4 out of six
		says    string
		left    int
	}{
		{"DELE: an empty line", script.Answers{"DELE": only("2", script.Say(""))}, []state.UID{1, 3, 4}, `uid 2 is not deleted: DELE was answered with an empty line`, 3},
		{"DELE: garbage", script.Answers{"DELE": only("2", script.Say("\x00\xff250 ok"))}, []state.UID{1, 3, 4}, "uid 2 is not deleted: DELE", 3},
		{"DELE: an empty line, then the answer", script.Answers{"DELE": only("2", also(""))}, []state.UID{1, 3, 4}, "uid 2 is not deleted: DELE", 2},
		{"DELE: a line too many", script.Answers{"DELE": only("2", also("+OK"))}, []state.UID{1, 3, 4}, "uid 2 is not deleted: DELE", 2},
		{"DELE: a line too many behind a refusal", script.Answers{"DELE": only("2", script.Say("-ERR no", "why not"))}, []state.UID{1, 3, 4}, "uid 2 is not deleted: DELE", 3},
		{"DELE: no answer", script.Answers{"DELE": only("2", hush)}, []state.UID{1, 3, 4}, "uid 2 is not deleted: the connection broke", 3},
		{"DELE: the end", script.Answers{"DELE": only("2", popEnd)}, []state.UID{1, 3, 4}, "uid 2 is not deleted: the connection broke", 3},
		{"DELE: garbage for each", script.Answers{"DELE": script.Say("what")}, nil, "4 messages are not deleted", 6},
		{"UIDL n: the size", script.Answers{"UIDL": only("3", script.Say("+OK 3 26"))}, []state.UID{1, 2, 3, 4}, "", 2},
		{"UIDL n: another number", script.Answers{"UIDL": only("3", script.Say("+OK 4 c"))}, []state.UID{1, 2, 3, 4}, "", 2},
		{"UIDL n: nothing but OK", script.Answers{"UIDL": only("3", script.Say("+OK"))}, []state.UID{1, 2, 3, 4}, "", 2},
		{"UIDL n: an empty line", script.Answers{"UIDL": only("3", script.Say(""))}, []state.UID{1, 2, 3, 4}, "", 2},
		{"UIDL n: a line too many", script.Answers{"UIDL": only("3", also("+OK"))}, []state.UID{1, 2, 3, 4}, "", 2},
		{"UIDL n: no answer", script.Answers{"UIDL": only("3", hush)}, []state.UID{1, 2, 3, 4}, "", 2},
		{"UIDL n: all of them", script.Answers{"UIDL": only("3", func(p *script.Peer, _ string) bool {
			p.Send("+OK", "1 a", "2 b", "3 c", "4 d", "5 e", "6 f", ".")
			return true
		})}, []state.UID{1, 2, 3, 4}, "", 2},
		{"UIDL n: another unique-id", script.Answers{"UIDL": only("3", script.Say("+OK 3 zzz"))}, []state.UID{1, 2, 4}, `"zzz" is what UIDL calls it`, 3},
		{"UIDL: fewer the second time", script.Answers{"UIDL": secondUIDL("+OK", "1 a", "2 b", ".")}, nil, "does not list its unique-ids once more", 6},
		{"UIDL: shifted the second time", script.Answers{"UIDL": secondUIDL("+OK", "1 f", "2 a", "3 b", "4 c", "5 d", "6 e", ".")}, nil, "is another message's now", 6},
		{"UIDL: refused the second time", script.Answers{"UIDL": secondUIDL("-ERR no")}, nil, "does not list its unique-ids once more", 6},
		{"STAT: an empty line, once", afterDELE(1, also("")), []state.UID{1, 2, 3, 4}, "", 2},
		{"STAT: a line too many, once", afterDELE(1, also("+OK")), []state.UID{1, 2, 3, 4}, "", 2},
		{"STAT: no number", afterDELE(99, script.Say("+OK")), []state.UID{1, 2, 3, 4}, "", 2},
		{"STAT: refused", afterDELE(99, script.Say("-ERR no")), []state.UID{1, 2, 3, 4}, "", 2},
		{"STAT: fewer", afterDELE(99, script.Say("+OK 1 10")), nil, "server counts 1 messages where 2 should be left", 6},
		{"QUIT: an empty line, then the answer", script.Answers{"QUIT": also("")}, []state.UID{1, 2, 3, 4}, "", 2},
		{"QUIT: garbage", script.Answers{"QUIT": script.Say("221 bye")}, nil, `not confirmed, and may have happened or not: server answered QUIT with "221 bye"`, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, caps := range [][]string{script.DefaultCaps, {"USER", "UIDL"}} {
				box := uidls("a", "b", "c", "d", "e", "f")
				box.Caps = caps
				a := meet(t, script.New(t, script.Healthy(box, c.answers)), func(o *Options) { o.Timeout = 2 * time.Second })
				_, uids := seen(t, a)
				out, err := a.Expunge(t.Context(), doom(uids[:4]...))
				if !slices.Equal(out.Gone, c.gone) || c.says == "" && len(c.gone) == 4 && err != nil || err == nil && len(c.gone) < 4 {
					t.Errorf("gone %v: %v", out.Gone, err)
				}
				if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("it says %v", err)
				}
				left := box.Bodies()
				if len(left) != c.left || !slices.Equal(left[len(left)-2:], letters(6)[4:]) {
					t.Errorf("left are %q", left)
				}
			}
		})
	}
}

func popEnd(p *script.Peer, _ string) bool { p.Close(); return true }

// secondUIDL refuses UIDL with a number, and answers each other listing of unique-ids so.
func secondUIDL(lines ...string) script.Answer {
	n := 0
	return func(p *script.Peer, args string) bool {
		if args != "" {
			p.Send("-ERR no")
			return true
		}
		if n++; n%2 == 1 {
			return false
		}
		p.Send(lines...)
		return true
	}
}

// afterDELE is a for the first so many STATs that come behind a DELE.
func afterDELE(times int, a script.Answer) script.Answers {
	marked := false
	note := func(now bool) script.Answer {
		return func(*script.Peer, string) bool { marked = now; return false }
	}
	return script.Answers{"GREETING": note(false), "DELE": note(true), "STAT": func(p *script.Peer, args string) bool {
		if !marked || times == 0 {
			return false
		}
		times--
		return a(p, args)
	}}
}

// countsDown answers STAT well once, and then with too few.
func renumbering() *script.Box {
	box := uidls("a", "b", "c", "d")
	box.Renumbers = true
	return box
}

func countsDown() script.Answer {
	first := true
	return func(p *script.Peer, _ string) bool {
		if first {
			first = false
			return false
		}
		p.Send("+OK 1 10")
		return true
	}
}

// A connection that breaks anywhere before QUIT's answer deletes nothing, or it all and
// says that it is not sure; the other connections it may take do the same. A message at whose DELE
// they break is left out and named.
func TestDeletionCutAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	for n := int64(1); ; n++ {
		box := uidls("a", "b", "c", "d")
		whole := false
		cut := func(p *script.Peer) { p.CutAfter(n); script.Healthy(box, nil)(p); whole = true }
		srv := script.New(t, cut)
		a := meet(t, srv)
		out, err := a.Expunge(t.Context(), doom(1, 2))
		a.Close()
		srv.Close()
		wanted := 2
		if err != nil && strings.Contains(err.Error(), "uid 2 is not deleted: the connection broke at its DELE") {
			wanted = 1
		}
		switch left := len(box.Bodies()); {
		case len(out.Gone) > 0 && (len(out.Gone) != wanted || left != 4-wanted), err == nil && len(out.Gone) != 2, left != 4 && left != 4-wanted:
			t.Fatalf("cut after %d octets: %d left, gone %v, %v", n, left, out.Gone, err)
		case left != 4 && len(out.Gone) == 0 && !strings.Contains(err.Error(), "may have happened or not"):
			t.Fatalf("cut after %d octets: they are gone, and it says %v", n, err)
		}
		if whole && err == nil {
			return
		}
	}
}

func TestReadOnlyDeletesNothing(t *testing.T) {
	box := uidls("a", "b")
	srv := script.New(t, script.Healthy(box, nil))
	a := meet(t, srv, func(o *Options) { o.ReadOnly = true })
	if out, err := a.Expunge(t.Context(), doom(1)); err == nil || len(out.Gone) > 0 {
		t.Errorf("%v, %v", out, err)
	}
	if err := a.do(t.Context(), 1, func(s *session) error { _, err := s.c.command("dele 1"); return err }); err == nil || len(box.Bodies()) != 2 {
		t.Errorf("%v", err)
	}
}

// What POP3 cannot do is refused for good; what it has nothing to say about is no failure.
func TestWhatPOP3Cannot(t *testing.T) {
	a := meet(t, script.New(t, script.Healthy(script.NewBox(), nil)))
	ctx := context.Background()
	_, err1 := a.Append(ctx, "INBOX", []state.Outgoing{{}}, nil)
	_, err2 := a.Move(ctx, "INBOX", 1, []state.UID{1}, "Trash")
	_, err3 := a.CreateMailbox(ctx, []string{"Work"}, "")
	for _, err := range []error{err1, err2, err3} {
		if state.KindOf(err) != state.Usage || state.HintOf(err) == "" {
			t.Errorf("%v", err)
		}
	}
	if _, err := a.CreateMailbox(ctx, []string{"inbox"}, ""); err != nil {
		t.Error(err)
	}
	if q, err := a.Quota(ctx, "INBOX"); q != nil || err != nil {
		t.Errorf("%v, %v", q, err)
	}
}

// Gmail's habits are known by its name.
func TestHabits(t *testing.T) {
	for _, c := range []struct {
		host, user string
		want       int
	}{{"pop.gmail.com", "ada@gmail.com", 2}, {"POP.gmail.com.", "recent:ada@gmail.com", 1}, {"pop.example.org", "ada", 0}} {
		a, err := New(Options{Options: reach.Options{Server: reach.Server{Host: c.host}, User: c.user, Secret: func(context.Context) (reach.Secret, error) { return reach.Secret{}, nil }}})
		if err != nil || len(a.Habits()) != c.want {
			t.Errorf("%s: %v, %v", c.host, a.Habits(), err)
		}
		for _, h := range a.Habits() {
			if h.Hint() == "" {
				t.Errorf("%s: no hint", h)
			}
		}
	}
}

// What a server hides after it was fetched is not listed, and that is no incomplete listing.
func TestHiddenOnceFetched(t *testing.T) {
	box := uidls("a", "b", "c")
	box.Hides = true
	numbers := NewNumbers(nil)
	a := meet(t, script.New(t, script.Healthy(box, nil)), knowing(numbers))
	_, uids := seen(t, a)
	if bodies, errs := bring(t, a, uids[:2]); len(bodies) != 2 {
		t.Fatal(errs)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	next := meet(t, script.New(t, script.Healthy(box, nil)), knowing(numbers))
	if sn, left := seen(t, next); !sn.Complete || !slices.Equal(left, uids[2:]) {
		t.Errorf("complete %t, %v", sn.Complete, left)
	}
}
