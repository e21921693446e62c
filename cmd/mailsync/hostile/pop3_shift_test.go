//go:build unix

package hostile

import (
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	script "mailsync/internal/testkit/pop3script"
	"mailsync/internal/testkit/program"
)

// alike are letters of one length, so that no size tells one from another.
func alike(n int) string {
	return fmt.Sprintf("From: a@x\r\nSubject: alike %03d\r\nMessage-ID: <alike-%03d@x>\r\n\r\nthis is number %03d\r\n", n, n, n)
}

// A server's answers shift: one command has two answers, or none, and each later one is taken for the
// answer to the command before it. No message is deleted whose own bytes are not here, and once the
// server is well again each is here once.
func TestPOP3AnswersThatShift(t *testing.T) {
	twice := func(p *script.Peer, pause time.Duration) {
		for range 2 {
			p.Send("+OK")
			p.Text(alike(2))
			time.Sleep(pause) // so that what is too much comes in a packet of its own
		}
	}
	onThird := func(verb string, a script.Answer) script.Answers { return popOnly(verb, "3", a) }
	for _, c := range []struct {
		name    string
		answers script.Answers
	}{
		{"a message twice", onThird("RETR", func(p *script.Peer, _ string) bool { twice(p, 0); return true })},
		{"a message twice, with a pause", onThird("RETR", func(p *script.Peer, _ string) bool { twice(p, 30*time.Millisecond); return true })},
		{"a message and the next one", onThird("RETR", func(p *script.Peer, _ string) bool {
			for n := 2; n < 4; n++ {
				p.Send("+OK")
				p.Text(alike(n))
			}
			return true
		})},
		{"no message", onThird("RETR", func(*script.Peer, string) bool { return true })},
		{"the next message", onThird("RETR", func(p *script.Peer, _ string) bool {
			p.Send("+OK")
			p.Text(alike(3))
			p.Send("+OK")
			p.Text(alike(2))
			return true
		})},
		{"a refusal as well", onThird("RETR", func(p *script.Peer, _ string) bool { p.Send("+OK"); p.Text(alike(2)); p.Send("-ERR"); return true })},
		{"a refusal first", onThird("RETR", func(p *script.Peer, _ string) bool { p.Send("-ERR"); return false })},
		{"a status line twice", onThird("RETR", func(p *script.Peer, _ string) bool { p.Send("+OK"); return false })},
		{"no answer to LIST n", onThird("LIST", func(*script.Peer, string) bool { return true })},
		{"LIST n twice", onThird("LIST", func(p *script.Peer, _ string) bool { p.Sendf("+OK 3 %d", len(alike(2))); return false })},
		{"each of LIST n twice", script.Answers{"LIST": func(p *script.Peer, args string) bool {
			if args != "" {
				p.Sendf("+OK %s %d", args, len(alike(2)))
			}
			return false
		}}},
		{"LIST n that lists all", script.Answers{"LIST": func(p *script.Peer, _ string) bool {
			p.Send("+OK")
			for n := range 8 {
				p.Sendf("%d %d", n+1, len(alike(n)))
			}
			p.Send(".")
			return true
		}}},
	} {
		for _, ahead := range []bool{true, false} {
			for _, del := range []string{"fetched", "never"} {
				t.Run(fmt.Sprint(c.name, "/", ahead, "/", del), func(t *testing.T) {
					t.Parallel()
					l := newPOP3(t, popSituation{prepare: func(b *script.Box) {
						for n, m := range b.Messages {
							m.Body = alike(n)
						}
						if !ahead {
							b.Caps = slices.DeleteFunc(b.Caps, func(s string) bool { return s == "PIPELINING" })
						}
					}})
					l.configure(`protocol = "pop3"`, fmt.Sprintf("delete = %q", del), fmt.Sprintf("port = %d", l.port))
					wanted := map[string]int{}
					for _, body := range l.box.Bodies() {
						wanted[body]++
					}
					l.serve(script.Healthy(l.box, c.answers))
					for range 2 {
						if o := l.sync(); o.Code != 0 && o.Code != 1 {
							t.Errorf("exit %d\n%s", o.Code, program.Tail(o.Stderr))
						}
						l.whole(wanted)
					}
					l.serve(script.Healthy(l.box, nil))
					if o := l.sync(); o.Code != 0 {
						t.Errorf("then: exit %d\n%s", o.Code, program.Tail(o.Stderr))
					}
					mail, _ := l.files()
					for body, n := range bodies(mail) {
						if wanted[body] != n {
							t.Errorf("%d times here: %q", n, body)
						}
					}
					if len(mail) != 8 {
						t.Errorf("%d are here", len(mail))
					}
					if o := l.sync(); o.account.Fetched != 0 {
						t.Errorf("once more: fetched %d", o.account.Fetched)
					}
				})
			}
		}
	}
}

// Another program deletes a message while we fetch, and the server numbers the others anew at once: each
// RETR brings the message behind the one that is meant, of the same size. None is deleted that is not here.
func TestPOP3NumbersAnewWhileItFetches(t *testing.T) {
	for _, ahead := range []bool{true, false} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			t.Parallel()
			l := newPOP3(t, popSituation{prepare: func(b *script.Box) {
				for n, m := range b.Messages {
					m.Body = alike(n)
				}
				if !ahead {
					b.Caps = slices.DeleteFunc(b.Caps, func(s string) bool { return s == "PIPELINING" })
				}
			}})
			var sessions atomic.Int32
			shifted := func(say func(p *script.Peer, no int)) script.Answer {
				return func(p *script.Peer, args string) bool {
					no, _ := strconv.Atoi(args)
					if sessions.Load() > 1 || no < 3 {
						return false
					}
					if no == 8 {
						p.Send("-ERR no such message")
						return true
					}
					say(p, no)
					return true
				}
			}
			l.serve(script.Healthy(l.box, script.Answers{
				"GREETING": func(*script.Peer, string) bool { sessions.Add(1); return false },
				"RETR":     shifted(func(p *script.Peer, no int) { p.Send("+OK"); p.Text(alike(no)) }),
				"LIST":     shifted(func(p *script.Peer, no int) { p.Sendf("+OK %d %d", no, len(alike(no))) }),
				"UIDL":     shifted(func(p *script.Peer, no int) { p.Sendf("+OK %d uidl-%d", no, no) }),
			}))
			for range 3 {
				l.sync()
			}
			mail, _ := l.files()
			have := bodies(mail)
			for n := range 8 {
				if have[alike(n)] != 1 {
					t.Errorf("number %d is here %d times", n, have[alike(n)])
				}
			}
			if n := len(l.box.Bodies()); n != 0 {
				t.Errorf("%d are left", n)
			}
			if o := l.sync(); o.Code != 0 || o.account.Fetched != 0 {
				t.Errorf("exit %d, fetched %d", o.Code, o.account.Fetched)
			}
		})
	}
}
