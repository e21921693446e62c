//go:build unix

package hostile

import (
	"strings"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
)

// flood sends octets until the client has had enough.
func flood(what string, lots int) func(p *script.Peer) {
	return func(p *script.Peer) {
		lot := []byte(strings.Repeat(what, 1+(64<<10)/len(what)))
		for range lots {
			p.Raw(lot)
		}
	}
}

func greets(lines ...string) script.Handler {
	return func(p *script.Peer) {
		for _, line := range lines {
			p.Send(line)
		}
		p.Stall()
	}
}

func TestGreetingAndLogIn(t *testing.T) {
	unreachable, refused, either := []int{5}, []int{4}, []int{1, 5}
	play(t, []situation{
		{name: "silence", codes: unreachable, server: func(p *script.Peer) { p.Stall() }},
		{name: "closed at once", codes: unreachable, server: func(p *script.Peer) { p.Close() }},
		{name: "reset at once", codes: unreachable, server: func(p *script.Peer) { p.Reset() }},
		{name: "BYE", codes: unreachable, server: greets("* BYE too many users")},
		{name: "NO", codes: either, server: greets("* NO nothing for you")},
		{name: "a POP3 server", codes: either, server: greets("+OK POP3 ready")},
		{name: "a web server", codes: either, server: greets("HTTP/1.1 400 Bad Request", "Content-Type: text/html", "", "<html>")},
		{name: "binary noise", codes: either, server: greets("\x00\xff\xfe\x01\x80\x1b[31m\x07")},
		{name: "an endless line", codes: either, server: func(p *script.Peer) { flood("* OK and on ", 4000)(p); p.Stall() }},
		{name: "endless lines", codes: either, server: func(p *script.Peer) {
			p.Send("* OK ready")
			flood("* OK still here\r\n", 4000)(p)
			p.Stall()
		}, slow: true},
		{name: "half a greeting", codes: unreachable, server: func(p *script.Peer) { p.Raw([]byte("* OK rea")); p.Stall() }},
		{name: "half a greeting, then the end", codes: unreachable, server: func(p *script.Peer) { p.Raw([]byte("* OK rea")) }},
		{name: "log-in refused", codes: refused, answers: login("$tag NO [AUTHENTICATIONFAILED] no")},
		{name: "log-in refused with the password", codes: refused, answers: login("$tag NO [AUTHENTICATIONFAILED] wrong: " + secret)},
		{name: "log-in refused with escapes", codes: refused, answers: login("$tag NO \x1b[2Jgo away\x07")},
		{name: "log-in BAD", codes: []int{1, 4}, answers: login("$tag BAD what")},
		{name: "log-in unavailable", codes: unreachable, answers: login("$tag NO [UNAVAILABLE] later")},
		{name: "log-in limited", codes: unreachable, answers: login("$tag NO [LIMIT] too many connections")},
		{name: "log-in in use", codes: unreachable, answers: login("$tag NO [INUSE] locked")},
		{name: "log-in expired", codes: refused, answers: login("$tag NO [EXPIRED] password expired")},
		{name: "log-in asked to wait for hours", codes: unreachable, answers: login("$tag NO [THROTTLED] Suggested Backoff Time: 86400000 milliseconds")},
		{name: "log-in silence", codes: unreachable, answers: loginWith(stall)},
		{name: "log-in closed", codes: []int{4, 5}, answers: loginWith(hangUp)},
		{name: "log-in reset", codes: []int{4, 5}, answers: loginWith(reset)},
		{name: "log-in BYE", codes: []int{4, 5}, answers: loginWith(func(p *script.Peer, _ script.Command) bool {
			p.Send("* BYE shutting down")
			p.Close()
			return true
		})},
		{name: "log-in with another tag", codes: either, answers: login("zzz OK logged in")},
		{name: "log-in with an endless answer", codes: either, answers: loginWith(func(p *script.Peer, _ script.Command) bool {
			flood("* OK on and on ", 4000)(p)
			return true
		})},
		{name: "log-in with continuations for ever", codes: []int{1, 4, 5}, answers: loginWith(func(p *script.Peer, _ script.Command) bool {
			for range 10000 {
				p.Send("+ more")
			}
			p.Stall()
			return true
		})},
		{name: "log-in disabled", codes: []int{1, 2, 4, 5}, server: greets("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready")},
		{name: "no capabilities at all", codes: []int{0, 1, 4, 5}, answers: func(*script.Account) script.Answers {
			return script.Answers{"GREETING": say("* OK ready"), "CAPABILITY": say("* CAPABILITY", "$tag OK done")}
		}},
		{name: "capabilities refused", codes: []int{0, 1, 4, 5}, answers: func(*script.Account) script.Answers {
			return script.Answers{"GREETING": say("* OK ready"), "CAPABILITY": say("$tag BAD no")}
		}},
		{name: "capabilities like noise", codes: []int{0, 1, 4, 5}, answers: func(*script.Account) script.Answers {
			return script.Answers{"GREETING": say("* OK ready"), "CAPABILITY": say("* CAPABILITY IMAP4rev1 \x80\xff ((( {9", "$tag OK done")}
		}},
		{name: "every octet by itself", codes: []int{0}, slow: true, answers: func(*script.Account) script.Answers {
			return script.Answers{"GREETING": func(p *script.Peer, _ script.Command) bool {
				p.Drip([]byte("* OK [CAPABILITY "+script.DefaultCaps+"] ready\r\n"), 1)
				return true
			}}
		}},
		{name: "a greeting just in time", codes: []int{0}, slow: true, answers: func(*script.Account) script.Answers {
			return script.Answers{"GREETING": func(p *script.Peer, _ script.Command) bool {
				time.Sleep(timeout / 4)
				return false
			}}
		}},
	})
}

// login answers both ways of logging in.
func login(lines ...string) func(*script.Account) script.Answers { return loginWith(say(lines...)) }

func loginWith(a script.Answer) func(*script.Account) script.Answers {
	return func(*script.Account) script.Answers { return script.Answers{"LOGIN": a, "AUTHENTICATE": a} }
}
