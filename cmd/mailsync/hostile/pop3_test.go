//go:build unix

package hostile

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	script "mailsync/internal/testkit/pop3script"
	"mailsync/internal/testkit/program"
)

// popSituation is one thing that is wrong with a POP3 server in the second of three runs.
type popSituation struct {
	name    string
	codes   []int
	answers script.Answers
	server  script.Handler
	prepare func(box *script.Box)
	healed  func(box *script.Box)
	lines   []string
	slow    bool
	// keeps says that nothing may be deleted from the server in the run.
	keeps bool
	// odd says that the end is not the usual one: only that nothing is lost is looked at.
	odd bool
}

// popLife is a life with a POP3 server. What was fetched is deleted there, which is when a
// mistake costs most.
type popLife struct {
	*life
	box     *script.Box
	port    int
	handler atomic.Pointer[script.Handler]
}

func newPOP3(t *testing.T, s popSituation) *popLife {
	t.Helper()
	l := &popLife{life: newLife(t), box: script.NewBox()}
	l.box.Password = secret
	for n := range 8 {
		l.box.Add(letter(n)).UIDL = fmt.Sprint("uidl-", n)
	}
	if s.prepare != nil {
		s.prepare(l.box)
	}
	l.serve(script.Healthy(l.box, nil))
	srv := script.New(t, func(p *script.Peer) { (*l.handler.Load())(p) })
	l.port = srv.Port()
	l.configure(append([]string{`protocol = "pop3"`, `delete = "fetched"`, fmt.Sprintf("port = %d", srv.Port())}, s.lines...)...)
	return l
}

func (l *popLife) serve(h script.Handler) { l.handler.Store(&h) }

func (s popSituation) play(t *testing.T) {
	t.Parallel()
	l := newPOP3(t, s)
	beside := l.outside()
	l.box.Lock()
	wanted := map[string]int{}
	for _, m := range l.box.Messages {
		wanted[m.Body]++
	}
	l.box.Unlock()
	l.patiently(true)
	o := l.sync()
	if o.Code != 0 {
		t.Fatalf("the first run: exit %d\n%s", o.Code, program.Tail(o.Stderr))
	}
	sawHealthy(o)
	l.patiently(false)
	l.box.Lock()
	for n := 40; n < 45; n++ {
		l.box.Add(letter(n)).UIDL = fmt.Sprint("uidl-", n)
		wanted[letter(n)] = 1
	}
	l.box.Unlock()
	before := len(l.box.Bodies())

	if s.server != nil {
		l.serve(s.server)
	} else {
		l.serve(script.Healthy(l.box, s.answers))
	}
	o = l.sync()
	if !slices.Contains(s.codes, o.Code) {
		t.Errorf("exit %d, want %v\n%s\n%s", o.Code, s.codes, program.Tail(o.Stdout), program.Tail(o.Stderr))
	}
	if o.Code != 0 && len(o.account.Errors) == 0 {
		t.Errorf("exit %d and no error is told", o.Code)
	}
	if o.Took > 3*timeout+slack && !s.slow {
		t.Errorf("it took %v", o.Took)
	}
	l.frugal(o)
	l.whole(wanted)
	if now := len(l.box.Bodies()); s.keeps && now < before {
		t.Errorf("%d messages were on the server, %d are", before, now)
	}

	l.patiently(true)
	if s.healed != nil {
		s.healed(l.box)
	}
	l.serve(script.Healthy(l.box, nil))
	for range 3 {
		if o = l.sync(); o.Code == 0 {
			break
		}
	}
	if o.Code != 0 && !s.odd {
		t.Errorf("after it was healed: exit %d\n%s", o.Code, program.Tail(o.Stderr))
	}
	l.whole(wanted)
	mail, _ := l.files()
	have := bodies(mail)
	for body := range wanted {
		if have[body] != 1 && !s.odd {
			t.Errorf("on disk %d times: %s", have[body], short(body))
		}
	}
	if o = l.sync(); o.account.Fetched != 0 && !s.odd {
		t.Errorf("and once more: fetched %d", o.account.Fetched)
	}
	if now := l.outside(); !slices.Equal(now, beside) {
		t.Errorf("outside the root there was %q, there is %q", beside, now)
	}
}

// whole sees that each message is on one side at least, whole.
func (l *popLife) whole(wanted map[string]int) {
	l.t.Helper()
	mail, trashed := l.files()
	have := bodies(append(mail, trashed...))
	for _, body := range l.box.Bodies() {
		have[body]++
	}
	for body := range wanted {
		if have[body] == 0 {
			l.t.Errorf("lost: %s", short(body))
		}
	}
	for body, n := range bodies(mail) {
		if n > 1 {
			l.t.Errorf("%d times on disk: %s", n, short(body))
		}
	}
}

func popStall(p *script.Peer, _ string) bool { p.Stall(); return true }

func popHangUp(p *script.Peer, _ string) bool { p.Close(); return true }

func popReset(p *script.Peer, _ string) bool { p.Reset(); return true }

// onRETR answers the fetching of the second message, by the number that it has.
func onRETR(no string, a script.Answer) script.Answers {
	return script.Answers{"RETR": func(p *script.Peer, args string) bool { return args == no && a(p, args) }}
}

func TestPOP3(t *testing.T) {
	unreachable, refused, failed, any := []int{5}, []int{4}, []int{1}, []int{0, 1, 5}
	body := "Subject: x\r\n\r\n" + strings.Repeat("text\r\n", 50)
	greet := func(lines ...string) script.Handler {
		return func(p *script.Peer) { p.Send(lines...); p.Stall() }
	}
	all := []popSituation{
		{name: "greeting/silence", codes: unreachable, server: func(p *script.Peer) { p.Stall() }},
		{name: "greeting/closed", codes: unreachable, server: func(p *script.Peer) { p.Close() }},
		{name: "greeting/reset", codes: unreachable, server: func(p *script.Peer) { p.Reset() }},
		{name: "greeting/-ERR", codes: []int{1, 5}, server: greet("-ERR [SYS/TEMP] later")},
		{name: "greeting/an IMAP server", codes: []int{1, 5}, server: greet("* OK IMAP4rev1 ready")},
		{name: "greeting/noise", codes: []int{1, 5}, server: greet("\x00\xff\x1b[31m\x07")},
		{name: "greeting/an endless line", codes: []int{1, 5}, slow: true, server: func(p *script.Peer) {
			for range 2000 {
				p.Raw([]byte(strings.Repeat("+OK on and on ", 4000)))
			}
			p.Stall()
		}},
		{name: "log-in/refused", codes: refused, answers: popLogin(script.Say("-ERR [AUTH] no"))},
		{name: "log-in/refused with the password", codes: refused, answers: popLogin(script.Say("-ERR [AUTH] wrong: " + secret))},
		{name: "log-in/in use", codes: unreachable, answers: popLogin(script.Say("-ERR [IN-USE] locked"))},
		{name: "log-in/too soon", codes: unreachable, answers: popLogin(script.Say("-ERR [LOGIN-DELAY] wait"))},
		{name: "log-in/temporary", codes: unreachable, answers: popLogin(script.Say("-ERR [SYS/TEMP] later"))},
		{name: "log-in/permanent", codes: []int{1, 4, 5}, answers: popLogin(script.Say("-ERR [SYS/PERM] broken"))},
		{name: "log-in/silence", codes: unreachable, answers: popLogin(popStall)},
		{name: "log-in/closed", codes: []int{4, 5}, answers: popLogin(popHangUp)},
		{name: "CAPA/noise", codes: any, answers: script.Answers{"CAPA": script.Say("+OK", "\x00\x01", "PIPELINING\x07", "SASL", ".")}},
		{name: "CAPA/without an end", codes: any, slow: true, answers: script.Answers{"CAPA": func(p *script.Peer, _ string) bool {
			p.Send("+OK")
			for range 200000 {
				p.Raw([]byte("X-THING and another thing and another\r\n"))
			}
			p.Close()
			return true
		}}},
		{name: "STAT/wrong", codes: any, answers: script.Answers{"STAT": script.Say("+OK 99999 99999999999")}},
		{name: "STAT/noise", codes: any, answers: script.Answers{"STAT": script.Say("+OK many")}},
		{name: "UIDL/-ERR", codes: failed, answers: script.Answers{"UIDL": script.Say("-ERR not now")}, keeps: true},
		{name: "UIDL/-ERR to the list of all", codes: failed, answers: popUIDL("-ERR not now"), keeps: true},
		{name: "UIDL/nothing", codes: failed, answers: popUIDL("+OK", "."), keeps: true},
		{name: "UIDL/nothing, and nothing of one", codes: failed, answers: script.Answers{"UIDL": func(p *script.Peer, args string) bool {
			if args != "" {
				p.Send("-ERR no such message")
			} else {
				p.Send("+OK", ".")
			}
			return true
		}}, keeps: true},
		{name: "UIDL/nothing, whatever is asked", codes: failed, answers: script.Answers{"UIDL": script.Say("+OK", ".")}, keeps: true},
		{name: "UIDL/a part", codes: failed, answers: popUIDL("+OK", "1 uidl-40", "2 uidl-41", "."), keeps: true},
		{name: "UIDL/a part, then -ERR", codes: failed, answers: popUIDL("+OK", "1 uidl-40", "2 uidl-41", "-ERR lost"), keeps: true},
		{name: "UIDL/a number twice", codes: failed, answers: popUIDL("+OK", "1 uidl-40", "2 uidl-41", "2 uidl-42", "4 uidl-43", "5 uidl-44", "."), keeps: true},
		{name: "UIDL/more than there are", codes: failed, answers: popUIDL("+OK", "1 uidl-40", "2 uidl-41", "3 uidl-42", "4 uidl-43", "5 uidl-44", "6 uidl-3", "."), keeps: true},
		{name: "STAT/none", codes: failed, answers: script.Answers{"STAT": script.Say("+OK 0 0")}, keeps: true},
		{name: "UIDL/half, then the end", codes: []int{1, 5}, answers: script.Answers{"UIDL": func(p *script.Peer, _ string) bool {
			p.Send("+OK", "1 uidl-0", "2 uidl-1")
			p.Close()
			return true
		}}, keeps: true},
		{name: "UIDL/silence", codes: unreachable, answers: script.Answers{"UIDL": popStall}, keeps: true},
		{name: "UIDL/all the same", codes: any, answers: script.Answers{"UIDL": func(p *script.Peer, args string) bool {
			if args != "" {
				p.Sendf("+OK %s same", args)
				return true
			}
			p.Send("+OK")
			for i := range 5 {
				p.Sendf("%d same", i+1)
			}
			p.Send(".")
			return true
		}}, keeps: true},
		{name: "UIDL/numbers that are none", codes: any, answers: script.Answers{"UIDL": script.Say("+OK", "0 a", "-1 b", "99999999999999999999 c", "x d", "1", ".")}, keeps: true},
		{name: "UIDL/of any octets", codes: []int{0}, prepare: func(box *script.Box) {
			for i, m := range box.Messages {
				m.UIDL = []string{"a/b", "..", "x\x01y", "\xff\xfe", strings.Repeat("long", 60), "%41", "a:2,S", "-"}[i%8] + fmt.Sprint(i)
			}
		}, answers: nil},
		{name: "LIST/-ERR", codes: any, answers: script.Answers{"LIST": script.Say("-ERR not now")}},
		{name: "LIST/silence", codes: unreachable, answers: script.Answers{"LIST": popStall}},
		{name: "LIST/half, then the end", codes: []int{1, 5}, answers: script.Answers{"LIST": func(p *script.Peer, _ string) bool {
			p.Send("+OK", "1 100")
			p.Close()
			return true
		}}},
		{name: "LIST/sizes that are wrong", codes: any, answers: script.Answers{"LIST": script.Say("+OK", "1 1", "2 999999", "3 0", "4 99999999999999999999", "5 -3", ".")}},
		{name: "LIST/nothing", codes: failed, answers: script.Answers{"LIST": script.Say("+OK", ".")}, keeps: true},
		{name: "LIST/fewer than UIDL", codes: failed, keeps: true, answers: script.Answers{"LIST": script.Say("+OK", "1 100", ".")}},
		{name: "RETR/-ERR", codes: failed, answers: onRETR("2", script.Say("-ERR cannot read it"))},
		{name: "RETR/silence", codes: []int{1, 5}, slow: true, answers: onRETR("2", popStall)},
		{name: "RETR/closed", codes: []int{1, 5}, answers: onRETR("2", popHangUp)},
		{name: "RETR/reset", codes: []int{1, 5}, answers: onRETR("2", popReset)},
		{name: "RETR/cut in the middle", codes: []int{1, 5}, answers: onRETR("2", func(p *script.Peer, _ string) bool {
			p.Send("+OK")
			p.Raw([]byte(letter(41)[:200]))
			p.Close()
			return true
		})},
		{name: "RETR/cut before the last dot", codes: []int{1, 5}, answers: onRETR("2", func(p *script.Peer, _ string) bool {
			p.Send("+OK")
			p.Raw([]byte(letter(41)))
			p.Close()
			return true
		})},
		{name: "RETR/stalled in the middle", codes: []int{1, 5}, slow: true, answers: onRETR("2", func(p *script.Peer, _ string) bool {
			p.Send("+OK")
			p.Raw([]byte(letter(41)[:200]))
			p.Stall()
			return true
		})},
		{name: "RETR/dripping", codes: []int{0}, slow: true, answers: onRETR("2", func(p *script.Peer, _ string) bool {
			p.Send("+OK")
			p.Drip(script.Stuffed(letter(41)), 20, time.Millisecond)
			return true
		})},
		{name: "RETR/ended by LF.LF", codes: any, answers: onRETR("2", func(p *script.Peer, _ string) bool {
			p.Send("+OK")
			p.Raw([]byte("Subject: x\r\n\r\nhalf\n.\nand the rest\r\n.\r\n"))
			return true
		}), odd: true},
		{name: "RETR/shorter than its size", codes: any, answers: onRETR("2", func(p *script.Peer, _ string) bool {
			p.Send("+OK")
			p.Text(letter(41)[:300])
			return true
		})},
		{name: "RETR/longer than its size", codes: any, answers: onRETR("2", func(p *script.Peer, _ string) bool {
			p.Send("+OK")
			p.Text(letter(41) + body)
			return true
		})},
		{name: "RETR/empty", codes: any, answers: onRETR("2", func(p *script.Peer, _ string) bool { p.Send("+OK", "."); return true })},
		{name: "RETR/ten megabytes in one line", codes: any, slow: true, answers: onRETR("2", func(p *script.Peer, _ string) bool {
			p.Send("+OK")
			for range 10 {
				p.Raw([]byte(strings.Repeat("x", 1<<20)))
			}
			p.Raw([]byte("\r\n.\r\n"))
			return true
		})},
		{name: "RETR/noise in place of the status", codes: []int{1, 5}, answers: onRETR("2", script.Say("\x00\xff what"))},
		{name: "DELE/-ERR", codes: []int{0, 1}, answers: script.Answers{"DELE": script.Say("-ERR no")}, keeps: true},
		{name: "DELE/silence", codes: unreachable, answers: script.Answers{"DELE": popStall}, keeps: true},
		{name: "DELE/closed", codes: []int{1, 5}, answers: script.Answers{"DELE": popHangUp}, keeps: true},
		{name: "QUIT/-ERR", codes: []int{0, 1}, answers: script.Answers{"QUIT": script.Say("-ERR some deleted messages not removed")}, keeps: true},
		{name: "QUIT/silence", codes: []int{0, 1, 5}, answers: script.Answers{"QUIT": popStall}, keeps: true},
		{name: "QUIT/closed", codes: []int{0, 1, 5}, answers: script.Answers{"QUIT": popHangUp}, keeps: true},
		{name: "deletes that do nothing", codes: any, prepare: func(b *script.Box) { b.KeepsDeleted = true }, healed: func(b *script.Box) { b.KeepsDeleted = false }, keeps: true},
		{name: "mail that is hidden once it was fetched", codes: any, prepare: func(b *script.Box) { b.Hides = true }, healed: func(b *script.Box) { b.Hides = false }},
	}
	for _, s := range all {
		t.Run(s.name, s.play)
	}
}

// popUIDL answers the question for all unique-ids, and not those for one.
func popUIDL(lines ...string) script.Answers {
	return script.Answers{"UIDL": func(p *script.Peer, args string) bool {
		if args == "" {
			p.Send(lines...)
		}
		return args == ""
	}}
}

// popLogin answers every way of logging in.
func popLogin(a script.Answer) script.Answers {
	return script.Answers{"PASS": a, "AUTH": a, "APOP": a}
}
