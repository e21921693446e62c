package sync_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"mailsync/backends/pop3"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/state"
)

// cutSizes are on both sides of what is read at once anywhere: a chunk of a file, and what is
// read before it is handed on.
var cutSizes = []int{0, 1, 4095, 64<<10 - 1, 64 << 10, 64<<10 + 1, 256<<10 - 1, 256 << 10, 256<<10 + 1, 320<<10 - 1, 320 << 10, 320<<10 + 1}

// popCut is how a server stops in the middle of a message.
type popCut struct {
	name  string
	lines bool   // behind the end of a line
	extra string // what is sent beyond
	end   func(p *script.Peer)
}

var popCuts = []popCut{
	{"closed in a line", false, "", (*script.Peer).Close},
	{"closed behind CRLF", true, "", (*script.Peer).Close},
	{"closed behind a dot", true, ".", (*script.Peer).Close},
	{"closed behind a dot and CR", true, ".\r", (*script.Peer).Close},
	{"closed behind CR", false, "\r", (*script.Peer).Close},
	{"reset", true, "", (*script.Peer).Reset},
}

// answer is interrupted in message no after n octets, as often as times says.
func (c popCut) answer(no int, n int, times *int) script.Answers {
	return script.Answers{"RETR": func(p *script.Peer, args string) bool {
		if args != fmt.Sprint(no) || *times == 0 {
			return false
		}
		*times--
		p.Send("+OK")
		p.Raw([]byte(longMail(n, c.lines)[:n] + c.extra))
		c.end(p)
		return true
	}}
}

// A message that is cut is never taken for whole: however long it is, wherever it lies, and
// however the connection ends. It is reported in every run, the others are here; and once the
// server sends it whole it is fetched, once.
func TestPOP3CutMessage(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it reads hundreds of sessions over sockets")
	}
	for _, c := range popCuts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, n := range cutSizes {
				if n < 2 && c.lines {
					continue
				}
				for _, caps := range [][]string{script.DefaultCaps, {"USER", "UIDL"}} {
					for at := range 3 {
						for _, alone := range []bool{false, true} {
							if alone && at > 0 {
								continue
							}
							popCutMessage(t, c, n, at, alone, caps)
						}
					}
				}
			}
		})
	}
}

func popCutMessage(t *testing.T, c popCut, n, at int, alone bool, caps []string) {
	mails := popMails(2)
	if alone {
		mails = nil
	}
	mails = slices.Insert(mails, at, longMail(n, c.lines))
	when := fmt.Sprintf("%d octets, message %d of %d, %v", n, at+1, len(mails), caps)
	box := script.NewBox(mails...)
	box.Caps = caps
	l := newPopLab(t, box)
	defer func() { l.server.Close() }()
	always := -1
	l.server = script.New(t, script.Healthy(box, c.answer(at+1, n, &always)))
	for range 2 {
		r := l.run(t, nil, nil)
		if len(r.Problems) != 1 || r.Problems[0].UID != state.UID(at+1) || r.Fatal != nil || r.Outstanding != 1 || r.Here != len(mails)-1 {
			t.Fatalf("%s: %d here, %d outstanding: %v %v", when, r.Here, r.Outstanding, r.Problems, r.Fatal)
		}
		if got := l.mails(t); len(got) != len(mails)-1 {
			t.Fatalf("%s: %d files", when, len(got))
		}
	}
	l.server.Close()
	once := 1
	l.server = script.New(t, script.Healthy(box, c.answer(at+1, n, &once)))
	if r := l.run(t, nil, nil); r.Status() != "ok" || r.Fetched != 1 || once != 0 {
		t.Fatalf("%s: cut once: %s, %d fetched: %v %v", when, r.Status(), r.Fetched, r.Problems, r.Fatal)
	}
	if got := l.mails(t); !slices.Equal(got, box.Bodies()) {
		t.Fatalf("%s: %d of %d mails as they are", when, len(got), len(mails))
	}
}

// The same for a server that falls silent.
func TestPOP3StalledMessage(t *testing.T) {
	for _, n := range []int{1, 64 << 10, 256<<10 - 1, 256 << 10, 256<<10 + 1, 320<<10 + 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			box := script.NewBox(slices.Insert(popMails(2), 1, longMail(n, false))...)
			l := newPopLab(t, box)
			l.reach = func(o *pop3.Options) { o.Timeout = 200 * time.Millisecond }
			times := -1
			stall := popCut{end: func(p *script.Peer) { p.Stall() }}
			l.server = script.New(t, script.Healthy(box, stall.answer(2, n, &times)))
			r := l.run(t, nil, nil)
			if len(r.Problems) != 1 || r.Problems[0].UID != 2 || r.Outstanding != 1 || len(l.mails(t)) != 2 {
				t.Fatalf("%d here, %d outstanding: %v %v", r.Here, r.Outstanding, r.Problems, r.Fatal)
			}
			l.server.Close()
			l.server = script.New(t, script.Healthy(box, nil))
			l.settle(t)
			if got := l.mails(t); !slices.Equal(got, box.Bodies()) {
				t.Fatalf("%d mails", len(got))
			}
		})
	}
}

// A message counts only once an answer has followed it: one behind whose dot the connection
// ends is read once more.
func TestPOP3NothingBehindTheDot(t *testing.T) {
	for _, n := range cutSizes {
		for _, caps := range [][]string{script.DefaultCaps, {"USER", "UIDL"}} {
			for at := range 3 {
				box := script.NewBox(slices.Insert(popMails(2), at, longMail(n, false))...)
				box.Caps = caps
				l := newPopLab(t, box)
				times := 1
				behind := func(body string) script.Answers {
					return script.Answers{"RETR": func(p *script.Peer, no string) bool {
						if no != fmt.Sprint(at+1) || times == 0 {
							return false
						}
						times--
						p.Send("+OK")
						p.Text(body)
						p.Close()
						return true
					}}
				}
				when := fmt.Sprintf("%d octets, message %d, %v", n, at+1, caps)
				l.server.Close()
				l.server = script.New(t, script.Healthy(box, behind(box.Messages[at].Body)))
				if r := l.run(t, nil, nil); r.Status() != "ok" || r.Fetched != 3 {
					t.Fatalf("%s: %s, %d fetched: %v %v", when, r.Status(), r.Fetched, r.Problems, r.Fatal)
				}
				if n := l.retrs(); n > 6 { // those sent ahead, too
					t.Fatalf("%s: %d messages were asked for", when, n)
				}
				l.server.Close()

				// Half of the message, with a line of a dot in it that is not doubled.
				l = newPopLab(t, box)
				l.server.Close()
				times = -1
				l.server = script.New(t, script.Healthy(box, behind(longMail(n, false)[:n/2])))
				if r := l.run(t, nil, nil); len(r.Problems) != 1 || r.Problems[0].UID != state.UID(at+1) || r.Here != 2 || len(l.mails(t)) != 2 {
					t.Fatalf("%s, half of it: %d here, %v %v", when, r.Here, r.Problems, r.Fatal)
				}
				times = 0
				l.settle(t)
				if got := l.mails(t); !slices.Equal(got, box.Bodies()) {
					t.Fatalf("%s: %d mails as they are", when, len(got))
				}
				l.server.Close()
			}
		}
	}
}

// A server that hides what was fetched once, and whose connection ends behind a message: what
// came is kept, for nothing better is to be had.
func TestPOP3HiddenBehindTheDot(t *testing.T) {
	box := script.NewBox(popMails(3)...)
	box.Hides = true
	l := newPopLab(t, box)
	closed := false
	l.server = script.New(t, script.Healthy(box, script.Answers{"RETR": func(p *script.Peer, no string) bool {
		if no != "2" || closed {
			return false
		}
		closed = true
		p.Send("+OK")
		p.Text(box.Messages[1].Body)
		box.Lock()
		box.Messages[1].Hidden = true
		box.Unlock()
		p.End()
		return true
	}}))
	if r := l.run(t, nil, nil); r.Status() != "ok" || len(l.mails(t)) != 3 {
		t.Errorf("%d mails: %s %v %v", len(l.mails(t)), r.Status(), r.Problems, r.Fatal)
	}
}
