//go:build unix

package hostile

import (
	"fmt"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
)

// bodies answers the fetching of bodies, one message at a time: each is called with the
// sequence number and the message, and says whether it has answered for it.
func onBodies(each func(p *script.Peer, seq int, m *script.Message) bool) func(*script.Account) script.Answers {
	return func(acct *script.Account) script.Answers {
		return script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
			if !strings.Contains(cmd.Args, "BODY.PEEK[]") {
				return false
			}
			acct.Lock()
			defer acct.Unlock()
			set, _, _ := strings.Cut(cmd.Args, " ")
			for seq, m := range boxOf(acct, set).Messages {
				if inSet(set, m.UID) && !each(p, seq+1, m) {
					p.Sendf("* %d FETCH (UID %d BODY[] %s)", seq+1, m.UID, script.Literal(m.Body))
				}
			}
			p.Send("$tag OK done")
			return true
		}}
	}
}

// boxOf guesses the mailbox of a set of UIDs: new mail comes to INBOX alone in these lives.
func boxOf(acct *script.Account, _ string) *script.Mailbox { return acct.Mailbox("INBOX") }

func inSet(set string, uid uint32) bool {
	for part := range strings.SplitSeq(set, ",") {
		var a, b uint32
		if n, _ := fmt.Sscanf(part, "%d:%d", &a, &b); n < 2 {
			b = a
		}
		if a <= uid && uid <= b {
			return true
		}
	}
	return false
}

// The first of the three new messages comes wrong; the others are fetched.
func TestBodies(t *testing.T) {
	const victim = 13 // UID of the first new message
	one := func(f func(p *script.Peer, seq int, m *script.Message)) func(*script.Account) script.Answers {
		return onBodies(func(p *script.Peer, seq int, m *script.Message) bool {
			if m.UID != victim {
				return false
			}
			f(p, seq, m)
			return true
		})
	}
	sends := func(format func(seq int, m *script.Message) string) func(*script.Account) script.Answers {
		return one(func(p *script.Peer, seq int, m *script.Message) { p.Send(format(seq, m)) })
	}
	failed, broke := []int{1}, []int{1, 5}
	play(t, []situation{
		{name: "cut in the middle", codes: broke, answers: one(func(p *script.Peer, seq int, m *script.Message) {
			p.Raw([]byte(fmt.Sprintf("* %d FETCH (UID %d BODY[] {%d}\r\n%s", seq, m.UID, len(m.Body), m.Body[:100])))
			p.Close()
		})},
		{name: "reset in the middle", codes: broke, answers: one(func(p *script.Peer, seq int, m *script.Message) {
			p.Raw([]byte(fmt.Sprintf("* %d FETCH (UID %d BODY[] {%d}\r\n%s", seq, m.UID, len(m.Body), m.Body[:100])))
			p.Reset()
		})},
		{name: "stalled in the middle", codes: broke, answers: one(func(p *script.Peer, seq int, m *script.Message) {
			p.Raw([]byte(fmt.Sprintf("* %d FETCH (UID %d BODY[] {%d}\r\n%s", seq, m.UID, len(m.Body), m.Body[:100])))
			p.Stall()
		}), slow: true},
		{name: "dripping", codes: []int{0}, slow: true, answers: one(func(p *script.Peer, seq int, m *script.Message) {
			p.Drip([]byte(fmt.Sprintf("* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n", seq, m.UID, len(m.Body), m.Body)), 3)
		})},
		{name: "longer than its size", codes: []int{0}, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[] %s)", seq, m.UID, script.Literal(m.Body+"more\r\n"))
		})},
		{name: "shorter than its size", codes: []int{0}, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[] %s)", seq, m.UID, script.Literal(m.Body[:len(m.Body)/2]))
		})},
		{name: "a hundred gigabytes announced", codes: broke, slow: true, answers: one(func(p *script.Peer, seq int, m *script.Message) {
			p.Raw([]byte(fmt.Sprintf("* %d FETCH (UID %d BODY[] {107374182400}\r\n%s", seq, m.UID, m.Body)))
			p.Close()
		})},
		{name: "more octets announced than a number holds", codes: broke, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[] {99999999999999999999999}\r\n%s)", seq, m.UID, m.Body)
		})},
		{name: "a negative size", codes: broke, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[] {-5}\r\n%s)", seq, m.UID, m.Body)
		})},
		{name: "NIL", codes: failed, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[] NIL)", seq, m.UID)
		})},
		{name: "no body", codes: failed, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf("* %d FETCH (UID %d FLAGS ())", seq, m.UID)
		})},
		{name: "no answer", codes: failed, answers: one(func(*script.Peer, int, *script.Message) {})},
		{name: "empty", codes: []int{0}, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf(`* %d FETCH (UID %d BODY[] "")`, seq, m.UID)
		})},
		{name: "another UID", codes: failed, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf("* %d FETCH (UID 4711 BODY[] %s)", seq, script.Literal(m.Body))
		})},
		{name: "the UID of a message that is here", codes: failed, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf("* %d FETCH (UID 3 BODY[] %s)", seq, script.Literal("not what it should be\r\n"))
		})},
		{name: "no UID", codes: []int{0, 1}, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf("* %d FETCH (BODY[] %s)", seq, script.Literal(m.Body))
		})},
		{name: "the UID after the body", codes: []int{0}, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf("* %d FETCH (BODY[] %s UID %d)", seq, script.Literal(m.Body), m.UID)
		})},
		{name: "twice", codes: []int{0}, answers: one(func(p *script.Peer, seq int, m *script.Message) {
			for range 2 {
				p.Sendf("* %d FETCH (UID %d BODY[] %s)", seq, m.UID, script.Literal(m.Body))
			}
		})},
		{name: "twice, and different", codes: []int{0, 1}, answers: one(func(p *script.Peer, seq int, m *script.Message) {
			p.Sendf("* %d FETCH (UID %d BODY[] %s)", seq, m.UID, script.Literal(m.Body))
			p.Sendf("* %d FETCH (UID %d BODY[] %s)", seq, m.UID, script.Literal("something else\r\n"))
		})},
		{name: "all in one command refused", codes: failed, answers: func(*script.Account) script.Answers {
			return script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
				return strings.Contains(cmd.Args, "BODY") && say("$tag NO cannot read the store")(p, cmd)
			}}
		}},
		{name: "BAD", codes: failed, answers: func(*script.Account) script.Answers {
			return script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
				return strings.Contains(cmd.Args, "BODY") && say("$tag BAD internal error")(p, cmd)
			}}
		}},
		{name: "a body and then NO", codes: failed, answers: func(acct *script.Account) script.Answers {
			return script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
				if !strings.Contains(cmd.Args, "BODY") {
					return false
				}
				set, _, _ := strings.Cut(cmd.Args, " ")
				for seq, m := range acct.Mailbox("INBOX").Messages {
					if inSet(set, m.UID) {
						p.Sendf("* %d FETCH (UID %d BODY[] %s)", seq+1, m.UID, script.Literal(m.Body))
					}
				}
				p.Send("$tag NO [SERVERBUG] some of it may be wrong")
				return true
			}}
		}},
		{name: "silence", codes: broke, slow: true, answers: func(*script.Account) script.Answers {
			return script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
				return strings.Contains(cmd.Args, "BODY") && stall(p, cmd)
			}}
		}},
		{name: "BYE in the middle", codes: broke, answers: one(func(p *script.Peer, seq int, m *script.Message) {
			p.Send("* BYE shutting down")
			p.Close()
		})},
		{name: "another section", codes: []int{0, 1}, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[HEADER] %s)", seq, m.UID, script.Literal("Subject: a header only\r\n\r\n"))
		})},
		{name: "a part of it", codes: []int{0, 1}, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[]<0> %s)", seq, m.UID, script.Literal(m.Body[:50]))
		})},
		{name: "with what nobody asked for", codes: []int{0}, answers: sends(func(seq int, m *script.Message) string {
			return fmt.Sprintf(`* %d FETCH (X-STRANGE (a "b" (c)) UID %d FLAGS (\Seen) BODY[] %s ENVELOPE NIL)`, seq, m.UID, script.Literal(m.Body))
		})},
		{name: "marked as read by reading", codes: []int{0}, answers: one(func(p *script.Peer, seq int, m *script.Message) {
			p.Sendf(`* %d FETCH (UID %d FLAGS (\Seen) BODY[] %s)`, seq, m.UID, script.Literal(m.Body))
		})},
	})
}
