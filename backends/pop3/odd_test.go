package pop3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/state"
)

// meet returns an account on a scripted server, without patience and in plain text.
func meet(t *testing.T, srv *script.Server, change ...func(*Options)) *Account {
	t.Helper()
	o := Options{Options: reach.Options{
		Server: reach.Server{Host: "127.0.0.1", Port: srv.Port(), TLS: reach.None, Timeout: 20 * time.Second}, User: "ada",
		Secret: func(context.Context) (reach.Secret, error) { return reach.Secret{Password: "secret"}, nil }}}
	for _, c := range change {
		c(&o)
	}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func knowing(n *Numbers) func(*Options) { return func(o *Options) { o.Numbers = n } }

// seen scans and returns what there is, whatever the listing is worth.
func seen(t *testing.T, a *Account) (*state.ServerSnapshot, []state.UID) {
	t.Helper()
	sn, err := a.Scan(t.Context(), state.ScanRequest{Raw: "INBOX"})
	if err != nil {
		t.Fatal(err)
	}
	var uids []state.UID
	for _, m := range sn.Messages {
		uids = append(uids, m.UID)
	}
	return sn, uids
}

// bring fetches messages in items of a few, and returns the bodies and what went wrong.
func bring(t *testing.T, a *Account, uids []state.UID) (map[state.UID][]byte, []error) {
	t.Helper()
	w := &basket{bodies: map[state.UID][]byte{}}
	for part := range slices.Chunk(uids, 3) {
		w.items = append(w.items, state.Item{ID: len(w.items) + 1, Raw: "INBOX", UIDValidity: 1, UIDs: part})
	}
	if err := a.Fetch(t.Context(), w); err != nil {
		w.errs = append(w.errs, err)
	}
	return w.bodies, w.errs
}

// got are bodies, sorted.
func got(bodies map[state.UID][]byte) []string {
	var all []string
	for _, b := range bodies {
		all = append(all, string(b))
	}
	slices.Sort(all)
	return all
}

func letters(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("Subject: %d\r\n\r\nbody %d\r\n", i, i))
	}
	return all
}

// uidls makes a box whose messages have these unique-ids.
func uidls(ids ...string) *script.Box {
	b := script.NewBox(letters(len(ids))...)
	for i, id := range ids {
		b.Messages[i].UIDL = id
	}
	return b
}

// Whatever a server lists, its messages come, each once, and the next session knows each
// of them again by the numbers that the base kept of the first.
func TestOddListings(t *testing.T) {
	say := script.Say
	for _, c := range []struct {
		name     string
		box      *script.Box
		answers  script.Answers
		complete bool
	}{
		{"healthy", script.NewBox(letters(5)...), nil, true},
		{"empty", script.NewBox(), nil, true},
		{"unique-ids of any bytes", uidls("\xff\xfe", "a b", "\t", "日本", strings.Repeat("x", 70), strings.Repeat("y", 2000), "\x01\x7f"), nil, true},
		{"a unique-id that is not there", uidls("a", "", "c"), nil, true},
		{"unique-ids of which there are two", uidls("a", "same", "same", "d"), nil, true},
		{"a unique-id of a megabyte and more", uidls("a", strings.Repeat("z", 1<<20+7), "c"), nil, true},
		{"UIDL not known", &script.Box{User: "ada", Password: "secret", NoUIDL: true, Messages: script.NewBox(letters(4)...).Messages}, nil, true},
		{"neither UIDL nor TOP nor CAPA", &script.Box{User: "ada", Password: "secret", NoUIDL: true, NoTOP: true, Messages: script.NewBox(letters(4)...).Messages}, nil, true},
		{"UIDL leaves one out", script.NewBox(letters(3)...), script.Answers{"UIDL": say("+OK", "1 u1", "3 u3", ".")}, false},
		{"UIDL tells one twice", script.NewBox(letters(3)...), script.Answers{"UIDL": say("+OK", "1 u1", "2 u2", "2 x", "3 u3", ".")}, false},
		{"UIDL lines that make no sense", script.NewBox(letters(3)...), script.Answers{"UIDL": say("+OK", "1 u1", "", "x y", "-1 z", "99999999999 q", "2 u2", "3 u3", ".")}, false},
		{"no LIST", script.NewBox(letters(3)...), script.Answers{"LIST": say("-ERR no")}, false},
		{"sizes that make no sense", script.NewBox(letters(3)...), script.Answers{"LIST": say("+OK", "1 -5", "2 many", "3 99999999999999999999", ".")}, true},
		{"sizes that are wrong", script.NewBox(letters(3)...), script.Answers{"LIST": say("+OK", "1 1", "2 100000000", "3 0", ".")}, true},
		{"LIST with more in its lines", script.NewBox(letters(2)...), script.Answers{"LIST": say("+OK", "1 26 seen", "2 26 x y", ".")}, true},
		{"LIST ends early", script.NewBox(letters(3)...), script.Answers{"LIST": say("+OK", "1 26", ".")}, false},
		{"STAT counts more", script.NewBox(letters(3)...), script.Answers{"STAT": say("+OK 4 100")}, false},
		{"STAT makes no sense", script.NewBox(letters(3)...), script.Answers{"STAT": say("+OK")}, false},
		{"STAT whose octets make no sense", script.NewBox(letters(3)...), script.Answers{"STAT": say("+OK 3 -78")}, true},
		{"STAT whose octets are too many", script.NewBox(letters(3)...), script.Answers{"STAT": say("+OK 3 99999999999999999999 octets")}, true},
		{"STAT whose count makes no sense", script.NewBox(letters(3)...), script.Answers{"STAT": say("+OK -3 78")}, false},
		{"STAT refused", script.NewBox(letters(3)...), script.Answers{"STAT": say("-ERR no")}, false},
		{"bare line feeds in listings", script.NewBox(letters(2)...), script.Answers{
			"UIDL": func(p *script.Peer, _ string) bool { p.Raw([]byte("+OK\n1 u1\n2 u2\n.\n")); return true }}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := script.New(t, script.Healthy(c.box, c.answers))
			numbers := NewNumbers(nil)
			a := meet(t, srv, knowing(numbers))
			sn, uids := seen(t, a)
			if sn.Complete != c.complete {
				t.Errorf("complete is %t", sn.Complete)
			}
			bodies, errs := bring(t, a, uids)
			if want := c.box.Bodies(); len(errs) > 0 || !slices.Equal(got(bodies), want) {
				t.Fatalf("got %q, %v; want %q", got(bodies), errs, want)
			}
			again := NewNumbers(numbers.Given())
			next := meet(t, srv, knowing(again))
			if _, same := seen(t, next); !slices.Equal(same, uids) {
				t.Errorf("the next session has %v, not %v", same, uids)
			}
			later, errs := bring(t, next, uids)
			for uid, body := range bodies {
				if string(later[uid]) != string(body) {
					t.Errorf("uid %d was %q and is %q (%v)", uid, body, later[uid], errs)
				}
			}
		})
	}
}

// A server that cannot list is an error, never an empty mailbox.
func TestListingsThatAreErrors(t *testing.T) {
	for name, answers := range map[string]script.Answers{
		"neither UIDL nor LIST":      {"UIDL": script.Say("-ERR"), "LIST": script.Say("-ERR")},
		"UIDL fails for now":         {"UIDL": script.Say("-ERR [SYS/TEMP] later")},
		"UIDL was there before":      {"UIDL": script.Say("-ERR hm")},
		"UIDL answers something":     {"UIDL": script.Say("hello")},
		"a listing that never ends":  {"LIST": func(p *script.Peer, _ string) bool { p.Send("+OK", "1 2"); p.Close(); return true }},
		"a status line without end":  {"STAT": func(p *script.Peer, _ string) bool { p.Raw(make([]byte, 1<<17)); p.Close(); return true }},
		"the connection ends at NUL": {"STAT": func(p *script.Peer, _ string) bool { p.Raw([]byte("\x00")); p.Close(); return true }},
	} {
		t.Run(name, func(t *testing.T) {
			a := meet(t, script.New(t, script.Healthy(script.NewBox(letters(2)...), answers)))
			if sn, err := a.Scan(t.Context(), state.ScanRequest{Raw: "INBOX"}); err == nil {
				t.Errorf("no error, and %d messages", len(sn.Messages))
			}
		})
	}
}

// Bodies that are hard to read come byte for byte.
func TestOddBodies(t *testing.T) {
	box := script.NewBox(
		"a\r\n.\r\nb\r\n", "..\r\n...\r\n.\r\n", ".", "a\n.\nb\r\n", "\n.\n\r\n", "a\r.\rb\r\n", "\r\r\n", "\r\n.\rx\r\n", "\r\n", "",
		"\x00\xff\r\n", strings.Repeat("0123456789", 1<<20)+"\r\n", strings.Repeat("\r\n.", 1<<16)+"\r\n", "+OK\r\n-ERR no\r\n",
		strings.Repeat("x", wholeBody-2)+"\r\n", strings.Repeat("x", wholeBody-1)+"\r\n", strings.Repeat("x", wholeBody)+"\r\n")
	a := meet(t, script.New(t, script.Healthy(box, nil)))
	_, uids := seen(t, a)
	bodies, errs := bring(t, a, uids)
	var want []string
	for _, b := range box.Bodies() {
		if b != "" && !strings.HasSuffix(b, "\r\n") {
			b += "\r\n" // each line of an answer has an end
		}
		want = append(want, b)
	}
	slices.Sort(want)
	if len(errs) > 0 || !slices.Equal(got(bodies), want) {
		t.Errorf("%d of %d bodies came as they are: %v", len(bodies), len(want), errs)
	}
}

// A connection that ends anywhere costs another one and nothing else.
func TestEndAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	box := script.NewBox(append(letters(4), ".\r\n..\r\n")...)
	for _, caps := range [][]string{script.DefaultCaps, {"UIDL", "USER"}, nil} {
		box.Caps = caps
		for n := int64(1); ; n++ {
			whole := false
			srv := script.New(t, func(p *script.Peer) { p.CutAfter(n); script.Healthy(box, nil)(p); whole = true }, script.Healthy(box, nil))
			a := meet(t, srv)
			_, uids := seen(t, a)
			bodies, errs := bring(t, a, uids)
			if len(errs) > 0 || !slices.Equal(got(bodies), box.Bodies()) {
				t.Fatalf("cut after %d octets, capabilities %v: %q, %v", n, caps, got(bodies), errs)
			}
			a.Close()
			srv.Close()
			if whole && srv.Accepted() == 1 {
				break
			}
		}
	}
}

// A message that cannot be fetched costs itself alone, and the reason is told.
func TestMessagesThatFail(t *testing.T) {
	t.Parallel()
	only := func(no string, a script.Answer) script.Answer {
		return func(p *script.Peer, args string) bool {
			if args != no {
				return false
			}
			return a(p, args)
		}
	}
	for _, c := range []struct {
		name    string
		answer  script.Answer
		brings  int
		timeout time.Duration
	}{
		{"refused", script.Say("-ERR cannot read it"), 4, 0},
		{"refused for now", script.Say("-ERR [SYS/TEMP] disk"), 4, 0},
		{"the connection ends in it", func(p *script.Peer, _ string) bool { p.Send("+OK", "Subject: "); p.Close(); return true }, 4, 0},
		{"the connection is reset in it", func(p *script.Peer, _ string) bool { p.Send("+OK", "Subject: "); p.Reset(); return true }, 4, 0},
		{"no answer but an end", func(p *script.Peer, _ string) bool { p.Close(); return true }, 4, 0},
		{"it stalls", func(p *script.Peer, _ string) bool { p.Send("+OK", "Subject: "); p.Stall(); return true }, 4, time.Second},
		{"LF.LF and silence", func(p *script.Peer, _ string) bool { p.Raw([]byte("+OK\r\nx\n.\n")); p.Stall(); return true }, 4, time.Second},
		{"an answer that is none", func(p *script.Peer, _ string) bool { p.Send("hello"); p.Close(); return true }, 4, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			box := script.NewBox(letters(5)...)
			srv := script.New(t, script.Healthy(box, script.Answers{"RETR": only("3", c.answer)}))
			a := meet(t, srv, func(o *Options) {
				if c.timeout > 0 {
					o.Timeout = c.timeout
				}
			})
			_, uids := seen(t, a)
			w := &stubborn{basket: basket{bodies: map[state.UID][]byte{}}, failed: map[state.UID]error{}}
			w.items = []state.Item{{ID: 1, Raw: "INBOX", UIDValidity: 1, UIDs: uids}}
			var err error
			for len(w.items) > 0 {
				err = a.Fetch(t.Context(), w)
			}
			if len(w.bodies) != c.brings || w.failed[uids[2]] == nil || len(w.failed) != 1 {
				t.Errorf("%d came, failed %v, %v", len(w.bodies), w.failed, err)
			}
		})
	}
}

// stubborn is a basket that asks again, one by one, for what an item did not bring, as the
// engine does.
type stubborn struct {
	basket
	failed map[state.UID]error
}

func (w *stubborn) Done(item state.Item, err error) {
	for _, uid := range item.UIDs {
		if w.bodies[uid] != nil && err == nil {
			continue
		}
		delete(w.bodies, uid)
		if len(item.UIDs) == 1 {
			w.failed[uid] = errors.Join(err, errors.New("no body"))
			continue
		}
		w.items = append(w.items, state.Item{ID: int(uid) + 100, Raw: "INBOX", UIDValidity: 1, UIDs: []state.UID{uid}})
	}
}

// A message without a unique-id is read to be named. Where that breaks the connection it is named
// as a failure, and the others come.
func TestNamelessMessageThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]script.Answer{
		"an empty line": script.Say(""),
		"the end":       func(p *script.Peer, _ string) bool { p.Close(); return true },
		"a cut":         func(p *script.Peer, _ string) bool { p.Send("+OK", "Subject: "); p.Close(); return true },
		"nothing":       func(*script.Peer, string) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := uidls("a", "", "", "d")
			a := meet(t, script.New(t, script.Healthy(box, script.Answers{"RETR": func(p *script.Peer, no string) bool {
				return no == "2" && answer(p, no)
			}})), func(o *Options) { o.Timeout = 2 * time.Second })
			sn, uids := seen(t, a)
			if len(uids) != 3 || sn.Complete || len(sn.Trouble) != 1 || !strings.Contains(sn.Trouble[0].Err.Error(), "message 2 has no unique-id") {
				t.Errorf("%v, %v", uids, sn.Trouble)
			}
			if bodies, errs := bring(t, a, uids); len(bodies) != 3 || len(errs) > 0 {
				t.Errorf("%d came, %v", len(bodies), errs)
			}
		})
	}
}

// Commands that can be done without may be answered oddly: everything comes, and they are not sent
// over and over.
func TestOddAnswersToWhatIsOptional(t *testing.T) {
	t.Parallel()
	once := func(a script.Answer) script.Answer {
		done := false
		return func(p *script.Peer, args string) bool {
			if done {
				return false
			}
			done = true
			return a(p, args)
		}
	}
	also := func(p *script.Peer, _ string) bool { p.Send("and another line"); return false }
	singly := func(p *script.Peer, args string) bool {
		if args == "" {
			p.Send("+OK", "1 u1", "3 u3", ".")
			return true
		}
		p.Send("what")
		return true
	}
	behind := func(a script.Answer) script.Answer { // LIST with a number, behind a message
		return func(p *script.Peer, args string) bool { return args != "" && a(p, args) }
	}
	for _, verb := range []string{"NOOP", "TOP", "CAPA", "UTF8", "UIDL", "UIDL n", "LIST"} {
		for how, answer := range map[string]script.Answer{
			"an empty line": script.Say(""), "garbage": script.Say("500 what?"), "a line too many": also, "a refusal": script.Say("-ERR no"),
			"garbage, once": once(script.Say("what")), "a line too many, once": once(also), "nothing": func(*script.Peer, string) bool { return true },
		} {
			if verb == "CAPA" && how == "nothing" {
				continue // a server that does not answer is not there
			}
			if verb == "UIDL" {
				if how != "garbage" {
					continue
				}
				answer = singly
			}
			if verb == "LIST" || verb == "UIDL n" {
				answer = behind(answer)
			}
			for _, ahead := range []bool{true, false} {
				t.Run(fmt.Sprint(verb, "/", how, "/", ahead), func(t *testing.T) {
					t.Parallel()
					box := uidls("u1", "u2", "u3")
					if verb == "TOP" {
						box = uidls("u1", "", "")
					}
					box.Caps = append(box.Caps, "UTF8")
					if !ahead {
						box.Caps = []string{"UIDL", "USER", "TOP", "UTF8"}
					}
					srv := script.New(t, script.Healthy(box, script.Answers{strings.TrimSuffix(verb, " n"): answer}))
					a := meet(t, srv, func(o *Options) { o.Timeout = 2 * time.Second })
					_, uids := seen(t, a)
					bodies, errs := bring(t, a, uids)
					if len(errs) > 0 || !slices.Equal(got(bodies), box.Bodies()) {
						t.Errorf("%q, %v", got(bodies), errs)
					}
					if n := srv.Accepted(); n > 3 {
						t.Errorf("%d connections", n)
					}
				})
			}
		}
	}
}

// What cut a message off is told when its item ends, whether or not work saw it in the body;
// the other messages of the item count.
func TestDoneTellsOfACutMessage(t *testing.T) {
	for _, n := range []int{100, wholeBody - 1, wholeBody, wholeBody + 1, wholeBody + readBuffer, 5 * wholeBody} {
		for _, alone := range []bool{false, true} {
			box := script.NewBox(letters(3)...)
			a := meet(t, script.New(t, script.Healthy(box, script.Answers{"RETR": func(p *script.Peer, no string) bool {
				if no != "2" {
					return false
				}
				p.Send("+OK")
				p.Raw([]byte(strings.Repeat("x", n)))
				p.Close()
				return true
			}})))
			_, uids := seen(t, a)
			if alone {
				uids = uids[1:2]
			}
			w := &deaf{basket: basket{bodies: map[state.UID][]byte{}, items: []state.Item{{ID: 1, Raw: "INBOX", UIDValidity: 1, UIDs: uids}}}}
			err := a.Fetch(t.Context(), w)
			var part *state.PartError
			switch {
			case err != nil || len(w.errs) != 1 || !errors.Is(w.errs[0], io.ErrUnexpectedEOF):
				t.Errorf("%d octets, alone %t: Fetch %v, Done %v", n, alone, err, w.errs)
			case errors.As(w.errs[0], &part) == alone, !alone && (len(part.Failed) != 1 || part.Failed[2] == nil):
				t.Errorf("%d octets, alone %t: Done %#v", n, alone, w.errs[0])
			}
		}
	}
}

// deaf is a basket that takes any error for the end of a body.
type deaf struct{ basket }

func (w *deaf) Body(_ state.Item, msg state.Incoming, r io.Reader) error {
	w.bodies[msg.UID], _ = io.ReadAll(r)
	return nil
}

// A message that failed once comes the next time.
func TestFailsOnce(t *testing.T) {
	failed := false
	box := script.NewBox(letters(3)...)
	a := meet(t, script.New(t, script.Healthy(box, script.Answers{"RETR": func(p *script.Peer, no string) bool {
		if no != "2" || failed {
			return false
		}
		failed = true
		p.Send("-ERR not now")
		return true
	}})))
	_, uids := seen(t, a)
	bodies, _ := bring(t, a, uids)
	if len(bodies) != 2 {
		t.Errorf("%d came", len(bodies))
	}
	if bodies, errs := bring(t, a, uids[1:2]); len(bodies) != 1 {
		t.Errorf("and then %d: %v", len(bodies), errs)
	}
}

// Octets that come one by one are no hurry, as long as they come.
func TestDripping(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	t.Parallel()
	body := "Subject: slow\r\n\r\n.\r\nslow\r\n"
	box := script.NewBox(body)
	a := meet(t, script.New(t, script.Healthy(box, script.Answers{"RETR": func(p *script.Peer, _ string) bool {
		p.Send("+OK")
		p.Drip(script.Stuffed(body), 1, 40*time.Millisecond)
		return true
	}})), func(o *Options) { o.Timeout = 2 * time.Second })
	_, uids := seen(t, a)
	if bodies, errs := bring(t, a, uids); len(errs) > 0 || string(bodies[uids[0]]) != body {
		t.Errorf("%q, %v", got(bodies), errs)
	}
}

// A status line does not keep us for ever, however it comes.
func TestStatusLineThatDrips(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	t.Parallel()
	a := meet(t, script.New(t, func(p *script.Peer) { p.Drip([]byte(strings.Repeat("x", 1<<16)), 1, 50*time.Millisecond) }),
		func(o *Options) { o.Timeout = 2 * time.Second })
	if _, err := a.List(t.Context(), func(state.Listed) bool { return true }); state.KindOf(err) != state.Unreachable {
		t.Errorf("%v", err)
	}
}

func TestUIDsAreNeverGivenTwice(t *testing.T) {
	n := NewNumbers(nil)
	byUID := map[state.UID]string{}
	for i := range 1000 {
		uid, err := n.number("id" + strconv.Itoa(i%500))
		if err != nil {
			t.Fatal(err)
		}
		if was, ok := byUID[uid]; ok && was != "id"+strconv.Itoa(i%500) {
			t.Fatalf("uid %d is %s and id%d", uid, was, i%500)
		}
		byUID[uid] = "id" + strconv.Itoa(i%500)
	}
}
